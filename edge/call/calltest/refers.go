package calltest

import (
	"errors"

	"github.com/offhook/offhook/edge/call"
)

// refer takes note of a party's REFER, and of how one of ours goes.
func (w *World) refer(in call.Input) {
	switch in := in.(type) {
	case call.LegReferred:
		if l := w.leg(in.Leg); l != nil {
			l.refers, l.referred = l.refers+1, l.referred+1
		}
	case call.LegNotified:
		if l := w.leg(in.Leg); l != nil && in.Code >= 200 {
			l.sent--
		}
	}
}

func (w *World) referDone(out call.Output) error {
	switch o := out.(type) {
	case call.LegRefer:
		l := w.leg(o.Leg)
		if l == nil || l.told || !l.answered {
			return errors.New("nobody is there to be referred")
		}
		l.sent++
	case call.LegNotify:
		l := w.leg(o.Leg)
		if l == nil || l.told || l.referred == 0 {
			return errors.New("nobody waits for that")
		}
		if o.Code >= 200 {
			l.referred--
		}
	}
	return nil
}

// ofRefers is what a standing party may ask for, and how what we asked of it may go.
func (w *World) ofRefers(next []Choice, l leg) []Choice {
	if l.refers == 0 {
		for _, in := range w.cfg.Refers {
			in.Leg = l.n
			next = append(next, Choice{Input: in})
		}
	}
	if l.sent > 0 {
		for _, code := range []int{180, 200, 603} {
			next = append(next, Choice{Input: call.LegNotified{Leg: l.n, Code: code}})
		}
	}
	return next
}

// ofMoved is a called phone's 302.
func (w *World) ofMoved(next []Choice, l leg) []Choice {
	if len(w.cfg.Moved) == 0 {
		return next
	}
	return append(next, Choice{Input: call.LegEnded{Leg: l.n, Cause: Cause(302), Remote: true, Moved: w.cfg.Moved}})
}
