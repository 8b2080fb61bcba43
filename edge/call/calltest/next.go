package calltest

import (
	"slices"
	"time"

	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/schemas/event"
)

// Next lists all that may happen now, in a fixed order. Empty means that nothing ever will.
func (w *World) Next() []Choice {
	var next []Choice
	if w.over {
		return nil
	}
	for _, l := range w.legs {
		next = w.ofLeg(next, l)
	}
	for _, p := range w.plays {
		next = w.ofPlay(next, p)
	}
	for _, t := range w.timers {
		next = append(next, Choice{Input: call.TimerFired{Timer: t.n}, At: t.at, Ends: true})
	}
	for _, a := range w.asks {
		next = w.ofAsk(next, a)
	}
	for _, r := range w.resolves {
		next = w.ofResolve(next, r)
	}
	for _, r := range w.records {
		next = ofRecording(next, r)
	}
	for _, s := range w.streams {
		next = ofStream(next, s)
	}
	for _, d := range w.detects {
		next = ofDetection(next, d)
	}
	if !w.inTown {
		for _, n := range w.loans {
			next = w.ofLoan(next, n)
		}
	}
	for _, in := range w.late {
		next = append(next, Choice{Input: in})
	}
	return next
}

// ofPlay: it ends, or a sound of it fails first. One that pauses stays.
func (w *World) ofPlay(next []Choice, p int) []Choice {
	const why = "no such sample"
	failed := call.PlayFailed{Play: p, Audio: "a", Code: "not_found", Error: why, Fallback: p%2 == 0}
	if slices.Contains(w.paused, p) {
		return next
	}
	return append(next, Choice{Input: call.PlayEnded{Play: p, PositionMS: 20}}, Choice{Input: failed}, Choice{Input: call.PlayEnded{Play: p, Error: why}})
}

func (w *World) ofLeg(next []Choice, l leg) []Choice {
	end := func(cause event.Cause, remote bool) {
		next = append(next, Choice{Input: call.LegEnded{Leg: l.n, Cause: cause, Remote: remote}, Ends: l.told})
	}
	switch {
	case l.lent:
	case l.told:
		end(call.CauseCancelled, false)
		if !l.answered && (!l.inbound || l.answering) {
			next = append(next, Choice{Input: call.LegAnswered{Leg: l.n}}) // it crossed our LegEnd
		}
		if l.answered {
			end(call.CauseNormal, true) // both hung up
		}
		return next
	case l.answered:
		end(call.CauseNormal, true)
		end(call.CauseMediaTimeout, false)
		return w.ofStanding(next, l)
	case l.inbound && l.answering:
		next = append(next, Choice{Input: call.LegAnswered{Leg: l.n}})
		end(call.CauseNoAck, false)
	case l.inbound:
		end(call.CauseCancelled, true)
	default:
		next = ringing(next, l)
		for _, code := range []int{486, 480, 408, 403, 503, 603} {
			end(Cause(code), true)
		}
		end(call.CauseTransport, false)
		next = w.ofMoved(next, l)
	}
	return next
}

func ringing(next []Choice, l leg) []Choice {
	next = append(next, Choice{Input: call.LegAnswered{Leg: l.n}}, Choice{Input: call.LegAnswered{Leg: l.n}})
	if !l.rang {
		next = append(next, Choice{Input: call.LegProgress{Leg: l.n, Code: 180}})
	}
	if !l.early {
		next = append(next, Choice{Input: call.LegProgress{Leg: l.n, Code: 183, EarlyMedia: true}})
	}
	return next
}

func (w *World) ofStanding(next []Choice, l leg) []Choice {
	if l.held {
		next = append(next, Choice{Input: call.LegResumed{Leg: l.n}})
	} else if l.holds < w.cfg.Holds {
		next = append(next, Choice{Input: call.LegHeld{Leg: l.n}})
	}
	next = w.ofRefers(next, l)
	if l.presses < w.cfg.Presses {
		for _, d := range w.cfg.Digits {
			next = append(next, Choice{Input: call.Digit{Leg: l.n, Digit: d, Method: "rfc4733", DurationMS: 100}})
		}
	}
	return next
}

func (w *World) ofAsk(next []Choice, a call.AskStart) []Choice {
	var answers []call.AskAnswered
	if w.cfg.Answers != nil {
		answers = w.cfg.Answers(a)
	}
	lost := call.AskAnswered{URL: a.To, Failures: []call.AskFailure{{URL: a.To, Code: "timeout", Detail: "no answer", Attempts: 2}}}
	for _, in := range append(answers, lost) {
		in.Ask = a.Ask
		next = append(next, Choice{Input: in, Ends: true})
	}
	return next
}

func (w *World) ofResolve(next []Choice, r call.Resolve) []Choice {
	found := []call.Resolved{{Name: "Ilze", Number: r.Target.User, Destinations: []call.Destination{{URI: "sip:" + r.Target.User + "@10.0.0.1"}}}}
	if w.cfg.Destinations != nil {
		found = w.cfg.Destinations(r)
	}
	for _, in := range found {
		in.Resolve = r.Resolve
		next = append(next, Choice{Input: in, Ends: true})
	}
	return next
}

// Ending lists what must happen if nobody does anything any more: legs that were told end, timers run out, asks and
// resolves are answered. It is how a test brings a call to its end.
func (w *World) Ending() []Choice {
	var ends []Choice
	for _, c := range w.Next() {
		if c.Ends {
			ends = append(ends, c)
		}
	}
	return ends
}

// Pick chooses one of n by hash of seed and step, never by a shared random source, so that a seed always repeats.
func Pick(seed uint64, step, n int) int {
	x := seed*0x9E3779B97F4A7C15 + uint64(step)*0xBF58476D1CE4E5B9
	x ^= x >> 30
	x *= 0xBF58476D1CE4E5B9
	x ^= x >> 27
	x *= 0x94D049BB133111EB
	x ^= x >> 31
	return int(x % uint64(n))
}

// When is when a choice happens: at its time, or a little after now.
func (c Choice) When(now time.Time) time.Time {
	if c.At.After(now) {
		return c.At
	}
	return now.Add(20 * time.Millisecond)
}
