package verbs

import (
	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/schemas/verb"
)

// on has a strand started each time the event happens, until the call ends or off.
type on struct {
	instant
	Spec *verb.On
}

// Begin adds the handler.
func (v *on) Begin(r *call.Run) {
	if err := r.On(v.Spec.Event, v.Spec.Do); err != nil {
		r.Done(failed(err.Error()))
		return
	}
	r.Done(done())
}
