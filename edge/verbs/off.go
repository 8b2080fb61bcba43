package verbs

import (
	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/schemas/verb"
)

// off removes the handlers of an event; strands that run already go on.
type off struct {
	instant
	Spec *verb.Off
}

// Begin removes them.
func (v *off) Begin(r *call.Run) {
	r.Off(v.Spec.Event)
	r.Done(done())
}
