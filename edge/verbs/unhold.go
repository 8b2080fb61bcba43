package verbs

import (
	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/schemas/verb"
)

// unhold ends hold. It fails for a party that is not on hold.
type unhold struct {
	instant
	Spec *verb.Unhold
}

// Begin takes the party back.
func (v *unhold) Begin(r *call.Run) {
	leg, why := party(r, v.Spec.Party)
	switch {
	case leg == 0:
		r.Done(failed(why))
		return
	case !r.OnHold(leg):
		r.Done(failed("that party is not on hold"))
		return
	}
	r.Unhold(leg)
	r.Done(done())
}
