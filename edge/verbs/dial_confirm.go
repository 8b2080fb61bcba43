package verbs

import (
	"slices"
	"strings"
	"time"

	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/schemas/verb"
)

// confirmLimit is how long a called party may take to confirm.
const confirmLimit = 2 * time.Minute

// confirming is a device that answered and is asked whether it takes the call. The caller goes on hearing that it rings,
// and the others ring on. Hanging up, no digit, or a document that ends with a gather without one declines.
type confirming struct {
	Leg    int
	Strand int
	Timer  int
}

// confirm asks who answered, when that is wanted.
func (v *dial) confirm(r *call.Run, t *dialTarget, leg int) bool {
	do := v.Spec.To[t.At].Confirm
	if do == nil {
		do = v.Spec.Confirm
	}
	if do == nil || v.Originates {
		return false
	}
	doc := do.Document
	if do.URL != "" {
		doc = v.question(r, do.URL)
	}
	r.Stop(t.Response)
	t.Response, t.Rang = 0, true
	v.ringback(r, true)
	r.DropEarly(leg)
	strand := r.SpawnOn(leg, doc)
	if strand == 0 {
		v.declined(r, leg)
		return true
	}
	v.Confirms = append(v.Confirms, confirming{Leg: leg, Strand: strand, Timer: r.After(confirmLimit)})
	return true
}

// question asks for a digit, or several.
func (v *dial) question(r *call.Run, digits string) verb.Document {
	text := "You have a call"
	switch info := r.Asked(); {
	case v.Spec.Anonymous:
	case info.FromName != "":
		text += " from {caller_name}"
	case info.From != "":
		text += " from {caller_number}"
	}
	text += ". To take it, press " + strings.NewReplacer("*", "star", "#", "hash").Replace(strings.Join(strings.Split(digits, ""), " ")) + "."
	here := verb.Do{Document: verb.Document{}}
	return verb.Document{&verb.Gather{MaxDigits: len(digits), Tries: 3, Timeout: verb.Duration(5 * time.Second),
		Prompt: verb.Document{&verb.Say{Text: text}}, On: map[string]verb.Do{digits: here, "bad_input": here}}}
}

// confirmed: the strand of a device that was asked has ended.
func (v *dial) confirmed(r *call.Run, in call.StrandEnded) {
	i := slices.IndexFunc(v.Confirms, func(c confirming) bool { return c.Strand == in.Strand })
	if i < 0 {
		return
	}
	leg := v.Confirms[i].Leg
	v.confirmOver(r, leg)
	if res := in.Result; res != nil && res.Verb == "gather" && res.Status != call.StatusDone {
		v.declined(r, leg)
		return
	}
	v.connect(r, v.byLeg(leg), leg)
}

// confirmOver lets go of what asks a device; it tells whether there was something.
func (v *dial) confirmOver(r *call.Run, leg int) bool {
	i := slices.IndexFunc(v.Confirms, func(c confirming) bool { return c.Leg == leg })
	if i < 0 {
		return false
	}
	c := v.Confirms[i]
	v.Confirms = slices.Delete(v.Confirms, i, i+1)
	r.Cancel(c.Strand)
	r.Stop(c.Timer)
	return true
}

// declined: who answered does not take the call.
func (v *dial) declined(r *call.Run, leg int) {
	r.EndLeg(leg, call.CauseNormal)
	v.deviceFailed(r, v.byLeg(leg), call.LegEnded{Leg: leg, Cause: call.CauseNotConfirmed})
}

func (v *dial) confirms(leg int) bool {
	return slices.ContainsFunc(v.Confirms, func(c confirming) bool { return c.Leg == leg })
}
