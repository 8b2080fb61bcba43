package verbs

import (
	"time"

	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/schemas/ask"
	"github.com/offhook/offhook/schemas/event"
	"github.com/offhook/offhook/schemas/verb"
)

// refer asks the caller's phone, or that of whom the caller speaks with, to call somebody else itself, and waits for the
// outcome. Success (answered) ends the call: the party speaks elsewhere now. It needs an answered party; a refusal, a
// failure or no outcome in time let the script go on with the result, and the call is as it was.
type refer struct {
	Spec *verb.Refer
	Leg  int `json:",omitempty"`
}

// Begin asks.
func (v *refer) Begin(r *call.Run) {
	v.Leg = r.Party(v.Spec.Party)
	if !r.Refer(v.Leg, v.Spec.To) {
		why := "the party is not answered, and refer is for answered ones; divert hands on an unanswered call"
		r.Log("error", "refer: "+why)
		r.Done(because("not_answered", why), call.Then{Do: v.Spec.Next, Replace: true})
		return
	}
	v.tell(r, "started", nil)
	d := time.Duration(v.Spec.Timeout)
	if d <= 0 {
		d = time.Duration(verb.DefaultReferTimeout)
	}
	r.After(d)
}

// Input takes the outcome.
func (v *refer) Input(r *call.Run, in call.Input) {
	switch in := in.(type) {
	case call.LegAnswered:
		r.Refer(v.Leg, v.Spec.To)
	case call.LegNotified:
		v.notified(r, in)
	case call.TimerFired:
		v.lost(r, call.CauseTimeout, nil)
	}
}

func (v *refer) notified(r *call.Run, in call.LegNotified) {
	switch {
	case in.Code < 200:
	case in.Code < 300:
		v.tell(r, "answered", nil)
		r.EndCallWith(ask.Result{Status: call.StatusAnswered, Number: v.Spec.To}, call.CauseTransferred, "script")
	default:
		v.lost(r, call.CauseOf(in.Code, in.Phrase), &ask.SIPStatus{Code: in.Code, Phrase: in.Phrase})
	}
}

func (v *refer) lost(r *call.Run, cause event.Cause, sip *ask.SIPStatus) {
	if sip == nil {
		cause.SIP = 0 // we gave up: no response said so
	}
	v.tell(r, "failed", &cause)
	r.Done(ask.Result{Status: statusOf(cause), Cause: cause.Reason, SIP: sip}, call.Then{Do: v.Spec.Next, Replace: true})
}

func (v *refer) tell(r *call.Run, status string, cause *event.Cause) {
	by, _ := r.Who(v.Leg)
	r.Publish(event.CallTransferred, &event.Transfer{Leg: v.Leg, Kind: "refer", By: by, To: v.Spec.To, Status: status, Cause: cause})
}
