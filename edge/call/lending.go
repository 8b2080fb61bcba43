package call

import (
	"cmp"
	"slices"

	"github.com/offhook/offhook/schemas/event"
	"github.com/offhook/offhook/schemas/verb"
)

// Calls meet by lending legs. The home call keeps the dialog, its events and the run that lent it; the borrower has the
// sound. A loan is numbered by the home call's counter, so that what is late is known by its number:
//
//	home: Lent -> borrower: LoanTaken -> home, or LoanEnded when nobody takes it
//	home: LoanInput (digits, hold, mute) -> borrower
//	borrower: LoanEnded -> home; home: LoanRecalled -> borrower (also when the leg has hung up)

// Place is a loan, or a leg, of a call.
type Place struct {
	Call string `json:"call"`
	N    int    `json:"n"`
}

// What a lent leg is for.
const (
	AsPickup    = "pickup"    // it takes the call that rings, is parked or waits there
	AsMember    = "member"    // of a room
	AsSupervise = "supervise" // it listens to, whispers into or joins the conversation
	AsReplace   = "replace"   // it takes the place of the leg Leg (RFC 3891)
)

// Modes of a supervisor and of a room's members.
const (
	ModeListen  = "listen"
	ModeWhisper = "whisper"
	ModeBarge   = "barge"
	ModeMuted   = "muted"
	ModeSpeaks  = "speaking"
)

// Lent: another call lends a leg. LoanTaken or LoanEnded answers it.
type Lent struct {
	From   Place            `json:"from"`
	Line   int              `json:"line"` // the leg, at its own call
	As     string           `json:"as"`
	Leg    int              `json:"leg,omitempty"` // AsReplace
	Number string           `json:"number,omitempty"`
	Name   string           `json:"name,omitempty"`
	Target string           `json:"target,omitempty"` // user:101 when a user of the tenant is on it, number:+371...
	Mode   string           `json:"mode,omitempty"`
	User   string           `json:"user,omitempty"`   // AsSupervise: who alone hears a whisper
	Member *verb.Conference `json:"member,omitempty"` // AsMember
	Held   bool             `json:"held,omitempty"`   // the party holds
}

// LoanTaken tells the home call who has its leg.
type LoanTaken struct {
	Loan int   `json:"loan"`
	By   Place `json:"by"` // the leg there
}

// LoanEnded gives a leg back; with Refused it was never taken.
type LoanEnded struct {
	Loan    int         `json:"loan"`
	Refused bool        `json:"refused,omitempty"`
	Why     string      `json:"why"` // not_found, full, ended, hangup ...
	Cause   event.Cause `json:"cause,omitzero"`
}

// LoanRecalled takes a leg back, or tells that it is gone.
type LoanRecalled struct {
	From  Place       `json:"from"`
	Cause event.Cause `json:"cause"`
}

// LoanInput hands on what a lent leg brings (Digit, LegHeld, LegResumed) or a change of its mode.
type LoanInput struct {
	From Place  `json:"from"`
	What string `json:"what"` // digit, held, resumed, mode, referred
	Text string `json:"text,omitempty"`

	Refer *LegReferred `json:"refer,omitempty"` // referred
}

// LoanNotify tells the home call how what its leg asked for by REFER goes.
type LoanNotify struct {
	Loan   int    `json:"loan"`
	Code   int    `json:"code"`
	Phrase string `json:"phrase,omitempty"`
}

// Placed tells a call where it stands among those of the same name.
type Placed struct {
	Name     string `json:"name"`
	Position int    `json:"position"` // 1 is next
	Size     int    `json:"size"`
}

func (Lent) Kind() string         { return "lent" }
func (LoanTaken) Kind() string    { return "loan_taken" }
func (LoanEnded) Kind() string    { return "loan_ended" }
func (LoanRecalled) Kind() string { return "loan_recalled" }
func (LoanInput) Kind() string    { return "loan_input" }
func (LoanNotify) Kind() string   { return "loan_notify" }
func (Placed) Kind() string       { return "placed" }

// Borrower is a verb that takes legs of other calls. Borrow gives the leg's number by r.Take, or refuses with a reason.
type Borrower interface {
	Borrow(r *Run, in Lent) (leg int, why string)
}

// Lend lends a leg to the call of that name or id; LoanTaken and LoanEnded tell. The run owns the loan: Stop takes it back.
// In's From, Line and Held are filled in, and who is on the leg where that is not said.
func (r *Run) Lend(leg int, to string, in Lent) int {
	c := r.call
	if c == nil {
		return 0
	}
	l := c.live(leg)
	if l == nil || l.Lent != 0 || l.Home != nil {
		return 0
	}
	n := r.own(thingLoan, leg)
	l.Lent, in.From, in.Line, in.Held = n, Place{Call: c.Info.ID, N: n}, leg, l.Held
	number, name, target := c.identity(l)
	in.Number, in.Name, in.Target = cmp.Or(in.Number, number), cmp.Or(in.Name, name), cmp.Or(in.Target, target)
	c.send(to, in)
	return n
}

// Tell hands a change of mode to whoever has the leg of a loan.
func (r *Run) Tell(loan int, mode string) {
	if r.call != nil {
		r.call.toBorrower(loan, "mode", mode)
	}
}

// Take accepts a leg that another call lends; this run owns it. 0 when there are too many.
func (r *Run) Take(in Lent) int {
	if r.call == nil {
		return 0
	}
	return r.call.borrow(r.N, in)
}

// Announce lets other calls find this one by a name, until Stop or the end of the run.
func (r *Run) Announce(name string, priority int) int {
	if r.call == nil {
		return 0
	}
	n := r.own(thingName, 0)
	t := r.call.thing(thingName, n)
	t.Name, t.Leg = name, priority
	return n
}

// send puts out an input for another call. These come last in a step: a leg is let go by the mix before it is handed over.
func (c *Call) send(to string, in Input) { c.sends = append(c.sends, Send{To: to, In: in}) }

func (c *Call) settleSends() {
	for _, s := range c.sends {
		c.put(s)
	}
	c.sends = nil
}

// borrow makes a leg of what another call lends.
func (c *Call) borrow(owner int, in Lent) int {
	if len(c.Legs) >= MaxLegs {
		return 0
	}
	at, from := c.now, in.From
	l := &Leg{N: c.next(), Owner: owner, Home: &from, StartedAt: at, AnsweredAt: &at, Held: in.Held, Mode: in.Mode, Number: in.Number, Name: in.Name, Target: in.Target}
	c.Legs = append(c.Legs, l)
	c.put(LegBorrow{Leg: l.N, From: from})
	c.send("call:"+from.Call, LoanTaken{Loan: from.N, By: Place{Call: c.Info.ID, N: l.N}})
	c.publish(event.LegAnswered, c.legData(l))
	return l.N
}

// lent finds who takes a leg.
func (c *Call) lent(in Lent) {
	why := "ended"
	if c.Phase == PhaseLive {
		if why = c.taken(in); why == "" {
			return
		}
	}
	c.send("call:"+in.From.Call, LoanEnded{Loan: in.From.N, Refused: true, Why: why})
}

func (c *Call) taken(in Lent) (why string) {
	switch in.As {
	case AsSupervise:
		return c.supervised(in)
	case AsReplace:
		return c.replaced(in)
	}
	why = "not_found"
	for _, s := range slices.Clone(c.Strands) {
		if s.Run == nil {
			continue
		}
		if b, ok := s.Run.Progress.(Borrower); ok {
			s.Run.call = c
			leg, refused := b.Borrow(s.Run, in)
			if leg != 0 {
				return ""
			}
			if refused != "" {
				why = refused
			}
		}
	}
	return why
}

// supervised: a supervisor joins the conversation; the mix is all there is to it.
func (c *Call) supervised(in Lent) string {
	if c.Bridge.Leg == 0 {
		return "no_conversation"
	}
	n := c.borrow(0, in)
	if n == 0 {
		return "full"
	}
	l := c.leg(n)
	if l.Whisper = c.Bridge.Leg; in.User != "" && in.User == c.Info.User {
		l.Whisper = c.Caller
	}
	c.tellSupervised(l, "")
	return ""
}

func (c *Call) tellSupervised(l *Leg, why string) {
	c.publish(event.CallSupervised, &event.Meeting{Leg: l.N, Mode: l.Mode, By: l.Number, WithCall: l.Home.Call, Why: why})
}

// replaced: a leg takes the place of another, with all that hangs on it. When the old one is lent, the new one takes its
// place where it is.
func (c *Call) replaced(in Lent) string {
	old := c.live(in.Leg)
	if old == nil {
		return "not_found"
	}
	if t := c.thing(thingLoan, old.Lent); t != nil {
		if t.With == "" {
			return "busy"
		}
		in.Leg = t.There
		c.send("call:"+t.With, in)
		return ""
	}
	n := c.borrow(old.Owner, in)
	if n == 0 {
		return "full"
	}
	owner := old.Owner
	c.inherit(c.leg(n), old, in)
	c.deliver(owner, LegReplaced{Old: old.N, New: n})
	by, _, _ := c.identity(old)
	c.publish(event.CallTransferred, &event.Transfer{Leg: old.N, Kind: "attended", By: by, To: in.Number, Status: StatusAnswered})
	c.endLeg(old, CauseReplaced)
	return ""
}

// inherit gives a leg all that hangs on another.
func (c *Call) inherit(l, old *Leg, in Lent) {
	l.Claims, l.Digits, l.Waits, l.Music, l.Muted, l.Mode, l.Whisper = old.Claims, old.Digits, old.Waits, old.Music, old.Muted, old.Mode, old.Whisper
	old.Owner, old.Claims, old.Digits, old.Waits, old.Music = 0, nil, "", nil, 0
	for i := range c.Things {
		if c.Things[i].What == thingPlay && c.Things[i].Leg == old.N {
			c.Things[i].Leg = l.N
		}
	}
	for _, s := range c.Strands {
		if s.Line == old.N {
			s.Line = l.N
		}
	}
	if c.Bridge.Leg == old.N {
		c.Bridge.Leg, c.Agent = l.N, Agent{Number: in.Number, Name: in.Name}
	}
	if c.Caller != old.N {
		return
	}
	old.Number, old.Name, old.Target = c.identity(old)
	c.Caller = l.N
	c.callerIs(in.Number, in.Name, in.Target)
	if c.Info.AnsweredAt == nil {
		c.callAnswered(l)
	}
}

// LegReplaced is brought to the run whose leg another one has taken the place of. The shell never gives it.
type LegReplaced struct{ Old, New int }

// Kind is "leg_replaced".
func (LegReplaced) Kind() string { return "leg_replaced" }

func (c *Call) loanTaken(in LoanTaken) {
	t := c.thing(thingLoan, in.Loan)
	if t == nil { // taken back meanwhile
		c.send("call:"+in.By.Call, LoanRecalled{From: Place{Call: c.Info.ID, N: in.Loan}, Cause: CauseCancelled})
		return
	}
	t.With, t.There = in.By.Call, in.By.N
	c.deliver(t.Owner, in)
}

func (c *Call) loanEnded(in LoanEnded) {
	if t := c.thing(thingLoan, in.Loan); t != nil {
		if l := c.leg(t.Leg); l != nil {
			l.Lent = 0
		}
		c.thingBrings(thingLoan, in.Loan, in)
	}
}

func (c *Call) loanRecalled(in LoanRecalled) {
	if l := c.borrowed(in.From); l != nil {
		c.letGo(l, LegEnded{Leg: l.N, Cause: in.Cause, Remote: true})
	}
}

func (c *Call) loanInput(in LoanInput) {
	l := c.borrowed(in.From)
	if l == nil {
		return
	}
	switch in.What {
	case "digit":
		c.digit(Digit{Leg: l.N, Digit: in.Text, Method: "lent"})
	case "held":
		c.legHeld(LegHeld{Leg: l.N})
	case "resumed":
		c.legResumed(LegResumed{Leg: l.N})
	case "referred":
		if in.Refer != nil {
			refer := *in.Refer
			refer.Leg = l.N
			c.legReferred(refer)
		}
	case "mode":
		l.Mode = in.Text
		if l.Whisper != 0 {
			c.tellSupervised(l, "")
		}
		c.deliver(l.Owner, in)
	}
}

func (c *Call) borrowed(from Place) *Leg {
	for _, l := range c.Legs {
		if l.Home != nil && *l.Home == from {
			return l
		}
	}
	return nil
}

// giveBack ends a borrowed leg here; the home call has it again.
func (c *Call) giveBack(l *Leg, cause event.Cause) {
	c.send("call:"+l.Home.Call, LoanEnded{Loan: l.Home.N, Why: cause.Reason, Cause: cause})
	c.letGo(l, LegEnded{Leg: l.N, Cause: cause})
}

// letGo: nothing here holds a borrowed leg any more.
func (c *Call) letGo(l *Leg, in LegEnded) {
	c.put(LegReturn{Leg: l.N})
	if l.Whisper != 0 {
		c.tellSupervised(l, in.Cause.Reason)
	}
	c.legEnded(in)
}

// toBorrower hands on what concerns a lent leg.
func (c *Call) toBorrower(loan int, what, text string) {
	if t := c.thing(thingLoan, loan); t != nil && t.With != "" {
		c.send("call:"+t.With, LoanInput{From: Place{Call: c.Info.ID, N: loan}, What: what, Text: text})
	}
}

// takeBack ends a loan from this side.
func (c *Call) takeBack(t Thing, cause event.Cause) {
	if l := c.leg(t.Leg); l != nil {
		l.Lent = 0
	}
	if t.With != "" {
		c.send("call:"+t.With, LoanRecalled{From: Place{Call: c.Info.ID, N: t.N}, Cause: cause})
	}
}

// endLoan: a lent leg ends here, so nobody else has it any more. Its run is told of the leg.
func (c *Call) endLoan(l *Leg, cause event.Cause) {
	if t := c.thing(thingLoan, l.Lent); t != nil {
		was := *t
		c.dropThing(was.N)
		c.takeBack(was, cause)
	}
}

// placed: the place among those that wait under the same name, for {queue_position} and the run that announced it.
func (c *Call) placed(in Placed) {
	for _, t := range slices.Clone(c.Things) {
		if t.What == thingName && t.Name == in.Name {
			c.deliver(t.Owner, in)
		}
	}
}

// settleNames declares what other calls find this one by: what runs announced, and who is in conversation here.
func (c *Call) settleNames() {
	if names := c.names(); !slices.Equal(names, c.Notes.Names) {
		c.Notes.Names = names
		c.put(Names{Names: slices.Clone(names)})
	}
}

func (c *Call) names() []Name {
	var names []Name
	for _, t := range c.Things {
		if t.What == thingName {
			names = append(names, Name{Name: t.Name, Priority: t.Leg})
		}
	}
	if c.Bridge.Leg != 0 && c.Phase == PhaseLive {
		for _, who := range []string{c.Agent.Number, c.Info.User} {
			if who != "" {
				names = append(names, Name{Name: "talking:" + who})
			}
		}
	}
	return names
}

// settleSupervisors: without a conversation there is nothing to supervise.
func (c *Call) settleSupervisors() {
	if c.Bridge.Leg != 0 {
		return
	}
	for _, l := range slices.Clone(c.Legs) {
		if l.Whisper != 0 && l.Ending == nil {
			c.endLeg(l, CauseNormal)
		}
	}
}
