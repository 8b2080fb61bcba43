package call

import "github.com/offhook/offhook/schemas/verb"

// referral is the registry's name of the run that does what a party asked for by REFER.
const referral = "referral"

// legReferred starts a strand that sends the other party elsewhere; its line is the party that asked.
func (c *Call) legReferred(in LegReferred) {
	l := c.live(in.Leg)
	if l == nil {
		return
	}
	if _, known := c.registry[referral]; !known || c.Phase != PhaseLive || !c.roomForStrand() {
		c.put(LegNotify{Leg: in.Leg, Code: 603})
		return
	}
	s := c.newStrand("referral", Frame{})
	s.Line = l.N
	c.start(s, &verb.Transfer{}, referral, "")
	if s.Run != nil {
		c.deliver(s.Run.N, in)
	}
}

// Refer asks a leg's party to call a URI itself; LegNotified tells how that goes.
func (r *Run) Refer(leg int, uri string) bool {
	if r.call == nil {
		return false
	}
	l := r.call.live(leg)
	if l == nil || l.AnsweredAt == nil {
		return false
	}
	l.Refers = r.N
	r.call.put(LegRefer{Leg: leg, To: uri})
	return true
}

// NotifyReferrer tells a leg's party how its REFER goes; 200 and above is the last.
func (r *Run) NotifyReferrer(leg, code int, phrase string) {
	if r.call != nil && r.call.live(leg) != nil {
		r.call.put(LegNotify{Leg: leg, Code: code, Phrase: phrase})
	}
}

func (c *Call) legNotified(in LegNotified) {
	if l := c.leg(in.Leg); l != nil {
		c.deliver(l.Refers, in)
	}
}
