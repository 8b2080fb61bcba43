package media

import "github.com/offhook/offhook/edge/media/opus"

const (
	mostPatience = 3    // packets
	forgetful    = 1000 // packets in order, after which a line counts as one that keeps them so
)

// thread brings the packets of a stream into their order, for what decodes or codes them has a state, and finds what is
// missing between them. On a line where none comes behind another nothing waits: a packet after a gap is good at once. Once
// one came late, as many wait for those before them as it took.
type thread struct {
	begun    bool
	last     uint16 // number of the newest packet that was given on
	got      uint64 // which of the last 64 were, itself first
	until    uint32 // where its sound ends,
	lasts    uint32 // and how long it is
	patience int    // packets that may wait
	calm     int    // packets since that was of use
	waiting  *waiting
}

// waiting are the packets that came before their turn.
type waiting struct {
	n  int
	of [mostPatience + 1]struct {
		in      inbound
		there   bool
		payload [opus.MaxPacket]byte
	}
}

// straight takes a packet. False: it is not its turn, or it came before; those that were waiting for it follow by next.
func (t *thread) straight(in *inbound) bool {
	switch after := int(int16(in.seq - t.last)); {
	case !t.begun || after <= -maxMisorder || after >= maxDropout:
		t.restart()
		return true
	case after <= 0:
		t.late(-after)
		return false
	case after == 1:
		t.settle()
		return true
	case t.patience == 0:
		return true
	}
	t.wait(in)
	return false
}

// restart begins another stream; what waits is of the one before.
func (t *thread) restart() {
	*t = thread{patience: t.patience, waiting: t.waiting}
	if w := t.waiting; w != nil && w.n > 0 {
		w.n = 0
		for i := range w.of {
			w.of[i].there = false
		}
	}
}

// late counts a packet that another was heard in the place of, unless it is that very one again.
func (t *thread) late(by int) {
	if by < 64 && t.got>>by&1 == 0 {
		t.got |= 1 << by
		t.patience, t.calm = min(max(t.patience, by), mostPatience), 0
	}
}

// settle counts packets that come in order; one that others waited for shows that waiting is of use.
func (t *thread) settle() {
	if t.calm++; t.waiting != nil && t.waiting.n > 0 {
		t.calm = 0
	}
	if t.calm == forgetful {
		t.patience = 0
	}
}

// wait keeps a packet, once.
func (t *thread) wait(in *inbound) {
	if t.waiting == nil {
		t.waiting = new(waiting)
	}
	w, free := t.waiting, -1
	for i := range w.of {
		switch x := &w.of[i]; {
		case !x.there:
			free = i
		case x.in.seq == in.seq:
			return
		}
	}
	x := &w.of[free] // next leaves room
	x.in, x.there = *in, true
	x.in.payload = x.payload[:copy(x.payload[:], in.payload)]
	w.n++
}

// next gives the next one of those that wait, if it is its turn or too many wait; nil: none. It is good until straight.
func (t *thread) next() *inbound {
	w := t.waiting
	for w != nil && w.n > 0 {
		first := t.first()
		x := &w.of[first]
		after := int16(x.in.seq - t.last)
		if after > 1 && w.n <= t.patience {
			return nil
		}
		x.there = false
		w.n--
		if after > 0 {
			return &x.in
		}
	}
	return nil
}

// first is the place of the oldest of those that wait.
func (t *thread) first() (at int) {
	least := int16(1<<15 - 1)
	for i := range t.waiting.of {
		if x := &t.waiting.of[i]; x.there && int16(x.in.seq-t.last) < least {
			at, least = i, int16(x.in.seq-t.last)
		}
	}
	return at
}

// follow has a packet given on, and says how much is missing before it, in samples of 16 kHz.
func (t *thread) follow(in *inbound) (lost int) {
	after, lasts := in.seq-t.last, in.codec.lasts(in.payload)
	if missing := int32(in.ts - t.until); t.begun && after > 1 && missing > 0 {
		lost = opus.Lost(min(uint32(missing), uint32(after-1)*t.lasts))
	}
	t.move(in.seq)
	t.until, t.lasts = in.ts+lasts, lasts
	return lost
}

func (t *thread) move(seq uint16) {
	t.got = t.got<<(seq-t.last) | 1
	t.begun, t.last = true, seq
}

// pass takes the number of a packet of something else.
func (t *thread) pass(in *inbound) {
	if t.begun && int16(in.seq-t.last) > 0 {
		t.move(in.seq)
	}
}
