package dtmf

import "time"

// gap is how long a digit goes on without a packet before it counts as ended. Senders repeat every 20 to 50 ms
// (RFC 4733 section 2.5.1.2), so three packets are lost by then.
const gap = 160 * time.Millisecond

// unseen is how much of a digit may be lost before its first packet that comes.
const unseen = time.Second

// every and burst bound the digits that are told: nobody presses more than 20 a second, and a line that stood may bring those
// of a second at once. A flood of them would go into the log of events.
const (
	every = 50 * time.Millisecond
	burst = time.Second
)

// Digit is one key that was pressed.
type Digit struct {
	Key      string
	Duration time.Duration
}

// Receiver finds digits in a stream of events. The zero value is ready.
type Receiver struct {
	Clock uint32 // samples a second of what comes next; 0: 8000

	code     byte
	seen     bool // there was an event; ts belongs to it
	active   bool // it has not been told yet
	changed  bool // what comes next is of another stream
	ts       uint32
	before   uint32 // samples of earlier segments of a long event
	duration uint16
	first    time.Duration
	last     time.Duration
	paid     time.Duration // until when digits have used up what is allowed
}

// Packet takes one packet and gives the digits that ended with it: none, one, or two when the end of the one before
// was lost and this is the end of the next. now is any clock that only goes forward.
func (r *Receiver) Packet(ts uint32, marker bool, ev Event, now time.Duration) (done [2]Digit, n int) {
	if int(ev.Code) >= len(keys) {
		return done, 0
	}
	if r.seen && !r.changed && ts != r.ts {
		if int32(ts-r.ts) < 0 && now-r.last < time.Second {
			return done, 0 // late packet of an earlier event
		}
		if r.continues(ts, marker, ev) {
			r.before += uint32(r.duration)
			r.ts, r.duration = ts, 0
		}
	}
	if !r.seen || r.changed || ts != r.ts {
		if d, ok := r.finish(); ok {
			done[n], n = d, n+1
		}
		if r.paid > now+burst {
			return done, n
		}
		*r = Receiver{Clock: r.Clock, code: ev.Code, seen: true, active: true, ts: ts, first: now, paid: max(r.paid, now) + every}
	}
	r.last = now
	r.duration = max(r.duration, ev.Duration)
	if ev.End {
		if d, ok := r.finish(); ok {
			done[n], n = d, n+1
		}
	}
	return done, n
}

// Change is told when another stream follows: its times have nothing to do with those before.
func (r *Receiver) Change() { r.changed = true }

// continues tells the next segment of an event longer than 0xFFFF samples (RFC 4733 section 2.5.1.3): same event,
// no marker, and it starts where the segment before ended.
func (r *Receiver) continues(ts uint32, marker bool, ev Event) bool {
	return r.active && !marker && ev.Code == r.code && ts-r.ts == uint32(r.duration) && r.duration >= 0xF000
}

// Active says that a digit has begun and not ended, so Expire must be called.
func (r *Receiver) Active() bool { return r.active }

// Expire ends a digit of which no packet came for a while.
func (r *Receiver) Expire(now time.Duration) (Digit, bool) {
	if !r.active || now-r.last < gap {
		return Digit{}, false
	}
	return r.finish()
}

// finish tells the digit once; what still comes with its timestamp is a repetition. Packets may say that it lasted for
// hours: it is no longer than they came, and than as many before them as may be lost.
func (r *Receiver) finish() (Digit, bool) {
	if !r.active {
		return Digit{}, false
	}
	r.active = false
	said := samples(r.before+uint32(r.duration), r.Clock)
	return Digit{Key: keys[r.code : r.code+1], Duration: min(said, r.last-r.first+unseen)}, true
}
