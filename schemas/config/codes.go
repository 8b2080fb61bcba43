package config

import "cmp"

// DefaultCodes are the dial codes of a tenant that sets none.
var DefaultCodes = Codes{Listen: "4#", Whisper: "5#", Barge: "6#", Pickup: "*8", Retrieve: "*7"}

// Filled has the default for every code that is not set.
func (c Codes) Filled() Codes {
	d := DefaultCodes
	return Codes{Listen: cmp.Or(c.Listen, d.Listen), Whisper: cmp.Or(c.Whisper, d.Whisper), Barge: cmp.Or(c.Barge, d.Barge),
		Pickup: cmp.Or(c.Pickup, d.Pickup), Retrieve: cmp.Or(c.Retrieve, d.Retrieve)}
}
