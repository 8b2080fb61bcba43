package verbs

import (
	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/schemas/verb"
)

// hold puts a party on hold, until unhold or the end: it hears music and is not heard. Music of its own belongs to the
// hold, not to this run. A hold of a party that is on hold decides its music anew.
type hold struct {
	instant
	Spec *verb.Hold
}

// Begin puts it on hold.
func (v *hold) Begin(r *call.Run) {
	leg, why := party(r, v.Spec.Party)
	if leg == 0 {
		r.Done(failed(why))
		return
	}
	if v.Spec.Music != nil {
		r.HoldOn(leg, *v.Spec.Music)
	} else {
		r.HoldOn(leg)
	}
	r.Done(done())
}

// party finds the leg of a word of a document, or says why there is none.
func party(r *call.Run, word string) (leg int, why string) {
	leg = r.Party(word)
	switch {
	case leg != 0:
		return leg, ""
	case word == "agent":
		return 0, "the caller speaks with nobody"
	}
	return 0, "nobody is there yet"
}
