package verbs

import (
	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/schemas/event"
	"github.com/offhook/offhook/schemas/verb"
)

// emit publishes the document's own event, custom.TYPE.
type emit struct {
	instant
	Spec *verb.Emit
}

// Begin publishes it.
func (v *emit) Begin(r *call.Run) {
	r.Publish(event.CustomPrefix+v.Spec.Type, &event.Custom{Data: v.Spec.Data})
	r.Done(done())
}
