package verbs

import (
	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/schemas/verb"
)

// logLine writes to the call's log.
type logLine struct {
	instant
	Spec *verb.Log
}

// Begin writes it.
func (v *logLine) Begin(r *call.Run) {
	level := v.Spec.Level
	if level == "" {
		level = "info"
	}
	r.Write(level, v.Spec.Text)
	r.Done(done())
}
