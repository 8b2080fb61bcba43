package verbs

import (
	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/schemas/verb"
)

// ring tells the caller that it rings. With early media play, say and gather are then heard without answering.
type ring struct {
	instant
	Spec *verb.Ring
}

// Begin rings; an answered call has rung.
func (v *ring) Begin(r *call.Run) {
	r.Ring(v.Spec.EarlyMedia)
	r.Done(done())
}
