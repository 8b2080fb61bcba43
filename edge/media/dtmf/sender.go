package dtmf

import "strings"

// Shape of a sent digit, in ticks of 20 ms: 100 ms of tone and a pause of 60 ms, the end told three times
// (RFC 4733 section 2.5.1.4).
const (
	tick     = 160 // samples
	tone     = 5   // ticks; the last of them carries the first end packet
	ends     = 3
	period   = 8 // tone and pause
	maxQueue = 128

	wait      = 'w'
	waitCode  = 0xFF
	waitTicks = 25 // half a second
)

// Sender makes the packets of queued digits, one every 20 ms. The zero value is ready.
type Sender struct {
	queue []byte // event codes; the first is being sent
	step  int
}

// Packet is what to send at one tick.
type Packet struct {
	Event Event
	First bool // marker bit, and the timestamp is taken now and kept for the digit
}

// Queue appends digits, w for a pause of half a second; it takes all or, when one is no key or there are too many, none.
func (s *Sender) Queue(digits string) bool {
	if !Valid(strings.ReplaceAll(digits, string(wait), "")) || len(s.queue)+len(digits) > maxQueue {
		return false
	}
	for i := range len(digits) {
		code, ok := Code(digits[i])
		if !ok {
			code = waitCode
		}
		s.queue = append(s.queue, code)
	}
	return true
}

// Busy says that Next must be called every 20 ms, and that no audio is sent meanwhile.
func (s *Sender) Busy() bool { return len(s.queue) > 0 }

// Clear forgets what was not sent.
func (s *Sender) Clear() { s.queue, s.step = nil, 0 }

// Next is one tick; ok is false in a pause.
func (s *Sender) Next() (p Packet, ok bool) {
	if !s.Busy() {
		return Packet{}, false
	}
	code, step := s.queue[0], s.step
	last := period
	if code == waitCode {
		last = waitTicks
	}
	if s.step++; s.step == last {
		s.pop()
	}
	if code == waitCode || step >= tone-1+ends {
		return Packet{}, false
	}
	duration := min(step+1, tone) * tick
	return Packet{Event: Event{Code: code, End: step >= tone-1, Duration: uint16(duration)}, First: step == 0}, true
}

func (s *Sender) pop() {
	s.step = 0
	if s.queue = s.queue[1:]; len(s.queue) == 0 {
		s.queue = nil
	}
}
