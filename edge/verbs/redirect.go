package verbs

import (
	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/schemas/ask"
	"github.com/offhook/offhook/schemas/verb"
)

// redirect asks another URL; its document takes the place of what is left of this one. An empty answer goes on here.
type redirect struct {
	instant
	Spec *verb.Redirect
}

// Begin hands the question to the strand.
func (v *redirect) Begin(r *call.Run) {
	r.Done(done(), call.Then{Do: &verb.Do{URL: v.Spec.To}, Replace: true, Reason: ask.ReasonRedirect})
}
