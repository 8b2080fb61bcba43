package verbs

import (
	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/schemas/event"
	"github.com/offhook/offhook/schemas/verb"
)

// email publishes email.requested; the function email sends the mail.
type email struct {
	instant
	Spec *verb.Email
}

// Begin publishes it.
func (v *email) Begin(r *call.Run) {
	s := v.Spec
	r.Publish(event.EmailRequested, &event.Email{To: s.To, Subject: s.Subject, Text: s.Text, HTML: s.HTML, Attach: s.Attach, Vars: r.Vars()})
	r.Done(done())
}
