// Package dtmf reads and makes digits as RTP telephone events (RFC 4733). Those that are made have a clock of 8000 Hz, those
// that are read the one that Receiver.Clock says. It knows no sockets, no RTP headers beyond timestamp and marker, and no
// tones in the audio.
package dtmf

import (
	"cmp"
	"encoding/binary"
	"strings"
	"time"
)

// keys in the order of their event codes (RFC 4733 table 3).
const keys = "0123456789*#ABCD"

// Size is the length of an event's payload in bytes.
const Size = 4

// volume is what we send, in -dBm0 (RFC 4733 section 2.3.4).
const volume = 10

// Event is one telephone-event payload (RFC 4733 section 2.3).
type Event struct {
	Code     byte
	End      bool
	Duration uint16 // in samples
}

// Parse reads a payload; ok is false when it is too short. What follows the first block is not looked at.
func Parse(payload []byte) (ev Event, ok bool) {
	if len(payload) < Size {
		return Event{}, false
	}
	return Event{Code: payload[0], End: payload[1]&0x80 != 0, Duration: binary.BigEndian.Uint16(payload[2:])}, true
}

// Put writes the payload to the first Size bytes of b.
func (ev Event) Put(b []byte) {
	b[0], b[1] = ev.Code, volume
	if ev.End {
		b[1] |= 0x80
	}
	binary.BigEndian.PutUint16(b[2:Size], ev.Duration)
}

// Code gives the event code of a key; ok is false for anything but 0-9, *, #, A-D and a-d.
func Code(key byte) (code byte, ok bool) {
	if key >= 'a' && key <= 'd' {
		key -= 'a' - 'A'
	}
	i := strings.IndexByte(keys, key)
	return byte(max(i, 0)), i >= 0
}

// Valid says whether every byte of digits is a key.
func Valid(digits string) bool {
	for i := range len(digits) {
		if _, ok := Code(digits[i]); !ok {
			return false
		}
	}
	return true
}

// samples as time.
func samples(n, clock uint32) time.Duration {
	return time.Duration(n) * time.Second / time.Duration(cmp.Or(clock, 8000))
}
