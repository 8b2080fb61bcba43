package media

import (
	"testing"
	"time"

	"github.com/pion/rtp"
)

// What is lost on the way is made up in a mix or a recording; what was not sent is silence.
func TestMixMakesUpWhatIsLost(t *testing.T) {
	const loud = 0x10 // the code of a loud sample
	for name, c := range map[string]struct {
		gap    func(r *rig, b *phone)
		louder bool
	}{
		"loss":          {func(_ *rig, b *phone) { b.seq++ }, true},
		"pause":         {func(*rig, *phone) {}, false},
		"comfort noise": {func(_ *rig, b *phone) { b.rest() }, false},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, func(r *rig) {
				a, b, p := r.phone(onlyU), r.phone(onlyU), r.phone(onlyU)
				a.end.Hear([]Heard{{From: b.end}, {From: p.end}})
				b.talk(loud, 10)
				c.gap(r, b)
				time.Sleep(frameTime)
				b.ts += frameSize
				b.talk(loud, 10)
				made := true
				for _, h := range a.hears()[4:20] {
					made = made && h.Payload[80] < 0x30
				}
				if made != c.louder {
					r.Errorf("made up: %v", made)
				}
			})
		})
	}
}

// rest sends comfort noise (RFC 3389) and uses its number.
func (p *phone) rest() {
	p.send(rtp.Header{PayloadType: 13, SequenceNumber: p.seq, Timestamp: p.ts, SSRC: p.ssrc}, []byte{60})
	p.seq++
}
