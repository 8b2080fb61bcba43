package verbs

import (
	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/schemas/verb"
)

// mute makes a party unheard, until unmute; it goes on hearing. To mute a muted party changes nothing.
type mute struct {
	instant
	Spec *verb.Mute
}

// Begin mutes it.
func (v *mute) Begin(r *call.Run) { muted(r, v.Spec.Party, true) }

func muted(r *call.Run, word string, muted bool) {
	leg, why := party(r, word)
	if leg == 0 {
		r.Done(failed(why))
		return
	}
	r.Mute(leg, muted)
	r.Done(done())
}
