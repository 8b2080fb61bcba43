package verbs

import "github.com/offhook/offhook/edge/call"

// leave ends the wait in a queue, or the membership of a conference, that its document belongs to.
type leave struct{ instant }

// Begin leaves.
func (v *leave) Begin(r *call.Run) {
	if !r.Leave() {
		r.Done(because("nothing_to_leave", "there is no queue and no conference to leave"))
	}
}
