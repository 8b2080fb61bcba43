package verbs

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/schemas/ask"
	"github.com/offhook/offhook/schemas/event"
	"github.com/offhook/offhook/schemas/verb"
)

// conference lends the caller's leg to a room, which is a call of its own (room), and lasts until it is back. Keys of
// `on` run beside it in this call; what these play the member hears in the place of the room.
type conference struct {
	Spec  *verb.Conference
	Loan  int    `json:",omitempty"`
	Room  string `json:",omitempty"` // the call that has the leg
	Limit int    `json:",omitempty"` // timer
	Again int    `json:",omitempty"` // rooms that ended while the leg was on its way there
	Keys  keypad `json:",omitzero"`
}

const roomsAgain = 3

// Begin answers the caller and joins the room.
func (v *conference) Begin(r *call.Run) {
	if r.Bridged() {
		v.finish(r, because("in_conversation", inConversation))
		return
	}
	r.Open()
	if len(v.keys()) > 0 {
		r.Claim(r.Line())
	}
	v.join(r)
}

func (v *conference) join(r *call.Run) {
	v.Loan = r.Lend(r.Line(), "room:"+v.Spec.Room, call.Lent{As: call.AsMember, Member: v.member(), Muted: v.Spec.Muted})
	if v.Loan == 0 {
		v.finish(r, because("not_answered", notAnswered))
	}
}

// member is what of the spec is for the room: not the documents.
func (v *conference) member() *verb.Conference {
	s := *v.Spec
	s.ID, s.On, s.Next, s.FinishOn, s.TimeLimit = "", nil, nil, "", 0
	return &s
}

// Input takes what becomes of the leg, its digits and the timers.
func (v *conference) Input(r *call.Run, in call.Input) {
	switch in := in.(type) {
	case call.LoanTaken:
		v.joined(r, in)
	case call.LoanEnded:
		v.left(r, in)
	case call.Digit:
		v.Keys.press(r, in.Digit, v.keys(), v.Loan, func(key string) { v.key(r, key) })
	case call.TimerFired:
		if in.Timer == v.Limit {
			v.leave(r, call.CauseTimeLimit.Reason)
		} else {
			v.Keys.late(r, v.keys(), v.Loan, func(key string) { v.key(r, key) })
		}
	}
}

func (v *conference) joined(r *call.Run, in call.LoanTaken) {
	v.Room = in.By.Call
	if v.Spec.TimeLimit > 0 {
		v.Limit = r.After(time.Duration(v.Spec.TimeLimit))
	}
	r.Publish(event.ConferenceJoined, &event.Meeting{Leg: r.Line(), Name: v.Spec.Room, Mode: modeOf(v.Spec.Muted), WithCall: v.Room, Size: in.Size})
}

func modeOf(muted bool) string {
	if muted {
		return call.ModeMuted
	}
	return call.ModeSpeaks
}

// left: the leg is back, or nobody took it. A room that ended just then is made anew.
func (v *conference) left(r *call.Run, in call.LoanEnded) {
	if in.Refused && in.Why == call.WhyEnded && v.Again < roomsAgain {
		v.Again++
		v.join(r)
		return
	}
	if in.Refused {
		v.finish(r, ask.Result{Status: call.StatusRefused, Cause: in.Why})
		return
	}
	v.tellLeft(r, in.Why, in.Size)
	v.finish(r, ask.Result{Status: call.StatusDone, Cause: in.Why})
}

func (v *conference) tellLeft(r *call.Run, why string, size int) {
	r.Publish(event.ConferenceLeft, &event.Meeting{Leg: r.Line(), Name: v.Spec.Room, WithCall: v.Room, Size: size, Why: why})
}

// Tell that the member left, when it was in the room.
func (v *conference) Tell(r *call.Run, why string) {
	if v.Room != "" {
		v.tellLeft(r, why, 0)
	}
}

// Leave is what a leave in one of its documents does.
func (v *conference) Leave(r *call.Run) { v.leave(r, "left") }

func (v *conference) leave(r *call.Run, why string) {
	if v.Room != "" {
		v.tellLeft(r, why, 0)
	}
	v.finish(r, ask.Result{Status: call.StatusDone, Cause: why})
}

// keys are those of `on`, then those of finish_on.
func (v *conference) keys() []string {
	keys := slices.Sorted(maps.Keys(v.Spec.On))
	if v.Spec.FinishOn != "" {
		keys = append(keys, strings.Split(v.Spec.FinishOn, "")...)
	}
	return keys
}

func (v *conference) key(r *call.Run, key string) {
	do, ok := v.Spec.On[key]
	if !ok {
		v.leave(r, "finish_key")
		return
	}
	r.SpawnDo(do, map[string]any{"type": event.Prefix + "conference.key", "digits": key, "room": v.Spec.Room})
}

// Achieved: a member that is taken out from outside was there, or not.
func (v *conference) Achieved() ask.Result {
	if v.Room != "" {
		return done()
	}
	return ask.Result{Status: call.StatusCancelled}
}

// finish: what its keys did to the member ends with it.
func (v *conference) finish(r *call.Run, res ask.Result) {
	if v.Room != "" {
		r.Unhold(r.Line())
		r.Mute(r.Line(), false)
	}
	r.Done(res, call.Then{Do: v.Spec.Next, Replace: true})
}
