package verbs

import (
	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/schemas/verb"
)

// answer answers the caller. Answered already, it does nothing.
type answer struct {
	instant
	Spec *verb.Answer
}

// Begin answers.
func (v *answer) Begin(r *call.Run) {
	r.Answer()
	r.Done(done())
}
