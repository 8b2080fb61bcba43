package media

import (
	"context"
	"sync"
	"time"
)

const (
	slots     = 20 // of 1 ms: one turn is one frame
	frameSize = 160
	perSlot   = 8       // RTP clock of a slot
	farBehind = 50 * 20 // slots; a process that was stopped for longer skips what it missed
)

// ticker is what sits on the wheel. All produce calls of a slot come before its consume calls.
type ticker interface {
	produce(sc *scratch, slot int64) // make the sound of this frame
	consume(sc *scratch, slot int64) // send what is heard
}

// wheel calls its members every 20 ms. Slot n begins n ms after the engine's start, however late the ones before were,
// so nothing drifts. With no members it sleeps.
type wheel struct {
	clock func() time.Duration
	wake  chan struct{}

	mu      sync.Mutex
	members [slots][]member
	count   int
	done    int64 // the slot that was served last
}

type member struct {
	t    ticker
	seat *seat
}

// seat is a member's place; the wheel's lock guards it.
type seat struct {
	why   reason // 0: not on the wheel
	gone  bool   // never again
	slot  int8
	index int32
	from  int64 // the first slot that counts: a wheel that is late serves older ones first
}

// reason is why a member needs the wheel; it stays while there is one.
type reason uint8

const (
	plays    reason = 1 << iota // a player
	mixes                       // hears something that is not a plain relay
	isMixed                     // its sound goes into somebody's mix
	dials                       // digits go out
	isDialed                    // a digit comes in
	records                     // a recorder
	monitors                    // a monitor
)

func newWheel(clock func() time.Duration) *wheel {
	return &wheel{clock: clock, wake: make(chan struct{}, 1)}
}

func (w *wheel) slotNow() int64 { return int64(w.clock() / time.Millisecond) }

// need adds or takes away a reason. Who takes a seat is called in the next slot first.
func (w *wheel) need(t ticker, s *seat, why reason, on bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	before := s.why
	if on && !s.gone {
		s.why |= why
	} else {
		s.why &^= why
	}
	switch {
	case before == 0 && s.why != 0:
		w.sit(t, s)
	case before != 0 && s.why == 0:
		w.leave(s)
	}
}

// evict takes a member off for good, whatever reason comes late.
func (w *wheel) evict(t ticker, s *seat) {
	w.mu.Lock()
	s.gone = true
	w.mu.Unlock()
	w.need(t, s, ^reason(0), false)
}

func (w *wheel) sit(t ticker, s *seat) {
	now := w.slotNow()
	if w.count == 0 {
		w.done = now
	}
	w.count++
	s.from = max(now, w.done) + 1
	s.slot = int8(s.from % slots)
	s.index = int32(len(w.members[s.slot]))
	w.members[s.slot] = append(w.members[s.slot], member{t, s})
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (w *wheel) leave(s *seat) {
	list := w.members[s.slot]
	last := len(list) - 1
	list[s.index] = list[last]
	list[s.index].seat.index = s.index
	list[last] = member{}
	w.members[s.slot] = list[:last]
	w.count--
}

func (w *wheel) run(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	sc := new(scratch)
	var batch []member
	for ctx.Err() == nil {
		slot, ok := w.next()
		if wait := w.until(slot, ok); wait > 0 {
			timer.Reset(wait)
			select {
			case <-ctx.Done():
			case <-w.wake:
			case <-timer.C:
			}
			continue
		}
		batch = w.take(slot, batch[:0])
		serve(sc, slot, batch)
		clear(batch)
	}
}

// until is the time to a slot; an hour when there is none to wait for.
func (w *wheel) until(slot int64, ok bool) time.Duration {
	if !ok {
		return time.Hour
	}
	return time.Duration(slot)*time.Millisecond - w.clock()
}

// next finds the next slot with members.
func (w *wheel) next() (int64, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.count == 0 {
		return 0, false
	}
	if behind := w.slotNow() - w.done; behind > farBehind {
		w.done += behind / slots * slots
	}
	for slot := w.done + 1; ; slot++ {
		if len(w.members[slot%slots]) > 0 {
			return slot, true
		}
	}
}

// take copies the members of a slot, so that they may come and go while they are called.
func (w *wheel) take(slot int64, batch []member) []member {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.done = slot
	for _, m := range w.members[slot%slots] {
		if m.seat.from <= slot {
			batch = append(batch, m)
		}
	}
	return batch
}

func serve(sc *scratch, slot int64, batch []member) {
	for _, m := range batch {
		m.t.produce(sc, slot)
	}
	for _, m := range batch {
		m.t.consume(sc, slot)
	}
}
