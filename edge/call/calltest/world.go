// Package calltest is what surrounds a call in tests and simulation: for each thing that a call has outstanding it knows
// what may happen next, and it holds the call to the rules between core and shell. It is a model; it does no I/O and
// knows nothing of verbs.
package calltest

import (
	"fmt"
	"slices"
	"time"

	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/schemas/event"
)

// Config says what a world may bring. The zero value has no answers to asks (each fails) and one device per target.
type Config struct {
	Answers      func(call.AskStart) []call.AskAnswered // Ask is set by the world
	Destinations func(call.Resolve) []call.Resolved     // Resolve is set by the world
	Digits       []string                               // that parties press
	Holds        int                                    // per leg
	Presses      int                                    // digits per leg
	Parties      int                                    // that may stand at once, default 2
	Refers       []call.LegReferred                     // that a party may ask for, one of them; Leg is set by the world
	Moved        []string                               // where a 302 may lead
	Late         int                                    // stopped timers, playbacks and asks that come nevertheless
}

// World is the model. Its fields are values, so Clone gives a world that goes its own way.
type World struct {
	cfg  Config
	legs []leg
	sounds
	timers   []timer
	asks     []call.AskStart
	resolves []call.Resolve
	late     []call.Input // in flight when they were stopped
	lates    int
	mix      call.Mix
	names    []call.Name
	loans    []int // lent, and neither given back nor taken back
	taken    []int // of these: somebody has them
	inTown   bool  // other calls answer for themselves
	last     int   // highest number given by the call
	seq      int64 // of the last event
	begun    bool
	hung     bool
	over     bool
}

// sounds are what plays and who hears it beside the legs.
type sounds struct {
	plays   []int
	paused  []int // of plays
	records []recording
	streams []streaming
	detects []detection
}

type leg struct {
	n         int
	inbound   bool
	answering bool // LegAnswer was given
	answered  bool
	rang      bool
	early     bool
	held      bool
	told      bool // LegEnd was given
	lent      bool // of another call: it has no wire here
	crossed   bool // answered after it was told: LegEnd must come again
	holds     int
	presses   int
	refers    int // REFERs of the party
	referred  int // of these without an outcome yet
	sent      int // REFERs of ours without one
}

type timer struct {
	n  int
	at time.Time
}

// Choice is one thing that may happen next, and not before At (zero: at any time).
type Choice struct {
	Input call.Input
	At    time.Time
	Ends  bool // it brings the end nearer: what must happen if nothing else does
}

// New makes a world without a call in it.
func New(cfg Config) *World { return &World{cfg: cfg} }

// Clone gives an independent copy.
func (w *World) Clone() *World {
	c := *w
	c.legs, c.plays, c.timers = slices.Clone(w.legs), slices.Clone(w.plays), slices.Clone(w.timers)
	c.paused = slices.Clone(w.paused)
	c.records, c.detects = slices.Clone(w.records), slices.Clone(w.detects)
	c.streams = slices.Clone(w.streams)
	c.asks, c.resolves, c.late = slices.Clone(w.asks), slices.Clone(w.resolves), slices.Clone(w.late)
	c.loans, c.taken = slices.Clone(w.loans), slices.Clone(w.taken)
	return &c
}

// Over is true once the call said so.
func (w *World) Over() bool { return w.over }

func (w *World) leg(n int) *leg {
	for i := range w.legs {
		if w.legs[i].n == n {
			return &w.legs[i]
		}
	}
	return nil
}

// Happens takes note of an input that is given to the call.
func (w *World) Happens(in call.Input) {
	switch in := in.(type) {
	case call.Begin:
		w.begun = true
		if in.Leg {
			w.legs, w.last = append(w.legs, leg{n: 1, inbound: true}), 1
		}
	case call.LegProgress:
		l := w.leg(in.Leg)
		l.rang, l.early = true, l.early || in.EarlyMedia
	case call.LegAnswered:
		l := w.leg(in.Leg)
		l.answered, l.crossed = true, l.told && !l.inbound
	case call.LegHeld:
		l := w.leg(in.Leg)
		l.held, l.holds = true, l.holds+1
	case call.LegResumed:
		w.leg(in.Leg).held = false
	case call.Digit:
		w.leg(in.Leg).presses++
	case call.LegReferred, call.LegNotified:
		w.refer(in)
	case call.LegEnded:
		w.legs = slices.DeleteFunc(w.legs, func(l leg) bool { return l.n == in.Leg })
	default:
		w.lentHappens(in)
		w.things(in)
	}
	w.late = slices.DeleteFunc(w.late, func(l call.Input) bool { return sameThing(l, in) })
}

func (w *World) things(in call.Input) {
	switch in := in.(type) {
	case call.PlayEnded:
		w.plays = without(w.plays, func(n int) bool { return n == in.Play })
	case call.TimerFired:
		w.timers = without(w.timers, func(t timer) bool { return t.n == in.Timer })
	case call.AskAnswered:
		w.asks = without(w.asks, func(a call.AskStart) bool { return a.Ask == in.Ask })
	case call.Resolved:
		w.resolves = without(w.resolves, func(r call.Resolve) bool { return r.Resolve == in.Resolve })
	case call.StreamStarted, call.StreamEnded:
		w.streamHappens(in)
	case call.Detected:
		w.detects = slices.Clone(w.detects)
		for i := range w.detects {
			if w.detects[i].n == in.Detect {
				w.detects[i].told++
			}
		}
	case call.RecordEnded:
		w.records = without(w.records, func(r recording) bool { return r.n == in.Record })
	}
}

func without[T any](list []T, is func(T) bool) []T { return slices.DeleteFunc(list, is) }

func sameThing(a, b call.Input) bool {
	switch a := a.(type) {
	case call.PlayEnded:
		b, ok := b.(call.PlayEnded)
		return ok && a.Play == b.Play
	case call.TimerFired:
		b, ok := b.(call.TimerFired)
		return ok && a.Timer == b.Timer
	case call.Detected:
		b, ok := b.(call.Detected)
		return ok && a.Detect == b.Detect
	case call.AskAnswered:
		b, ok := b.(call.AskAnswered)
		return ok && a.Ask == b.Ask
	}
	return false
}

// Stuck tells why a call that is not over would never go on: nothing is outstanding but its standing legs, and no bridge
// joins them.
func (w *World) Stuck() error {
	if w.over || !w.begun || w.meeting() || len(w.plays)+len(w.timers)+len(w.asks)+len(w.resolves)+len(w.records)+len(w.streams) > 0 {
		return nil
	}
	for _, l := range w.legs {
		if l.told || !l.answered && !l.inbound {
			return nil
		}
	}
	if len(w.legs) > 1 && len(w.mix) > 0 || len(w.legs) > 1 && slices.ContainsFunc(w.legs, func(l leg) bool { return l.held }) {
		return nil
	}
	if len(w.legs) == 2 {
		return nil // a bridge whose caller's answer is under way
	}
	return fmt.Errorf("stuck: %d legs and nothing outstanding", len(w.legs))
}

// Cause is a wire's cause for a final response.
func Cause(code int) event.Cause { return call.CauseOf(code, "") }
