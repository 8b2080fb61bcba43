package verbs

import (
	"slices"
	"time"

	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/schemas/event"
	"github.com/offhook/offhook/schemas/verb"
)

const dialResponse = 10 * time.Second // a target that gives no sign of life for so long is a timeout

// dial calls its targets, all at once or in order, and bridges the caller with the first that answers; the others end as
// completed elsewhere. It lasts until that party hangs up, and then the script goes on. In the background the script goes
// on at once, and an answer takes its place; the first of several dials in the background wins. It may begin in any state
// of the call, also in a conversation, which an answer then ends.
//
// `on` values: ringing, early_media, answered, held and resumed start a strand beside the call, as `on` would (a URL is
// asked with reason event). How it ended (no_answer, busy, timeout, refused, failed, cancelled; hangup when the party hung
// up) runs before what is left of the script (a URL is asked with reason next). A target's end, while others still ring,
// is a strand beside. refused falls back to failed. `next` comes after that, in the place of what is left.
type dial struct {
	Spec       *verb.Dial
	Originates bool          `json:",omitempty"` // the party that answers becomes the caller
	Background bool          `json:",omitempty"`
	Targets    []*dialTarget `json:",omitempty"` // begun ones, in the order of Spec.To
	Told       []string      `json:",omitempty"` // keys of `on` that were told already
	Won        int           `json:",omitempty"` // the leg that answered
	Limit      int           `json:",omitempty"` // timer
	Tone       int           `json:",omitempty"` // ringback playback
	Confirms   []confirming  `json:",omitempty"` // devices that answered and are asked whether they take the call
	Lent       int           `json:",omitempty"` // the loan of the caller's leg to who waited in a queue
	Purpose    string        `json:",omitempty"` // toDivert, toTransfer
	From       int           `json:",omitempty"` // transfer: whom the caller spoke with
	WrapUp     time.Duration `json:",omitempty"` // divert
}

// Begin starts the first target, or all.
func (v *dial) Begin(r *call.Run) {
	if cause, why := v.refusal(r); why != "" {
		r.Log("error", r.Name+": "+why)
		v.end(r, nil, because(cause, why))
		return
	}
	if v.Spec.Background {
		if v.Background = r.Detach("background"); !v.Background {
			r.Done(tooMany())
			return
		}
	}
	v.prepare(r)
	v.startTarget(r)
	for v.Spec.Ring != "in_order" && len(v.Targets) < len(v.Spec.To) {
		v.startTarget(r)
	}
	if len(v.Targets) == 0 {
		v.finish(r, nil)
	}
}

// prepare does what the caller notices before anything rings.
func (v *dial) prepare(r *call.Run) {
	if v.Purpose == toTransfer {
		v.holdAll(r)
	}
	if len(v.Spec.To) > 0 {
		v.tellTransfer(r, "started", goal(v.Spec.To[0]), nil)
	}
	if v.Spec.Answer == "at_once" {
		r.Answer()
	}
	v.ringback(r, false)
}

// ringback lets the caller hear that it rings: at once where sound flows already, else when the other side rings. Who waits
// in a queue or is parked goes on hearing music.
func (v *dial) ringback(r *call.Run, rings bool) {
	if v.Originates || v.Background || v.Purpose == toTransfer || v.Tone != 0 {
		return
	}
	if own := v.Spec.Ringback != nil; rings && !r.Heard() {
		r.Ring(own)
	}
	if !r.Heard() || v.Spec.Ringback == nil && r.Accompanied() {
		return
	}
	audio := verb.Audio{Name: "tone:ringback"}
	if v.Spec.Ringback != nil {
		audio = *v.Spec.Ringback
	}
	v.Tone = r.PlayUnder(r.Caller(), verb.Audios{audio}, -1)
}

// Input takes what the targets bring.
func (v *dial) Input(r *call.Run, in call.Input) {
	switch in := in.(type) {
	case call.Resolved:
		if t := v.find(func(t *dialTarget) bool { return t.Resolve == in.Resolve }); t != nil {
			t.Resolve = 0
			v.resolved(r, t, in)
		}
	case call.LegProgress:
		v.progress(r, v.byLeg(in.Leg), in)
	case call.LegAnswered:
		v.answered(r, v.byLeg(in.Leg), in.Leg)
	case call.LegHeld:
		v.tell(r, v.byLeg(in.Leg), "held", in.Leg)
	case call.LegResumed:
		v.tell(r, v.byLeg(in.Leg), "resumed", in.Leg)
	case call.LegEnded:
		v.ended(r, in)
	case call.LegReplaced:
		v.replaced(r, in)
	case call.StrandEnded:
		v.confirmed(r, in)
	case call.CallerJoined:
		v.lost(r)
	case call.TimerFired:
		v.timer(r, in.Timer)
	default:
		v.input(r, in)
	}
}

func (v *dial) input(r *call.Run, in call.Input) {
	switch in := in.(type) {
	case call.LoanTaken:
		v.taken(r, in)
	case call.LoanEnded:
		v.returned(r, in)
	case call.PlayEnded:
		if in.Error == "" {
			v.Tone = 0
		}
	}
}

func (v *dial) find(is func(*dialTarget) bool) *dialTarget {
	if i := slices.IndexFunc(v.Targets, is); i >= 0 {
		return v.Targets[i]
	}
	return nil
}

func (v *dial) byLeg(leg int) *dialTarget {
	return v.find(func(t *dialTarget) bool { return slices.Contains(t.Legs, leg) })
}

// progress: a device gave a sign of life.
func (v *dial) progress(r *call.Run, t *dialTarget, in call.LegProgress) {
	if t == nil {
		return
	}
	r.Stop(t.Response)
	t.Response, t.Rang = 0, true
	if !in.EarlyMedia {
		v.tell(r, t, "ringing", in.Leg)
		v.ringback(r, true)
		return
	}
	v.tell(r, t, "early_media", in.Leg)
	switch {
	case v.Originates || v.Background || v.Purpose == toTransfer:
	case v.Spec.EarlyMedia == "ignore" || v.Spec.Ringback != nil:
		v.ringback(r, true)
	default:
		r.Ring(true)
		r.PassEarly(in.Leg)
	}
}

// answered: the first one wins, once it has confirmed where that is wanted.
func (v *dial) answered(r *call.Run, t *dialTarget, leg int) {
	if t != nil && !v.confirm(r, t, leg) {
		v.connect(r, t, leg)
	}
}

// connect joins the caller with the winner.
func (v *dial) connect(r *call.Run, t *dialTarget, leg int) {
	v.Won = leg
	v.endOthers(r)
	if v.Originates {
		r.Give(leg)
		r.Done(v.result(t))
		return
	}
	v.succeed(r, t, leg)
	r.Bridge(leg)
	v.tellTransfer(r, "answered", t.Number, nil)
	v.tell(r, t, "answered", leg)
	if v.Spec.TimeLimit > 0 {
		v.Limit = r.After(time.Duration(v.Spec.TimeLimit))
	}
}

// succeed settles what becomes of the script, and lets the caller listen.
func (v *dial) succeed(r *call.Run, t *dialTarget, leg int) {
	r.Stop(v.Tone)
	switch {
	case v.Background || v.Purpose == toTransfer:
		r.TakeOver(leg)
		r.EndHold(r.Caller())
	case v.Purpose == toDivert:
		v.handOn(r, t)
	}
}

// lost: the caller was joined with somebody by another run.
func (v *dial) lost(r *call.Run) {
	res := v.Achieved()
	if res.Cause = call.ReasonCompletedElsewhere; res.Status == call.StatusAnswered {
		res.Cause = call.CauseReplaced.Reason
	}
	v.endOthers(r)
	r.Done(res)
}

func (v *dial) endOthers(r *call.Run) {
	for len(v.Confirms) > 0 {
		v.confirmOver(r, v.Confirms[0].Leg)
	}
	for _, t := range v.Targets {
		r.Stop(t.Resolve)
		t.Waits = false
		if t.Loan != v.Lent {
			r.Stop(t.Loan)
		}
		v.endLegs(r, t, call.CauseCompletedElsewhere)
	}
}

// endLegs ends what still rings of a target: not the winner, nor who is asked whether it takes the call.
func (v *dial) endLegs(r *call.Run, t *dialTarget, cause event.Cause) {
	r.Stop(t.Ring)
	r.Stop(t.Response)
	t.Ring, t.Response = 0, 0
	stays := func(leg int) bool { return leg == v.Won || v.confirms(leg) }
	for _, leg := range t.Legs {
		if !stays(leg) {
			r.EndLeg(leg, cause)
		}
	}
	t.Legs = slices.DeleteFunc(t.Legs, func(leg int) bool { return !stays(leg) })
	r.Stop(t.Announced)
	t.Announced = 0
}

// ended: the party hung up, or a device failed.
func (v *dial) ended(r *call.Run, in call.LegEnded) {
	t := v.byLeg(in.Leg)
	switch {
	case t == nil:
	case in.Leg == v.Won:
		v.hungUp(r, t, in.Cause.Reason)
	case v.confirmOver(r, in.Leg):
		v.deviceFailed(r, t, call.LegEnded{Leg: in.Leg, Cause: call.CauseNotConfirmed})
	default:
		v.deviceFailed(r, t, in)
	}
}

func (v *dial) hungUp(r *call.Run, t *dialTarget, cause string) {
	res := v.result(t)
	res.Cause = cause
	thens := v.thens(t, "hangup")
	if v.Purpose == "" {
		thens = append(thens, call.Then{Do: v.Spec.Next, Replace: true})
	}
	r.Done(res, thens...)
}

func (v *dial) timer(r *call.Run, n int) {
	if n == v.Limit {
		t := v.byLeg(v.Won)
		r.EndLeg(v.Won, call.CauseTimeLimit)
		v.hungUp(r, t, call.CauseTimeLimit.Reason)
		return
	}
	if i := slices.IndexFunc(v.Confirms, func(c confirming) bool { return c.Timer == n }); i >= 0 {
		leg := v.Confirms[i].Leg
		v.confirmOver(r, leg)
		v.declined(r, leg)
		return
	}
	v.gaveUp(r, v.find(func(t *dialTarget) bool { return t.Ring == n || t.Response == n }))
}

// gaveUp: a target took too long.
func (v *dial) gaveUp(r *call.Run, t *dialTarget) {
	if t == nil {
		return
	}
	cause := call.CauseTimeout
	if t.Rang {
		cause = call.CauseNoAnswer
	}
	r.Stop(t.Resolve)
	t.Resolve, t.Moved = 0, nil
	v.endLegs(r, t, cause)
	cause.SIP = 0 // we gave up: no response said so
	t.worse(cause)
	if len(t.Legs) == 0 {
		v.targetDone(r, t)
	}
}
