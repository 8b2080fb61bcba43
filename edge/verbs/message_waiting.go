package verbs

import (
	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/schemas/event"
	"github.com/offhook/offhook/schemas/verb"
)

// messageWaiting sets the message lamp of a user's phones.
type messageWaiting struct {
	instant
	Spec *verb.MessageWaiting
}

// Begin sets it.
func (v *messageWaiting) Begin(r *call.Run) {
	user := v.Spec.User
	if len(user) > 64 || !good("user", user) {
		r.Done(failed("no user: " + clip(user)))
		return
	}
	r.Messages(user, v.Spec.New, v.Spec.Old)
	r.Publish(event.UserMessages, &event.MessageCount{User: user, New: v.Spec.New, Old: v.Spec.Old})
	r.Done(done())
}
