package media

import (
	"github.com/offhook/offhook/edge/media/dtmf"
)

// SendDigits queues digits (0-9 * # A-D) as RFC 4733 events: 100 ms each with pauses of 60 ms, in place of what the
// party hears meanwhile; w is a pause of half a second. It is false, and nothing is sent, when the party has no
// telephone-event or does not receive, when digits has anything else in it, or when more than 128 would wait.
func (e *Endpoint) SendDigits(digits string) bool {
	s := &e.tx
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.open || s.event == noType || !s.digits.Queue(digits) {
		return false
	}
	if s.digits.Busy() {
		s.dialing = true
		e.eng.wheel.need(e, &e.seat, dials, true)
	}
	return true
}

// sendDigit is one turn of a digit. After the last the relay begins anew, since numbers were used up meanwhile.
func (s *sender) sendDigit(sc *scratch, slot int64) {
	s.clock.talking, s.relay.mapped = false, false
	if !s.open || s.event == noType {
		s.digits.Clear()
		return
	}
	p, ok := s.digits.Next()
	if !ok {
		return
	}
	if p.First {
		s.toneTS = s.clock.at(slot)
	}
	var b [dtmf.Size]byte
	ev := s.byClock(p.Event, perSlot)
	ev.Put(b[:])
	s.write(sc, s.next(s.event, s.toneTS, p.First), b[:], s.lasts(ev))
}

// PassesDigits is true while the RTP digits of another endpoint's party reach this one's as they come: it is a plain
// relay of it that keeps no digits back, and its party takes telephone-event.
func (e *Endpoint) PassesDigits(from *Endpoint) bool {
	s := &e.tx
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open && s.relay.from == from && s.event != noType && !s.noDigits
}
