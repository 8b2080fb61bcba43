package verbs

import (
	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/schemas/event"
	"github.com/offhook/offhook/schemas/verb"
)

// tag sets tags of the call: all of them, or none when they would be too many. call.tagged has all that the call has.
type tag struct {
	instant
	Spec *verb.Tag
}

// Begin sets them.
func (v *tag) Begin(r *call.Run) {
	all, err := r.Tag(v.Spec.Tags)
	if err != nil {
		r.Done(failed(err.Error()))
		return
	}
	r.Publish(event.CallTagged, &event.Tags{Tags: all})
	r.Done(done())
}
