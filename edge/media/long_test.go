package media

import (
	"testing"

	"github.com/offhook/offhook/edge/media/srtp"
)

// Numbers of packets wrap after 22 minutes, and half of that is as far as they can be told apart.
func TestRelayOfALongCallGoesOn(t *testing.T) {
	for _, to := range []string{bothCodecs, onlyW} {
		inBubble(t, nil, func(r *rig) {
			a, b := r.phone(bothCodecs), r.phone(to)
			bridge(a, b)
			for minute := range 12 {
				a.talk(1, 60*50)
				got := b.hears()
				r.oneStream(got)
				if len(got) != 60*50 {
					r.Fatalf("to %q, minute %d: %d packets", to, minute, len(got))
				}
			}
		})
	}
}

// Who misses our first packets and hears the stream only after a wrap takes its rollover counter for 0, and decrypts nothing
// of the call.
func TestNumbersOfOurStreamBeginFarFromTheirWrap(t *testing.T) {
	for range 1000 {
		if c := newClock(perSlot); c.seq >= 1<<15 {
			t.Fatal(c.seq)
		}
	}
}

func TestEncryptedRelayOfALongCallGoesOn(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		a, b := r.locked(srtp.Suites[0], 1), r.locked(srtp.Suites[2], 2)
		bridge(a.phone, b.phone)
		for minute := range 12 {
			a.talk(1, 60*50)
			if got := b.hears(); len(got) != 60*50 {
				r.Fatalf("minute %d: %d packets", minute, len(got))
			}
		}
	})
}

// A conference hears a party for as long as it speaks, and all that it says.
func TestMixOfALongCallGoesOn(t *testing.T) {
	for _, from := range []string{bothCodecs, onlyW} {
		inBubble(t, nil, func(r *rig) {
			a, b, c := r.phone(from), r.phone(bothCodecs), r.phone(bothCodecs)
			c.end.Hear([]Heard{{From: a.end}, {From: b.end}})
			for minute := range 12 {
				a.talk(1, 60*50)
				got := c.hears()
				r.oneStream(got)
				if n := len(got); n < 60*50-10 || n > 60*50 {
					r.Fatalf("from %q, minute %d: %d packets", from, minute, n)
				}
			}
			counts := a.end.rx.tap.buf().Counts()
			if counts.Late+counts.Duplicates > 0 || counts.Concealed > frameSize {
				r.Errorf("%+v", counts)
			}
		})
	}
}
