package verbs

import (
	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/schemas/verb"
)

// parallel starts documents as strands beside this one, which goes on at once. They end with the call.
type parallel struct {
	instant
	Spec *verb.Parallel
}

// Begin starts them.
func (v *parallel) Begin(r *call.Run) {
	for _, doc := range v.Spec.Do {
		if r.Branch("branch", doc) == 0 {
			r.Done(tooMany())
			return
		}
	}
	r.Done(done())
}
