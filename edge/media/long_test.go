package media

import "testing"

// Numbers of packets wrap after 22 minutes, and half of that is as far as they can be told apart.
func TestRelayOfALongCallGoesOn(t *testing.T) {
	for _, to := range []string{bothCodecs, onlyA, onlyW} {
		inBubble(t, nil, func(r *rig) {
			a, b := r.phone(bothCodecs), r.phone(to)
			bridge(a, b)
			for minute := range 30 {
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
