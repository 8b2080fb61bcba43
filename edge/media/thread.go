package media

import "github.com/offhook/offhook/edge/media/opus"

// thread follows the packets of Opus in a stream: they are decoded in their order, and what is missing between them is
// made up when the next one comes, which may repeat it.
type thread struct {
	begun bool
	last  uint16 // number of the newest packet
	until uint32 // where its sound ends,
	lasts uint32 // and how long it is
}

// next says how much is missing before a packet, in samples of 16 kHz. late: another one is heard in its place already.
func (t *thread) next(in *inbound) (lost int, late bool) {
	after, lasts := int16(in.seq-t.last), in.codec.lasts(in.payload)
	if t.begun && after <= 0 && after > -maxMisorder {
		return 0, true
	}
	if missing := int32(in.ts - t.until); t.begun && after > 1 && after < maxDropout && missing > 0 {
		lost = opus.Lost(min(uint32(missing), uint32(after-1)*t.lasts))
	}
	*t = thread{begun: true, last: in.seq, until: in.ts + lasts, lasts: lasts}
	return lost, false
}

// pass takes the number of a packet of something else.
func (t *thread) pass(in *inbound) {
	if int16(in.seq-t.last) > 0 {
		t.last = in.seq
	}
}
