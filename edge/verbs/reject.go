package verbs

import (
	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/schemas/verb"
)

// reject refuses the unanswered caller with a SIP status, 486 by default, and so ends the call.
type reject struct {
	instant
	Spec *verb.Reject
}

// Begin refuses; an answered call can only be hung up.
func (v *reject) Begin(r *call.Run) {
	if r.Answered() {
		r.Done(failed("answered: use hangup"))
		return
	}
	cause := call.CauseRejected
	if v.Spec.Status >= 400 && v.Spec.Status < 700 {
		cause.SIP, cause.Q850 = v.Spec.Status, call.CauseOf(v.Spec.Status, "").Q850
	}
	cause.Phrase = v.Spec.Reason
	r.EndCall(cause, "script")
}
