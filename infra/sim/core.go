package sim

import (
	"time"

	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/edge/call/calltest"
)

// watched is a core that is held to the rules between core and shell at every step: what it has outstanding (legs,
// playbacks, timers, asks) must be gone with Over, and no call may be stuck.
type watched struct {
	call.Stepper
	w     *world
	id    string
	rules *calltest.World
	legs  map[int]bool
	wrong bool
}

func (w *world) newCall(inner call.Stepper, id string) call.Stepper {
	return &watched{Stepper: inner, w: w, id: id, rules: calltest.New(calltest.Config{}), legs: map[int]bool{}}
}

func (c *watched) Step(now time.Time, in call.Input) []call.Output {
	if b, ok := in.(call.Begin); ok {
		c.w.begins(c.id, b)
		c.legs[1] = b.Leg
	}
	if leg, ok := legOf(in); !ok || c.legs[leg] {
		c.rules.Happens(in)
	}
	if e, ok := in.(call.LegEnded); ok {
		delete(c.legs, e.Leg)
	}
	outs := c.Stepper.Step(now, in)
	for _, out := range outs {
		if o, ok := out.(call.LegInvite); ok {
			c.legs[o.Leg] = true
		}
	}
	if len(outs) == 0 && c.rules.Over() {
		return outs
	}
	if err := c.rules.Did(now, outs); err != nil && !c.wrong {
		c.wrong = true // one is enough: the model no longer knows the call
		c.w.problem(c.w.nameOf(c.id), "core: after %s %+v: %v", in.Kind(), in, err)
	}
	return outs
}

// legOf an input that is about a leg.
func legOf(in call.Input) (int, bool) {
	switch in := in.(type) {
	case call.LegProgress:
		return in.Leg, true
	case call.LegAnswered:
		return in.Leg, true
	case call.LegHeld:
		return in.Leg, true
	case call.LegResumed:
		return in.Leg, true
	case call.LegEnded:
		return in.Leg, true
	case call.Digit:
		return in.Leg, true
	}
	return 0, false
}
