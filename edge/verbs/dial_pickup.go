package verbs

import (
	"slices"
	"strings"

	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/schemas/event"
)

// announce lets the ringing of a user be found by who wants to pick it up.
func (v *dial) announce(r *call.Run, t *dialTarget) {
	user, ok := strings.CutPrefix(v.name(t), "user:")
	if ok && !v.Originates && t.Announced == 0 {
		t.Announced = r.Announce("ringing:"+user, 0)
	}
}

// Borrow takes the leg of who picks up what rings here: it wins as if it had answered.
func (v *dial) Borrow(r *call.Run, in call.Lent) (int, string) {
	t := v.find(func(t *dialTarget) bool { return t.Announced != 0 })
	if in.As != call.AsPickup || v.Won != 0 || t == nil {
		return 0, ""
	}
	leg := r.Take(in)
	if leg == 0 {
		return 0, "full"
	}
	rang, _ := strings.CutPrefix(v.name(t), "user:")
	t.Legs = append(t.Legs, leg)
	t.Number, t.Name, t.Way.Target = in.Number, in.Name, in.Target
	r.Publish(event.CallPickedUp, &event.Meeting{Leg: leg, Name: rang, By: in.Number, WithCall: in.From.Call})
	v.connect(r, t, leg)
	return leg, ""
}

// pickUp joins who picks up a caller that waits; with becomes the leg of who did. The strand that seeks somebody meanwhile
// ends, and left tells that the caller does not wait any more.
func pickUp(r *call.Run, in call.Lent, with, strand *int, left func()) (leg int, why string) {
	switch {
	case in.As != call.AsPickup:
		return 0, ""
	case *with != 0:
		return 0, call.WhyTaken
	}
	if *with = r.Take(in); *with == 0 {
		return 0, call.WhyFull
	}
	r.CancelWon(*strand)
	*strand = 0
	left()
	r.Bridge(*with)
	return *with, ""
}

// replaced: another leg has taken the place of who answered, or of the caller, who hears that it rings from now on.
func (v *dial) replaced(r *call.Run, in call.LegReplaced) {
	t := v.byLeg(in.Old)
	switch {
	case t != nil:
		t.Legs[slices.Index(t.Legs, in.Old)] = in.New
		if v.Won == in.Old {
			v.Won = in.New
		}
		for i := range v.Confirms {
			if v.Confirms[i].Leg == in.Old {
				v.Confirms[i].Leg = in.New
			}
		}
	case in.New == r.Caller() && v.Won == 0:
		v.ringback(r, true)
	}
}
