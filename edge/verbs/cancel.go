package verbs

import (
	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/schemas/verb"
)

// cancel ends what runs beside the script, by the id of its verb. It fails when nothing such runs.
type cancel struct {
	instant
	Spec *verb.Cancel
}

// Begin ends it.
func (v *cancel) Begin(r *call.Run) {
	if r.CancelRuns(v.Spec.OfID) == 0 {
		r.Done(because("nothing_runs", "nothing with the id "+clip(v.Spec.OfID)+" runs beside the script"))
		return
	}
	r.Done(done())
}
