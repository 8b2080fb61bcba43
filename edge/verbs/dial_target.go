package verbs

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/schemas/ask"
	"github.com/offhook/offhook/schemas/event"
	"github.com/offhook/offhook/schemas/verb"
)

// dialTarget is one destination of a dial: a user's devices are its legs.
type dialTarget struct {
	At       int          // in Spec.To
	Resolve  int          `json:",omitempty"`
	Number   string       `json:",omitempty"`
	Name     string       `json:",omitempty"`
	Legs     []int        `json:",omitempty"` // that still try, or the one that answered
	Response int          `json:",omitempty"` // timer: no sign of life
	Ring     int          `json:",omitempty"` // timer: ring_for
	Rang     bool         `json:",omitempty"`
	Cause    *event.Cause `json:",omitempty"` // the most telling failure so far
	Ended    bool         `json:",omitempty"` // it failed for good

	Way       dialWay  `json:",omitzero"`  // where the settings and the cluster lead
	Announced int      `json:",omitempty"` // name: for who picks it up
	Loan      int      `json:",omitempty"` // of the caller's leg, to a queue
	Waits     bool     `json:",omitempty"` // a queue: the leg is lent to another
	Moved     []string `json:",omitempty"` // where redirections led
	Followed  int      `json:",omitempty"` // how many of them were tried
}

// startTarget resolves the next target.
func (v *dial) startTarget(r *call.Run) {
	at := len(v.Targets)
	if at >= len(v.Spec.To) {
		return
	}
	t := &dialTarget{At: at}
	v.Targets = append(v.Targets, t)
	if queue := v.Spec.To[at].Queue; queue != "" {
		v.lend(r, t, queue)
		return
	}
	t.Resolve = r.Resolve(v.Spec.To[at])
}

// resolved calls all devices of a target.
func (v *dial) resolved(r *call.Run, t *dialTarget, in call.Resolved) {
	t.Name, t.Number = in.Name, in.Number
	t.Way = dialWay{Target: in.Target, CallerID: in.CallerID, Tried: in.Tried, Else: in.Else}
	if in.Script != "" {
		if in.Error = v.serve(r, t, in); in.Error == "" {
			return
		}
	}
	for _, d := range in.Destinations {
		if leg := r.Invite(v.invitation(r, t, d)); leg != 0 {
			t.Legs = append(t.Legs, leg)
		}
	}
	if len(t.Legs) == 0 {
		t.worse(wayLost(in))
		v.devicesGone(r, t)
		return
	}
	v.announce(r, t)
	r.Stop(t.Response)
	t.Response = 0
	if len(in.Destinations) > 0 && in.Destinations[0].Node == "" { // a node says at once that it is there; what it does then is its script's affair
		t.Response = r.After(dialResponse)
	}
	if t.Ring == 0 { // redirections have no more time than what they come from
		t.Ring = r.After(v.ringFor(in.RingForMS))
	}
}

func (v *dial) ringFor(userMS int64) time.Duration {
	switch {
	case v.Spec.RingFor > 0:
		return time.Duration(v.Spec.RingFor)
	case userMS > 0:
		return time.Duration(userMS) * time.Millisecond
	}
	return time.Duration(verb.DefaultDialRingFor)
}

func (v *dial) invitation(r *call.Run, t *dialTarget, d call.Destination) call.Invitation {
	to := v.Spec.To[t.At]
	headers := maps.Clone(v.Spec.Headers)
	if headers == nil {
		headers = map[string]string{}
	}
	maps.Copy(headers, to.Headers)
	if len(headers) == 0 {
		headers = nil
	}
	number, name, withheld := r.Shown()
	return call.Invitation{Destination: d, Headers: headers, Target: v.name(t), Number: t.Number, Name: t.Name, Params: v.Spec.Params,
		Anonymous:  to.Anonymous || v.Spec.Anonymous || withheld,
		CallerID:   cmp.Or(t.Way.CallerID, to.CallerID, v.Spec.CallerID, number),
		CallerName: cmp.Or(to.CallerName, v.Spec.CallerName, name)}
}

func targetName(t verb.Target) string {
	switch {
	case t.User != "":
		return "user:" + t.User
	case t.Number != "":
		return "number:" + t.Number
	case t.Extension != "":
		return "extension:" + t.Extension
	case t.Queue != "":
		return "queue:" + t.Queue
	}
	return cmp.Or(t.SIP, t.Contact)
}

// goal is a target's number or URI.
func goal(t verb.Target) string {
	return cmp.Or(t.User, t.Number, t.Extension, t.Queue, t.SIP, t.Contact)
}

// deviceFailed: one leg of a target ended unanswered. A 6xx speaks for all its devices (RFC 3261 16.7).
func (v *dial) deviceFailed(r *call.Run, t *dialTarget, in call.LegEnded) {
	t.Legs = slices.DeleteFunc(t.Legs, func(leg int) bool { return leg == in.Leg })
	t.worse(in.Cause)
	if in.Cause.SIP >= 600 {
		v.endLegs(r, t, call.CauseCancelled)
	}
	if len(in.Moved) > 0 {
		v.moved(r, t, in)
	}
	if len(t.Legs) == 0 {
		v.devicesGone(r, t)
	}
}

// devicesGone: nothing of a target rings any more. A redirection may be left to try.
func (v *dial) devicesGone(r *call.Run, t *dialTarget) {
	if t.Resolve != 0 || v.follow(r, t) {
		return
	}
	v.endLegs(r, t, call.CauseCancelled) // its timers
	v.targetDone(r, t)
}

// worse keeps the failure that tells most about why nobody answered.
func (t *dialTarget) worse(cause event.Cause) {
	if t.Cause == nil || rank(cause) > rank(*t.Cause) {
		t.Cause = &cause
	}
}

func rank(c event.Cause) int {
	if c.SIP >= 600 {
		return 6
	}
	return 1 + slices.Index([]string{call.ClassFailed, call.ClassTimeout, call.ClassRefused, call.ClassNoAnswer, call.ClassBusy}, c.Class)
}

// targetDone: a target failed. The next one comes, others still ring, or that was the last.
func (v *dial) targetDone(r *call.Run, t *dialTarget) {
	if v.goOn(r, t) {
		return
	}
	t.Ended = true
	inOrder := v.Spec.Ring == "in_order" && len(v.Targets) < len(v.Spec.To)
	if inOrder {
		v.startTarget(r)
	}
	if !inOrder && !slices.ContainsFunc(v.Targets, func(t *dialTarget) bool { return !t.Ended }) {
		v.finish(r, t)
		return
	}
	if do, ok := onEnd(v.Spec.To[t.At].On, statusOf(*t.Cause)); ok {
		r.Handle(do, v.eventVars(r, t, statusOf(*t.Cause), 0))
	}
}

// finish ends the dial unanswered: with the most telling failure of its targets.
func (v *dial) finish(r *call.Run, last *dialTarget) {
	best := &dialTarget{Cause: &event.Cause{Class: call.ClassFailed, Reason: "no_target"}}
	for _, t := range v.Targets {
		if rank(*t.Cause) > rank(*best.Cause) || best.Cause.Reason == "no_target" {
			best = t
		}
	}
	cause := *best.Cause
	if v.Originates {
		r.EndCall(cause, "system")
		return
	}
	res := ask.Result{Status: statusOf(cause), Cause: cause.Reason}
	if cause.SIP >= 300 {
		res.SIP = &ask.SIPStatus{Code: cause.SIP, Phrase: cause.Phrase}
	}
	v.tellTransfer(r, "failed", cmp.Or(best.Number, goal(v.Spec.To[best.At])), &cause)
	v.end(r, last, res)
}

// end ends it with what hangs on that in the last target, then in the dial, then next.
func (v *dial) end(r *call.Run, last *dialTarget, res ask.Result) {
	var thens []call.Then
	if last != nil {
		if do, ok := onEnd(v.Spec.To[last.At].On, statusOf(*last.Cause)); ok {
			thens = append(thens, call.Then{Do: &do})
		}
	}
	if do, ok := onEnd(v.Spec.On, res.Status); ok {
		thens = append(thens, call.Then{Do: &do})
	}
	r.Done(res, append(thens, call.Then{Do: v.Spec.Next, Replace: true})...)
}

func statusOf(c event.Cause) string {
	switch c.Class {
	case call.ClassBusy, call.ClassNoAnswer, call.ClassTimeout, call.ClassRefused, call.ClassCancelled:
		return c.Class
	case call.ClassRejected:
		return call.StatusRefused
	}
	return call.StatusFailed
}

// onEnd finds what hangs on an end; refused falls back to failed.
func onEnd(on map[string]verb.Do, status string) (verb.Do, bool) {
	do, ok := on[status]
	if !ok && status == call.StatusRefused {
		do, ok = on[call.StatusFailed]
	}
	return do, ok
}

// thens of a party that answered: its own `on`, the dial's.
func (v *dial) thens(t *dialTarget, key string) []call.Then {
	var thens []call.Then
	for _, on := range []map[string]verb.Do{v.Spec.To[t.At].On, v.Spec.On} {
		if do, ok := on[key]; ok {
			thens = append(thens, call.Then{Do: &do})
		}
	}
	return thens
}

func (v *dial) result(t *dialTarget) ask.Result {
	user, ok := strings.CutPrefix(v.name(t), "user:")
	if !ok {
		return ask.Result{Status: call.StatusAnswered, Number: cmp.Or(t.Number, goal(v.Spec.To[t.At]))}
	}
	return ask.Result{Status: call.StatusAnswered, User: user}
}

// Achieved: a dial that is ended from outside was answered, or is cancelled.
func (v *dial) Achieved() ask.Result {
	t := v.find(func(t *dialTarget) bool {
		return v.Won != 0 && slices.Contains(t.Legs, v.Won) || v.Lent != 0 && t.Loan == v.Lent
	})
	if t == nil {
		return ask.Result{Status: call.StatusCancelled}
	}
	return v.result(t)
}

// tell starts what hangs on a happening: of the target once per target, of the dial once; each hold counts.
func (v *dial) tell(r *call.Run, t *dialTarget, key string, leg int) {
	if t == nil {
		return
	}
	of := []map[string]verb.Do{v.Spec.To[t.At].On, v.Spec.On}
	for i, mark := range []string{key + " " + targetName(v.Spec.To[t.At]), key} {
		do, ok := of[i][key]
		if !ok || slices.Contains(v.Told, mark) {
			continue
		}
		if key != "held" && key != "resumed" {
			v.Told = append(v.Told, mark)
		}
		r.Handle(do, v.eventVars(r, t, key, leg))
	}
}

// eventVars is the event of a strand that hangs on this dial: type, target, who it is, leg while there is one.
func (v *dial) eventVars(r *call.Run, t *dialTarget, key string, leg int) map[string]any {
	info := r.Asked()
	vars := map[string]any{"type": event.Prefix + "leg." + key,
		"target": v.name(t), "agent_number": t.Number, "agent_name": t.Name,
		"caller_number": info.From, "caller_name": info.FromName}
	if leg != 0 {
		vars["leg"] = float64(leg) // as it comes back from JSON
	}
	if t.Cause != nil {
		vars["cause"] = map[string]any{"class": t.Cause.Class, "reason": t.Cause.Reason, "sip": float64(t.Cause.SIP)}
	}
	return vars
}
