package verbs

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/schemas/ask"
	"github.com/offhook/offhook/schemas/event"
	"github.com/offhook/offhook/schemas/verb"
)

// superviseAgain is how often a conversation is looked for while `wait` lasts.
const superviseAgain = time.Second

// supervise lends the caller's leg to a conversation elsewhere, and lasts until that is over or the supervisor leaves.
// Keys change live how it takes part.
type supervise struct {
	Spec  *verb.Supervise
	Mode  string    `json:",omitempty"`
	Loan  int       `json:",omitempty"`
	With  string    `json:",omitempty"` // the call that has the leg
	Until time.Time `json:",omitzero"`  // how long it looks for a conversation
	Retry int       `json:",omitempty"` // timer
	Keys  keypad    `json:",omitzero"`
}

var superviseKeys = map[string]string{"4": call.ModeListen, "5": call.ModeWhisper, "6": call.ModeBarge}

// Begin answers the supervisor and joins the conversation.
func (v *supervise) Begin(r *call.Run) {
	if r.Bridged() {
		v.finish(r, failed(inConversation))
		return
	}
	r.Open()
	r.Claim(r.Line())
	v.Mode, v.Until = cmp.Or(v.Spec.Mode, verb.DefaultSuperviseMode), r.Now().Add(time.Duration(v.Spec.Wait))
	v.join(r)
}

func (v *supervise) join(r *call.Run) {
	to := "talking:" + v.Spec.User
	if v.Spec.User == "" {
		to = "call:" + v.Spec.Call
	}
	v.Loan = r.Lend(r.Line(), to, call.Lent{As: call.AsSupervise, Mode: v.Mode, User: v.Spec.User})
	if v.Loan == 0 {
		v.finish(r, failed(notAnswered))
	}
}

// Input takes what becomes of the leg, its digits and the timers.
func (v *supervise) Input(r *call.Run, in call.Input) {
	switch in := in.(type) {
	case call.LoanTaken:
		v.With = in.By.Call
		r.Tell(v.Loan, v.Mode) // it may have changed on the way
		v.tell(r, "")
	case call.LoanEnded:
		v.ended(r, in)
	case call.Digit:
		v.Keys.press(r, in.Digit, v.keys(), v.Loan, func(key string) { v.key(r, key) })
	case call.TimerFired:
		if in.Timer == v.Retry {
			v.Retry = 0
			v.join(r)
		} else {
			v.Keys.late(r, v.keys(), v.Loan, func(key string) { v.key(r, key) })
		}
	}
}

func (v *supervise) ended(r *call.Run, in call.LoanEnded) {
	v.Loan = 0
	switch {
	case v.With != "":
		v.tell(r, in.Why)
		v.finish(r, ask.Result{Status: call.StatusDone, Cause: in.Why})
	case r.Now().Before(v.Until):
		v.Retry = r.After(superviseAgain)
	default:
		v.finish(r, ask.Result{Status: call.StatusFailed, Cause: in.Why, Error: "no conversation of " + cmp.Or(v.Spec.User, v.Spec.Call) + " to supervise"})
	}
}

func (v *supervise) modes() map[string]string {
	if len(v.Spec.Switch) > 0 {
		return v.Spec.Switch
	}
	return superviseKeys
}

func (v *supervise) keys() []string {
	keys := slices.Sorted(maps.Keys(v.modes()))
	if v.Spec.FinishOn != "" {
		keys = append(keys, strings.Split(v.Spec.FinishOn, "")...)
	}
	return keys
}

func (v *supervise) key(r *call.Run, key string) {
	if strings.Contains(v.Spec.FinishOn, key) {
		if v.With != "" {
			v.tell(r, "finish_key")
		}
		v.finish(r, ask.Result{Status: call.StatusDone, Cause: "finish_key"})
		return
	}
	if mode := v.modes()[key]; mode != v.Mode {
		v.Mode = mode
		if r.Tell(v.Loan, mode); v.With != "" {
			v.tell(r, "")
		}
	}
}

func (v *supervise) tell(r *call.Run, why string) {
	r.Publish(event.CallSupervised, &event.Meeting{Leg: r.Line(), Name: v.Spec.User, Mode: v.Mode, WithCall: v.With, Why: why})
}

// Tell that the supervisor left, when it took part.
func (v *supervise) Tell(r *call.Run, why string) {
	if v.With != "" {
		v.tell(r, why)
	}
}

// Achieved: a supervisor that is taken out from outside took part, or not.
func (v *supervise) Achieved() ask.Result {
	if v.With != "" {
		return done()
	}
	return ask.Result{Status: call.StatusCancelled}
}

func (v *supervise) finish(r *call.Run, res ask.Result) {
	r.Done(res, call.Then{Do: v.Spec.Next, Replace: true})
}
