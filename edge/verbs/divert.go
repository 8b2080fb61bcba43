package verbs

import (
	"time"

	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/schemas/event"
	"github.com/offhook/offhook/schemas/verb"
)

// Purposes of a dial that hands the call on.
const (
	toDivert   = "divert"
	toTransfer = "transfer"
)

// divert hands an unanswered call on: a dial whose success leaves the script in wrap-up. Then the script goes on with
// `next`, or the following verb, for at most wrap_up; what needs the caller's line is refused there, and so it is in all
// that the script started. When nobody takes the call the script goes on as after a dial. `on.hangup` runs at the end of
// the conversation that it made; the call ends with that.
func divert(v *verb.Divert) call.Verb {
	return &dial{Purpose: toDivert, WrapUp: time.Duration(v.WrapUp), Spec: &verb.Dial{To: v.To, Ring: v.Ring, RingFor: v.RingFor, CallerID: v.CallerID,
		CallerName: v.CallerName, Anonymous: v.Anonymous, Headers: v.Headers, On: v.On, Next: v.Next}}
}

// refusal tells why this can't be done now, and what can.
func (v *dial) refusal(r *call.Run) (cause, why string) {
	switch {
	case v.Originates:
	case r.Line() != r.Caller():
		return "not_the_caller", "this document speaks with another party than the caller; only the caller can be connected"
	case v.Purpose == toDivert && r.Answered():
		return "answered", "the call is answered, and divert is for unanswered ones; transfer hands on an answered call, dial connects it"
	case v.Purpose == toTransfer && !r.Answered():
		return "not_answered", "the call is not answered, and transfer is for answered ones; divert hands on an unanswered call, dial connects it"
	case v.Purpose == "" && !v.Spec.Background && r.Bridged():
		return "in_conversation", inConversation
	}
	return "", ""
}

// tellTransfer publishes how handing the call on goes.
func (v *dial) tellTransfer(r *call.Run, status, to string, cause *event.Cause) {
	kind, ok := map[string]string{toDivert: "divert", toTransfer: "blind"}[v.Purpose]
	if !ok {
		return
	}
	by, _ := r.Who(v.From)
	r.Publish(event.CallTransferred, &event.Transfer{Leg: v.From, Kind: kind, By: by, To: to, Status: status, Cause: cause})
}

// handOn is the success of a divert.
func (v *dial) handOn(r *call.Run, t *dialTarget) {
	d := v.WrapUp
	if d <= 0 {
		d = time.Duration(verb.DefaultDivertWrapUp)
	}
	r.HandOn(v.result(t), d, call.Then{Do: v.Spec.Next, Replace: true})
}
