package verbs

import (
	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/schemas/verb"
)

// transfer hands an answered call on: a dial during which the caller, and whom the caller spoke with, are on hold with
// music and the script waits. Success ends the script and lets go of whom the caller spoke with. On failure that
// conversation goes on, if it is still there, and so does the script that asked.
func transfer(v *verb.Transfer) call.Verb {
	return &dial{Purpose: toTransfer, Spec: &verb.Dial{To: v.To, Ring: v.Ring, RingFor: v.RingFor, CallerID: v.CallerID,
		CallerName: v.CallerName, Anonymous: v.Anonymous, Headers: v.Headers, On: v.On, Next: v.Next}}
}

// holdAll keeps everybody on hold, and the script waiting, while a transfer is tried.
func (v *dial) holdAll(r *call.Run) {
	v.From = r.Partner(r.Caller())
	r.Stay()
	r.Hold(r.Caller())
	if v.From != 0 {
		r.Hold(v.From)
	}
}
