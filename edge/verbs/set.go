package verbs

import (
	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/schemas/verb"
)

// set merges variables into the call's: all of them, or none when they would be too large.
type set struct {
	instant
	Spec *verb.Set
}

// Begin merges them.
func (v *set) Begin(r *call.Run) {
	if err := r.SetVars(v.Spec.Vars); err != nil {
		r.Log("error", err.Error())
		r.Done(failed(err.Error()))
		return
	}
	r.Done(done())
}
