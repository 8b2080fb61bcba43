package call

import (
	"cmp"

	"github.com/offhook/offhook/schemas/ask"
	"github.com/offhook/offhook/schemas/event"
	"github.com/offhook/offhook/schemas/verb"
)

// referral is the registry's name of the run that does what a party asked for by REFER.
const referral = "referral"

// referred is the kind of a strand whose script says where a referred party goes. To it the party is a new, unanswered
// call, until it is spoken to or connected.
const referred = "referred"

// defaultRouter knows the way of every number where the call was begun without one.
const defaultRouter = "fn:router"

// Spoken is brought to a referral when a strand of its own speaks to the party, or connects it. The shell never gives it.
type Spoken struct{ Strand int }

// Rings is brought to a referral when the party is told that it rings. The shell never gives it.
type Rings struct{}

// Kind is "spoken".
func (Spoken) Kind() string { return "spoken" }

// Kind is "rings".
func (Rings) Kind() string { return "rings" }

// legReferred starts a strand that sends the other party elsewhere; its line is the party that asked.
func (c *Call) legReferred(in LegReferred) {
	l := c.live(in.Leg)
	switch {
	case l == nil:
		return
	case l.Lent != 0:
		c.referElsewhere(l, in)
		return
	case len(c.strandsOf(referral)) > 0:
		c.notify(l, 491, "")
		return
	case c.Phase != PhaseLive || c.partner(l.N) == nil || !c.roomForStrand():
		c.notify(l, 603, "")
		return
	}
	c.startReferral(l, in, 0)
}

// startReferral starts it for a run that is told of its course in the place of the party, or for the party.
func (c *Call) startReferral(l *Leg, in LegReferred, owner int) {
	s := c.newStrand(referral, Frame{})
	s.Line, s.Owner = l.N, owner
	c.start(s, &verb.Transfer{}, referral, "")
	if s.Run != nil {
		c.deliver(s.Run.N, in)
	}
}

// referElsewhere hands a REFER on to the call that has the leg.
func (c *Call) referElsewhere(l *Leg, in LegReferred) {
	t := c.thing(thingLoan, l.Lent)
	if t == nil || t.With == "" {
		c.notify(l, 603, "")
		return
	}
	c.send("call:"+t.With, LoanInput{From: Place{Call: c.Info.ID, N: t.N}, What: "referred", Refer: &in})
}

// partner is whom a leg is in conversation with, nil if nobody whom it could send away.
func (c *Call) partner(leg int) *Leg {
	other := c.live(c.other(leg))
	if other == nil || other.Lent != 0 || c.Bridge.Pending {
		return nil
	}
	return other
}

// Partner is the leg of whom a leg is in conversation with, 0 if nobody.
func (r *Run) Partner(leg int) int {
	if r.call == nil {
		return 0
	}
	if l := r.call.partner(leg); l != nil {
		return l.N
	}
	return 0
}

// Standing is true while a leg was not told to end.
func (r *Run) Standing(leg int) bool { return r.call != nil && r.call.live(leg) != nil }

// Who tells the number of a leg's party; user is true when it is one of the tenant's.
func (r *Run) Who(leg int) (number string, user bool) {
	if r.call == nil {
		return "", false
	}
	l := r.call.leg(leg)
	if l == nil {
		return "", false
	}
	number, _, target := r.call.identity(l)
	return number, userOf(target) != ""
}

// identity is who is on a leg.
func (c *Call) identity(l *Leg) (number, name, target string) {
	i := c.Info
	switch {
	case l.N != c.Caller || l.Target != "":
		return l.Number, l.Name, l.Target
	case i.User != "":
		return i.User, i.FromName, "user:" + i.User
	}
	return i.From, i.FromName, "number:" + i.From
}

// Parted is a conversation that was taken apart because one of its parties sends the other away.
type Parted struct {
	By      int      // who asked
	Leg     int      // who stays: the caller, from now on if not before
	Swapped bool     `json:",omitempty"` // who asked was the caller
	Owner   int      `json:",omitempty"` // then: of Leg
	Was     ask.Call // the call as it was
	URL     string   `json:",omitempty"` // the last that was asked
}

// Part takes the conversation of a leg apart: who stays hears music, and the script waits. It lasts until Rejoin, TakeOver
// or Crown; a leg that asked and was the caller belongs to this run from now on.
func (r *Run) Part(by int) (p Parted, ok bool) {
	if r.call == nil {
		return p, false
	}
	c, l := r.call, r.call.partner(by)
	if l == nil {
		return p, false
	}
	p = Parted{By: by, Leg: l.N, Was: c.Info, URL: c.Script.URL, Swapped: by == c.Caller}
	if p.Swapped {
		p.Owner = l.Owner
	}
	r.Stay()
	c.depart(by, r.N)
	r.Hold(l.N)
	r.Hold(by)
	return p, true
}

// Depart ends the conversation of a leg, which leaves the call; who stays is its caller, lent or not.
func (r *Run) Depart(by int) {
	if r.call != nil && r.call.Bridge.Leg != 0 {
		r.call.depart(by, r.N)
	}
}

// depart takes a leg out of the conversation. If it was the caller it becomes a run's, and the other one the caller.
func (c *Call) depart(by, owner int) {
	l, leg := c.leg(c.Bridge.Leg), c.leg(by)
	c.Bridge.Leg = 0
	if by != c.Caller {
		return
	}
	leg.Number, leg.Name, leg.Target = c.identity(leg)
	number, name, target := c.identity(l)
	l.Owner, leg.Owner, c.Caller = 0, owner, l.N
	c.callerIs(number, name, target)
}

// callerIs makes the call that of another caller.
func (c *Call) callerIs(number, name, target string) {
	c.Info.From, c.Info.FromName, c.Info.User, c.Info.Trunk = number, name, userOf(target), ""
}

// Rejoin puts together what Part took apart; false when who asked is gone.
func (r *Run) Rejoin(p Parted) bool {
	c := r.call
	if c == nil {
		return false
	}
	c.endAside(r.N)
	by, l, i, was := c.live(p.By), c.live(p.Leg), &c.Info, p.Was
	i.To, i.ReferredBy, i.Params, c.Script.URL = was.To, was.ReferredBy, was.Params, p.URL
	if by == nil || l == nil || p.Swapped && c.run(p.Owner) == nil {
		return false
	}
	if c.Bridge.Leg = p.By; p.Swapped {
		i.From, i.FromName, i.User, i.Trunk = was.From, was.FromName, was.User, was.Trunk
		c.Caller, c.Bridge.Leg = p.By, p.Leg
		l.Owner, by.Owner = p.Owner, 0
	}
	r.EndHold(p.By)
	r.EndHold(p.Leg)
	return true
}

// HangUp ends a leg, whoever's it is, and tells its run.
func (r *Run) HangUp(leg int, cause event.Cause) {
	if r.call != nil {
		r.call.hangUp(leg, cause)
	}
}

// Route asks where the caller goes with a new number, as if this were a new call that whoever is on the leg by is
// responsible for; what the script is, is a strand of this run. Its end without a word brings StrandEnded, its first word
// Spoken. 0 when there are too many.
func (r *Run) Route(number string, by int) int {
	return r.route(Frame{Next: &Next{Do: verb.Do{URL: cmp.Or(r.router(), defaultRouter)}, Reason: ask.ReasonCall, Replace: true}}, number, by)
}

// RouteBy is Route to a document instead of the router's.
func (r *Run) RouteBy(doc verb.Document, number string, by int) int {
	return r.route(Frame{Doc: doc}, number, by)
}

func (r *Run) router() string {
	if r.call == nil {
		return ""
	}
	return r.call.Notes.Router
}

func (r *Run) route(f Frame, number string, by int) int {
	c := r.call
	if c == nil || !c.roomForStrand() || c.leg(by) == nil {
		return 0
	}
	who, _, target := c.identity(c.leg(by))
	c.Info.To, c.Info.ReferredBy = number, &who
	s := c.newStrand(referred, f)
	s.Owner, s.Right = r.N, userOf(target)
	return s.N
}

// inRight makes the call of an ask that of whoever is responsible for where it goes. A referred party has the right of who
// sent it: otherwise a caller from outside could have a user's phone call out at the tenant's cost.
func (c *Call) inRight(s *Strand, about *ask.Call) {
	if s.Kind != referred {
		return
	}
	if about.User = s.Right; s.Right != "" {
		about.Trunk = ""
	} else if about.Trunk == "" {
		about.Trunk = c.Notes.Trunk
	}
}

// Crown makes a strand of this run the call's script; the script that was there ends.
func (r *Run) Crown(strand int) {
	c := r.call
	if c == nil {
		return
	}
	if s := c.strand(strand); s != nil && s.Owner == r.N {
		c.crown(s)
		c.tellReplaced(c.Caller)
	}
}

// routes: the run is of a script that says where a referred party goes.
func (c *Call) routes(r *Run) bool {
	s := c.strand(r.Strand)
	return s != nil && s.Kind == referred
}

// speaks: a strand speaks to the caller; a referral has waited for that.
func (c *Call) speaks(s *Strand) {
	if s.Owner != 0 && (s.Kind == referred || s.Kind == "background") {
		c.deliver(s.Owner, Spoken{Strand: s.N})
	}
}

// rings: a script tells a referred party that it rings.
func (c *Call) rings(r *Run) {
	if s := c.strand(r.Strand); s.Kind == referred {
		c.deliver(s.Owner, Rings{})
	}
}

// Refer asks a leg's party to call a URI itself; LegNotified tells how that goes. While the caller's answer is under way
// LegAnswered comes first, and it must be asked again then.
func (r *Run) Refer(leg int, uri string) bool {
	if r.call == nil {
		return false
	}
	l := r.call.live(leg)
	if l == nil || !l.answered() || l.Home != nil {
		return false
	}
	if l.Refers = r.N; l.AnsweredAt != nil {
		r.call.put(LegRefer{Leg: leg, To: uri})
	}
	return true
}

// NotifyReferrer tells a leg's party how its REFER goes; 200 and above is the last.
func (r *Run) NotifyReferrer(leg, code int, phrase string) {
	if r.call == nil {
		return
	}
	if s := r.call.strand(r.Strand); s != nil && s.Kind == referral && s.Owner != 0 {
		r.call.deliver(s.Owner, LegNotified{Leg: leg, Code: code, Phrase: phrase})
		return
	}
	if l := r.call.live(leg); l != nil {
		r.call.notify(l, code, phrase)
	}
}

func (c *Call) notify(l *Leg, code int, phrase string) {
	if l.Home != nil {
		c.send("call:"+l.Home.Call, LoanNotify{Loan: l.Home.N, Code: code, Phrase: phrase})
		return
	}
	c.put(LegNotify{Leg: l.N, Code: code, Phrase: phrase})
}

func (c *Call) loanNotify(in LoanNotify) {
	if t := c.thing(thingLoan, in.Loan); t != nil {
		c.put(LegNotify{Leg: t.Leg, Code: in.Code, Phrase: in.Phrase})
	}
}

func (c *Call) legNotified(in LegNotified) {
	if l := c.leg(in.Leg); l != nil {
		c.deliver(l.Refers, in)
	}
}
