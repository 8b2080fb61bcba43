package call

import (
	"slices"

	"github.com/offhook/offhook/schemas/ask"
	"github.com/offhook/offhook/schemas/event"
)

// Invitation is what a run wants of a new leg.
type Invitation struct {
	Destination  Destination
	CallerID     string
	CallerName   string
	Anonymous    bool
	Headers      map[string]string
	Params       map[string]string
	Target       string // user:101, number:+371..., sip:...
	Number, Name string // of who is called
}

// Invite starts an outbound leg of this run; LegProgress, LegAnswered and LegEnded tell. 0 when there are too many.
func (r *Run) Invite(i Invitation) int {
	c := r.call
	if c == nil || len(c.Legs) >= MaxLegs {
		return 0
	}
	l := &Leg{N: c.next(), Owner: r.N, StartedAt: c.now, Target: i.Target, Number: i.Number, Name: i.Name}
	c.Legs = append(c.Legs, l)
	c.put(LegInvite{Leg: l.N, Destination: i.Destination, CallerID: i.CallerID, CallerName: i.CallerName, Anonymous: i.Anonymous,
		Headers: i.Headers, Params: i.Params})
	return l.N
}

// EndLeg ends a leg of this run and lets go of it: no input of it comes any more.
func (r *Run) EndLeg(leg int, cause event.Cause) {
	if r.call == nil {
		return
	}
	if l := r.call.leg(leg); l != nil && l.Owner == r.N {
		r.call.endLeg(l, cause)
	}
}

// Bridge joins the caller, answered if needed, with a leg of this run.
func (r *Run) Bridge(leg int) {
	c := r.call
	if c == nil {
		return
	}
	c.speaks(c.strand(r.Strand))
	l, caller := c.leg(leg), c.leg(c.Caller)
	if l == nil || l.Ending != nil || caller == nil {
		return
	}
	if c.consults(r) {
		if c.Bridge.Aside != nil {
			c.Bridge.Aside.Leg = l.N
		}
		return
	}
	c.endLoan(caller, CauseReplaced)
	c.Bridge.Leg, c.Bridge.Early = l.N, 0
	c.Agent = agentOf(l)
	caller.Digits = "" // pressed while it rang; from here on they are the other party's
	c.answer(caller)
	if c.Bridge.Pending = caller.AnsweredAt == nil; !c.Bridge.Pending {
		c.bridged()
	}
	for _, s := range slices.Clone(c.Strands) {
		if s.Run != nil && s.Run != r {
			c.deliver(s.Run.N, CallerJoined{})
		}
	}
}

// Bridged is true while the caller is joined with somebody, here or in another call.
func (r *Run) Bridged() bool {
	if r.call == nil {
		return false
	}
	caller := r.call.leg(r.call.Caller)
	return r.call.Bridge.Leg != 0 || caller != nil && caller.Lent != 0
}

// PassEarly lets the caller hear a leg's early media, unless the caller can't or hears another's.
func (r *Run) PassEarly(leg int) {
	if r.call != nil && !r.call.consults(r) && r.call.Bridge.Leg == 0 && r.call.Bridge.Early == 0 && r.Heard() {
		r.call.Bridge.Early = leg
	}
}

// DropEarly ends what PassEarly began.
func (r *Run) DropEarly(leg int) {
	if r.call != nil && r.call.Bridge.Early == leg {
		r.call.Bridge.Early = 0
	}
}

// Give makes a leg of this run the call's own: the caller's leg of an originated call.
func (r *Run) Give(leg int) {
	c := r.call
	if c == nil {
		return
	}
	if l := c.leg(leg); l != nil && l.Owner == r.N {
		l.Owner, c.Caller = 0, l.N
		c.callAnswered(l)
	}
}

func (c *Call) leg(n int) *Leg {
	for _, l := range c.Legs {
		if l.N == n {
			return l
		}
	}
	return nil
}

// live finds a leg that was not told to end.
func (c *Call) live(n int) *Leg {
	if l := c.leg(n); l != nil && l.Ending == nil {
		return l
	}
	return nil
}

func (l *Leg) answered() bool { return l.AnsweredAt != nil || l.Answering }
func (l *Leg) sounds() bool   { return l.answered() || l.Early }

func (c *Call) answer(l *Leg) {
	if l.Inbound && !l.answered() && l.Ending == nil {
		l.Answering = true
		c.put(LegAnswer{Leg: l.N})
	}
}

func (c *Call) ring(l *Leg, early bool) {
	if !l.Inbound || l.answered() || l.Ending != nil || l.Early || l.Rang && !early {
		return
	}
	l.Rang, l.Early = true, early
	c.put(LegRing{Leg: l.N, EarlyMedia: early})
}

func (c *Call) legProgress(in LegProgress) {
	l := c.live(in.Leg)
	if l == nil || l.Inbound || l.AnsweredAt != nil {
		return
	}
	rang := l.Rang
	l.Rang = true
	switch {
	case in.EarlyMedia && !l.Early:
		l.Early = true
		c.publish(event.LegEarlyMedia, c.legData(l))
	case !in.EarlyMedia && !rang:
		c.publish(event.LegRinging, c.legData(l))
	}
	c.deliver(l.Owner, in)
}

func (c *Call) legAnswered(in LegAnswered) {
	l := c.leg(in.Leg)
	switch {
	case l == nil || l.AnsweredAt != nil:
	case l.Ending != nil && !l.Inbound:
		c.put(LegEnd{Leg: l.N, Cause: *l.Ending}) // it crossed ours (a 200 over our CANCEL, RFC 3261 9.1): end it as what it is now
	case l.N == c.Caller: // also when it has been told to end: its 2xx went out
		c.callAnswered(l)
		c.deliver(l.Refers, in)
	default:
		at := c.now
		l.AnsweredAt = &at
		c.publish(event.LegAnswered, c.legData(l))
		c.deliver(l.Owner, in)
	}
}

// callAnswered: the caller's leg stands.
func (c *Call) callAnswered(l *Leg) {
	at := c.now
	if l.AnsweredAt == nil {
		l.AnsweredAt = &at
	}
	l.Answering = false
	c.Info.AnsweredAt = &at
	if c.Phase == PhaseLive {
		c.Info.Status = "answered"
	}
	c.publish(event.CallAnswered, c.callData())
	if c.Bridge.Pending {
		c.bridged()
	}
}

func (c *Call) bridged() {
	l := c.leg(c.Bridge.Leg)
	at := c.now
	c.Bridge.Pending = false
	if c.Bridge.At == nil {
		c.Bridge.At = &at
	}
	data := c.legData(l)
	data.With = c.Caller
	c.publish(event.CallBridged, data)
}

func (c *Call) unbridge(leg int) {
	if c.Bridge.Leg == leg {
		c.Bridge.Leg, c.Bridge.Pending = 0, false
	}
	if c.Bridge.Early == leg {
		c.Bridge.Early = 0
	}
	if c.aside().Leg == leg && leg != 0 {
		c.Bridge.Aside.Leg = 0
	}
}

// legData describes a leg; the agent is who is on this leg, or whom the caller speaks with.
func (c *Call) legData(l *Leg) *event.Leg {
	data := &event.Leg{Leg: l.N, Target: l.Target, AgentNumber: c.Agent.Number, AgentName: c.Agent.Name,
		CallerNumber: c.Info.From, CallerName: c.Info.FromName}
	if l.N != c.Caller {
		data.AgentNumber, data.AgentName = l.Number, l.Name
	}
	return data
}

func (c *Call) legHeld(in LegHeld) {
	if l := c.live(in.Leg); l != nil && !l.Held {
		l.Held = true
		c.tellHold(l, event.LegHeld, event.CallHeld)
		c.toBorrower(l.Lent, "held", "")
		c.deliver(l.Owner, in)
	}
}

func (c *Call) legResumed(in LegResumed) {
	if l := c.live(in.Leg); l != nil && l.Held {
		l.Held = false
		c.tellHold(l, event.LegResumed, event.CallResumed)
		if !l.waits() {
			c.toBorrower(l.Lent, "resumed", "")
		}
		c.deliver(l.Owner, in)
	}
}

// tellHold publishes a leg's hold, and the call's when the leg is in the conversation.
func (c *Call) tellHold(l *Leg, ofLeg, ofCall string) {
	by, with := "agent", c.Caller
	if l.N == c.Caller {
		by, with = "caller", c.Bridge.Leg
	}
	for _, typ := range []string{ofLeg, ofCall} {
		data := c.legData(l)
		data.By, data.With = by, with
		if typ == ofLeg || l.N == c.Caller || l.N == c.Bridge.Leg {
			c.publish(typ, data)
		}
	}
}

// endLeg tells a leg to end. It stays, ownerless, until LegEnded.
func (c *Call) endLeg(l *Leg, cause event.Cause) {
	if l.Ending != nil {
		return
	}
	c.quieten(l)
	l.Ending, l.Owner, l.Keys = &cause, 0, Keys{}
	c.unbridge(l.N)
	if l.Home != nil {
		c.giveBack(l, cause)
		return
	}
	c.endLoan(l, cause)
	c.put(LegEnd{Leg: l.N, Cause: cause})
	if !l.Inbound && l.AnsweredAt == nil {
		c.tellEnd(l, cause) // its fate is decided, and the wire may need half a minute
	}
}

// quieten ends what goes on for a leg that is gone: its music, and what it dials.
func (c *Call) quieten(l *Leg) {
	c.stopHoldMusic(l)
	c.dropCode(l)
}

// legCause makes of the cause of a larger end the one of this leg.
func (c *Call) legCause(l *Leg, cause event.Cause) event.Cause {
	switch {
	case l.Inbound && !l.answered():
	case !l.answered() && cause.Class != ClassCancelled:
		return CauseCancelled
	case l.answered() && cause.Class == ClassCancelled:
		return CauseNormal
	case l.answered():
		cause.SIP = 0
	}
	return cause
}

func (c *Call) legEnded(in LegEnded) {
	l := c.leg(in.Leg)
	if l == nil {
		return
	}
	c.Legs = slices.DeleteFunc(c.Legs, func(x *Leg) bool { return x == l })
	cause := endCause(l, in)
	c.unbridge(l.N)
	c.quieten(l)
	c.endLoan(l, cause)
	c.rowOfLeg(l, cause, in.Media)
	c.tellEnd(l, cause)
	switch {
	case l.N != c.Caller:
		in.Cause = cause
		c.deliver(l.Owner, in)
		c.tellFeatures(in)
	case c.goesOnAside():
		c.tellFeatures(in)
	case in.Remote:
		c.end(cause, "caller")
	default:
		c.end(cause, "system")
	}
}

// endCause settles why a leg ended when both sides had a say: what we decided stands for a leg that never stood,
// what the other side did stands for one that did. RFC 3261 16.7: a 408 after ringing means that nobody answered.
func endCause(l *Leg, in LegEnded) event.Cause {
	if l.Ending != nil && (!in.Remote || l.AnsweredAt == nil) {
		return *l.Ending
	}
	cause := in.Cause
	if cause.Class == ClassTimeout && l.Rang && !l.Inbound && l.AnsweredAt == nil {
		cause.Class, cause.Reason, cause.Q850 = ClassNoAnswer, CauseNoAnswer.Reason, CauseNoAnswer.Q850
	}
	return cause
}

func (c *Call) rowOfLeg(l *Leg, cause event.Cause, media *event.Media) {
	row := event.LegEnd{Leg: l.N, Direction: "outbound", Target: l.Target, Cause: cause, StartedAt: l.StartedAt,
		AnsweredAt: l.AnsweredAt, EndedAt: c.now, Media: media}
	switch {
	case l.Home != nil:
		row.Direction = "lent"
	case l.Inbound:
		row.Direction = "inbound"
	}
	if len(c.Ended) < MaxLegRows {
		c.Ended = append(c.Ended, row)
	}
}

// tellEnd publishes how a leg ended, once.
func (c *Call) tellEnd(l *Leg, cause event.Cause) {
	if l.Told {
		return
	}
	l.Told = true
	data := c.legData(l)
	data.Cause = &cause
	if cause.SIP >= 300 && l.Ending == nil && l.AnsweredAt == nil { // a response, not a decision of ours
		data.SIP = &ask.SIPStatus{Code: cause.SIP, Phrase: cause.Phrase}
	}
	c.publish(endType(l, cause), data)
}

func endType(l *Leg, cause event.Cause) string {
	if l.Inbound || l.AnsweredAt != nil {
		return event.LegHangup
	}
	switch cause.Class {
	case ClassNoAnswer:
		return event.LegNoAnswer
	case ClassBusy:
		return event.LegBusy
	case ClassTimeout:
		return event.LegTimeout
	case ClassCancelled, ClassNormal:
		return event.LegHangup
	}
	return event.LegFailed
}
