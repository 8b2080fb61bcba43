package verbs

import (
	"time"

	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/schemas/verb"
)

// pause waits. It answers nobody.
type pause struct{ Spec *verb.Pause }

// Begin starts the wait.
func (v *pause) Begin(r *call.Run) {
	if v.Spec.For <= 0 {
		r.Done(done())
		return
	}
	r.After(time.Duration(v.Spec.For))
}

// Input takes the end of the wait.
func (v *pause) Input(r *call.Run, in call.Input) {
	if _, ok := in.(call.TimerFired); ok {
		r.Done(done())
	}
}
