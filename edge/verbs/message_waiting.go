package verbs

import (
	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/schemas/event"
	"github.com/offhook/offhook/schemas/verb"
)

// messageWaiting sets the message lamp of a user's phones. The shell is asked for the user first: the core knows none.
type messageWaiting struct {
	Spec *verb.MessageWaiting
}

// Begin asks for the user.
func (v *messageWaiting) Begin(r *call.Run) {
	if user := v.Spec.User; len(user) > 64 || !good("user", user) {
		v.unknown(r)
		return
	}
	r.Resolve(verb.Target{User: v.Spec.User, Direct: true})
}

// Input sets the lamp, whether phones are there or not: they are told when they come.
func (v *messageWaiting) Input(r *call.Run, in call.Input) {
	found, ok := in.(call.Resolved)
	switch {
	case !ok:
		return
	case found.Error == unknownUser:
		v.unknown(r)
		return
	}
	r.Messages(v.Spec.User, v.Spec.New, v.Spec.Old)
	r.Publish(event.UserMessages, &event.MessageCount{User: v.Spec.User, New: v.Spec.New, Old: v.Spec.Old})
	r.Done(done())
}

// unknownUser is an error of call.Resolved, and the cause that it becomes.
const unknownUser = "unknown_user"

func (v *messageWaiting) unknown(r *call.Run) {
	r.Done(because(unknownUser, "no user: "+clip(v.Spec.User)))
}
