package verbs

import (
	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/schemas/verb"
)

// hangup ends the call. An unanswered caller is refused with the cause's SIP status: busy 486, no_answer and normal 480 ...
type hangup struct {
	instant
	Spec *verb.Hangup
}

// Begin ends it.
func (v *hangup) Begin(r *call.Run) {
	cause := call.CauseNamed(v.Spec.Cause)
	if v.Spec.Reason != "" {
		cause.Phrase = v.Spec.Reason
	}
	r.EndCall(cause, "script")
}
