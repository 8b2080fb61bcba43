package verbs

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/schemas/ask"
	"github.com/offhook/offhook/schemas/event"
	"github.com/offhook/offhook/schemas/verb"
)

// park has the caller wait with music where others find it by its slot. After return_after a dial beside it rings back at
// whom the call came from, again and again; who answers that, or picks the call up, is joined with the caller, and park
// lasts until that conversation is over. Whoever the caller spoke with when it was parked is released.
type park struct {
	Spec  *verb.Park
	To    verb.Targets `json:",omitempty"`
	By    string       `json:",omitempty"` // who parked it
	Since time.Time    `json:",omitzero"`
	Slot  int          `json:",omitempty"` // name
	Music int          `json:",omitempty"` // playback
	Spare bool         `json:",omitempty"` // its music failed: this is the music on hold
	Timer int          `json:",omitempty"` // until it rings back
	Dial  int          `json:",omitempty"` // strand that rings back
	Tries int          `json:",omitempty"`
	With  int          `json:",omitempty"` // the leg that took it
}

// Begin parks the caller.
func (v *park) Begin(r *call.Run) {
	if r.Line() != r.Caller() {
		v.finish(r, because("not_the_caller", "only the caller can be parked"))
		return
	}
	v.from(r)
	if r.Alone(call.CauseParked); r.Bridged() {
		v.finish(r, because("in_conversation", inConversation))
		return
	}
	r.Open()
	v.Since = r.Now()
	v.Slot = r.Announce("slot:"+v.slot(r), 0)
	v.Music = r.Music(r.Caller(), call.MusicParking, v.Spec.Music, false)
	r.Publish(event.CallParked, &event.Meeting{Leg: r.Caller(), Name: v.slot(r), By: v.By})
	v.wait(r)
}

func (v *park) slot(r *call.Run) string { return cmp.Or(v.Spec.Slot, r.Asked().ID) }

// from finds who parks the call: who transferred it here, or who speaks with the caller. That is also where it rings back.
func (v *park) from(r *call.Run) {
	agent := r.Agent()
	user := agent.User
	if by := r.Asked().ReferredBy; by != nil && !r.Bridged() {
		user = userPart(*by)
	}
	v.By, v.To = cmp.Or(user, agent.Number), slices.Clone(v.Spec.To)
	for i := range v.To {
		v.To[i].Direct = true // no forwarding
	}
	if len(v.To) == 0 && user != "" {
		v.To = verb.Targets{{User: user, Direct: true}}
	}
}

// userPart is the user of a SIP URI (RFC 3892: Referred-By has one), or a bare name.
func userPart(uri string) string {
	if _, rest, ok := strings.Cut(uri, ":"); ok {
		uri = rest
	}
	user, _, _ := strings.Cut(uri, "@")
	user, _, _ = strings.Cut(user, ";")
	return user
}

// wait until it rings back, unless there is nobody or it did so often enough.
func (v *park) wait(r *call.Run) {
	switch {
	case len(v.To) == 0:
	case v.Spec.Tries > 0 && v.Tries >= v.Spec.Tries:
		v.unparked(r, "no_answer", "", "")
		v.finish(r, ask.Result{Status: call.StatusNoAnswer, Cause: call.CauseNoAnswer.Reason})
	default:
		v.Timer = r.After(or(v.Spec.ReturnAfter, verb.DefaultParkReturnAfter))
	}
}

func or(d, otherwise verb.Duration) time.Duration {
	if d <= 0 {
		d = otherwise
	}
	return time.Duration(d)
}

// Input takes the timer, the dial's end, the music's end and that of the conversation.
func (v *park) Input(r *call.Run, in call.Input) {
	switch in := in.(type) {
	case call.TimerFired:
		v.ringBack(r)
	case call.CallerJoined:
		v.joined(r)
	case call.StrandEnded:
		v.dialled(r, in.Result)
	case call.LegReplaced:
		if in.Old == v.With {
			v.With = in.New
		}
	case call.LegEnded:
		if in.Leg == v.With {
			v.finish(r, ask.Result{Status: call.StatusAnswered, Cause: in.Cause.Reason, Number: r.Agent().Number})
		}
	case call.PlayEnded:
		if v.Music = 0; !v.Spare {
			v.Spare, v.Music = true, r.Music(r.Caller(), call.MusicHold, nil, false)
		}
	}
}

func (v *park) ringBack(r *call.Run) {
	v.Timer = 0
	v.Tries++
	v.Dial = r.SpawnVerb(&verb.Dial{To: v.To, RingFor: verb.Duration(or(v.Spec.RingFor, verb.DefaultParkRingFor)),
		CallerID: v.Spec.CallerID, CallerName: v.Spec.CallerName, EarlyMedia: "ignore", On: v.Spec.On})
	if v.Dial == 0 {
		v.wait(r)
	}
}

// joined: the dial was answered, or something else in this call has the caller now.
func (v *park) joined(r *call.Run) {
	if v.With = r.JoinedIn(v.Dial); v.With != 0 {
		v.unparked(r, "returned", r.Agent().Number, "")
		return
	}
	v.unparked(r, "replaced", r.Agent().Number, "")
	v.finish(r, ask.Result{Status: call.StatusCancelled, Cause: call.ReasonCompletedElsewhere})
}

func (v *park) dialled(r *call.Run, res *ask.Result) {
	v.Dial = 0
	if v.With == 0 {
		v.wait(r)
		return
	}
	out := ask.Result{Status: call.StatusAnswered, Cause: call.CauseNormal.Reason}
	if res != nil && res.Verb == "dial" {
		out.Cause, out.User, out.Number = res.Cause, res.User, res.Number
	}
	v.finish(r, out)
}

// Borrow lets another phone pick the call up.
func (v *park) Borrow(r *call.Run, in call.Lent) (leg int, why string) {
	return pickUp(r, in, &v.With, &v.Dial, func() { v.unparked(r, "picked_up", in.Number, in.From.Call) })
}

// unparked: the caller does not wait any more.
func (v *park) unparked(r *call.Run, why, by, with string) {
	r.Stop(v.Slot)
	r.Stop(v.Music)
	r.Stop(v.Timer)
	v.Slot, v.Music, v.Timer = 0, 0, 0
	v.tell(r, why, by, with)
}

func (v *park) tell(r *call.Run, why, by, with string) {
	r.Publish(event.CallUnparked, &event.Meeting{Leg: r.Caller(), Name: v.slot(r), By: by, WithCall: with, Why: why,
		WaitedMS: r.Now().Sub(v.Since).Milliseconds()})
	r.Log("info", "parked by "+cmp.Or(v.By, "nobody")+" finished with result="+why)
}

// Tell that the caller left, when it still waited.
func (v *park) Tell(r *call.Run, why string) {
	if v.With == 0 && v.Slot != 0 {
		v.tell(r, why, "", "")
	}
}

// Achieved: a parked call that is ended from outside was answered, or is cancelled.
func (v *park) Achieved() ask.Result {
	if v.With != 0 {
		return ask.Result{Status: call.StatusAnswered}
	}
	return ask.Result{Status: call.StatusCancelled}
}

// finish: what `on` has was the dials' to run.
func (v *park) finish(r *call.Run, res ask.Result) {
	r.Done(res, call.Then{Do: v.Spec.Next, Replace: true})
}
