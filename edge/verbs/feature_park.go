package verbs

import (
	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/schemas/verb"
)

// featurePark parks the other party in a place of the user's own number, which the user is told before the line ends. It
// rings back there.
type featurePark struct {
	With int    `json:",omitempty"` // the other party
	Slot string `json:",omitempty"`
	Said int    `json:",omitempty"` // playback
	Over bool   `json:",omitempty"` // it is parked
}

// Begin tells the user where.
func (v *featurePark) Begin(r *call.Run) {
	user := r.Line()
	if v.With = r.Partner(user); v.With == 0 {
		r.Done(failed("nobody to park"))
		return
	}
	v.Slot, _ = r.Who(user)
	r.Hold(v.With)
	v.Said = r.Play(user, verb.Audios{{Say: &verb.Say{Text: "Parked at " + spelled(v.Slot) + "."}}}, 0)
}

// Input parks once it is said, or when the user has hung up before the end of it.
func (v *featurePark) Input(r *call.Run, in call.Input) {
	switch in := in.(type) {
	case call.PlayEnded:
		v.park(r)
	case call.LegEnded:
		if !v.Over && (in.Leg == v.With || in.Leg == r.Line()) {
			r.Done(failed("hung up"))
		}
	case call.CallerJoined:
		r.Done(failed("joined with another"))
	}
}

func (v *featurePark) park(r *call.Run) {
	p, ok := r.Part(r.Line())
	if !ok {
		r.Done(failed("nobody to park"))
		return
	}
	doc := verb.Document{&verb.Park{Slot: v.Slot, To: verb.Targets{{User: v.Slot}}}}
	if strand := r.RouteBy(doc, v.Slot, p.By); strand != 0 {
		v.Over = true
		r.HangUp(p.By, call.CauseTransferred)
		r.Crown(strand)
	} else {
		r.Rejoin(p)
	}
	r.Done(done())
}
