package call

import (
	"cmp"
	"strings"

	"github.com/offhook/offhook/schemas/event"
	"github.com/offhook/offhook/schemas/verb"
)

// Calls meet by lending legs. The home call keeps the dialog, its events and the run that lent it; the borrower has the
// sound, but for what the home call plays to its leg itself. Recordings, streams and detections of the home call hear the
// leg wherever it is, and whom it hears there. A loan is numbered by the home call's counter, so that what is late is known
// by its number:
//
//	home: Lent -> borrower: LoanTaken -> home, or LoanEnded when nobody takes it
//	home: LoanInput (digits, hold, mute, mode) -> borrower; borrower: LoanHushed -> home
//	borrower: LoanEnded -> home; home: LoanRecalled -> borrower (also when the leg has hung up)
//
// Either side may end it at any time, and both may at once: who knows nothing of a loan any more ignores its end, and
// answers LoanTaken by LoanRecalled.

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

// Modes of a supervisor, and what a room's members are.
const (
	ModeListen  = "listen"
	ModeWhisper = "whisper"
	ModeBarge   = "barge"
	ModeMuted   = "muted"
	ModeSpeaks  = "speaking"
)

// Reasons of a LoanEnded, beside those of causes.
const (
	WhyNotFound = "not_found"
	WhyFull     = "full"
	WhyEnded    = "ended" // the other call ended, or its conversation
	WhyTaken    = "taken" // somebody else was faster
)

// Lent: another call lends a leg. LoanTaken or LoanEnded answers it.
type Lent struct {
	From   Place            `json:"from"`
	Line   int              `json:"line"` // the leg, at its own call
	As     string           `json:"as"`
	Rings  bool             `json:"rings,omitempty"` // it is answered when it is taken
	Leg    int              `json:"leg,omitempty"`   // AsReplace
	Number string           `json:"number,omitempty"`
	Name   string           `json:"name,omitempty"`
	Target string           `json:"target,omitempty"` // user:101 when a user of the tenant is on it, number:+371...
	Mode   string           `json:"mode,omitempty"`   // AsSupervise
	User   string           `json:"user,omitempty"`   // AsSupervise: who alone hears a whisper
	Member *verb.Conference `json:"member,omitempty"` // AsMember
	Held   bool             `json:"held,omitempty"`   // the party holds, or is on hold at home
	Muted  bool             `json:"muted,omitempty"`
}

// LoanTaken tells the home call who has its leg.
type LoanTaken struct {
	Loan int   `json:"loan"`
	By   Place `json:"by"`             // the leg there
	Size int   `json:"size,omitempty"` // lent legs there, this one too
}

// LoanEnded gives a leg back; with Refused it was never taken.
type LoanEnded struct {
	Loan    int         `json:"loan"`
	Refused bool        `json:"refused,omitempty"`
	Why     string      `json:"why"` // not_found, full, ended, hangup ...
	Cause   event.Cause `json:"cause,omitzero"`
	Size    int         `json:"size,omitempty"` // lent legs that are left there
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

// LoanHushed tells the home call whether its leg is mute or on hold there: recordings and streams do not hear it then.
type LoanHushed struct {
	Loan   int  `json:"loan"`
	Hushed bool `json:"hushed"`
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
func (LoanHushed) Kind() string   { return "loan_hushed" }
func (Placed) Kind() string       { return "placed" }

// Lend lends an answered leg, or with Rings one that is to be answered when it is taken, to the call of that name or id;
// LoanTaken and LoanEnded tell. The run owns the loan: Stop takes it back. Who is behind the leg, and whether it holds, is
// filled in. 0: the leg can't be lent.
func (r *Run) Lend(leg int, to string, in Lent) int {
	c := r.call
	if c == nil {
		return 0
	}
	l := c.live(leg)
	if l == nil || !l.answered() && !(in.Rings && l.Inbound) || l.Lent != 0 || l.Home != nil {
		return 0
	}
	n := r.own(thingLoan, leg)
	l.Lent, in.From, in.Line, in.Held = n, Place{Call: c.Info.ID, N: n}, leg, l.waits()
	in.Muted = in.Muted || l.Muted
	t := c.thing(thingLoan, n)
	t.Name, t.Hushed = l.manner(), in.Muted
	number, name, target := c.identity(l)
	in.Number, in.Name, in.Target = cmp.Or(in.Number, number), cmp.Or(in.Name, name), cmp.Or(in.Target, target)
	c.send(to, in)
	return n
}

// manner is what the borrower knows of how a leg takes part, to tell what changed while nobody had taken it yet.
func (l *Leg) manner() string {
	manner := "resumed"
	if l.waits() {
		manner = "held"
	}
	if l.Muted {
		return manner + " " + ModeMuted
	}
	return manner + " " + ModeSpeaks
}

// Tell hands a change of mode to whoever has the leg of a loan.
func (r *Run) Tell(loan int, mode string) {
	if r.call != nil {
		r.call.toBorrower(loan, "mode", mode)
	}
}

// PassDigits hands digits that this run claimed, but has no use for, to whoever has the leg of a loan.
func (r *Run) PassDigits(loan int, digits string) {
	if r.call != nil {
		for _, d := range digits {
			r.call.toBorrower(loan, "digit", string(d))
		}
	}
}

// send puts out an input for another call. These come last in a step: a leg is let go by the mix before it is handed over.
func (c *Call) send(to string, in Input) { c.sends = append(c.sends, Send{To: to, In: in}) }

func (c *Call) settleSends() {
	for _, s := range c.sends {
		c.put(s)
	}
	c.sends = nil
}

func (c *Call) loanTaken(in LoanTaken) {
	t := c.thing(thingLoan, in.Loan)
	if t == nil { // taken back meanwhile
		c.send("call:"+in.By.Call, LoanRecalled{From: Place{Call: c.Info.ID, N: in.Loan}, Cause: CauseCancelled})
		return
	}
	t.With, t.There = in.By.Call, in.By.N
	if l := c.leg(t.Leg); l != nil {
		c.tellManner(l, t.Name)
	}
	c.deliver(t.Owner, in)
}

// tellManner tells the borrower what changed since the leg was lent.
func (c *Call) tellManner(l *Leg, told string) {
	hold, mode, _ := strings.Cut(l.manner(), " ")
	if !strings.HasPrefix(told, hold) {
		c.toBorrower(l.Lent, hold, "")
	}
	if !strings.HasSuffix(told, mode) {
		c.toBorrower(l.Lent, "mode", mode)
	}
}

func (c *Call) loanEnded(in LoanEnded) {
	t := c.thing(thingLoan, in.Loan)
	if t == nil {
		return
	}
	c.ownAgain(t.Leg)
	c.thingBrings(thingLoan, in.Loan, in)
}

func (c *Call) loanHushed(in LoanHushed) {
	if t := c.thing(thingLoan, in.Loan); t != nil {
		t.Hushed = in.Hushed
	}
}

func (c *Call) ownAgain(leg int) {
	if l := c.leg(leg); l != nil {
		l.Lent = 0
	}
}

// toBorrower hands on what concerns a lent leg.
func (c *Call) toBorrower(loan int, what, text string) {
	if t := c.thing(thingLoan, loan); t != nil && t.With != "" {
		c.send("call:"+t.With, LoanInput{From: Place{Call: c.Info.ID, N: loan}, What: what, Text: text})
	}
}

// takeBack ends a loan from this side. Who has not answered yet is told when it does.
func (c *Call) takeBack(t Thing, cause event.Cause) {
	c.ownAgain(t.Leg)
	if t.With != "" {
		c.send("call:"+t.With, LoanRecalled{From: Place{Call: c.Info.ID, N: t.N}, Cause: cause})
	}
}

// endLoan: a lent leg ends here, or is needed here, so nobody else has it any more. The run that lent it is told.
func (c *Call) endLoan(l *Leg, cause event.Cause) {
	t := c.thing(thingLoan, l.Lent)
	if t == nil {
		return
	}
	was := *t
	c.dropThing(was.N)
	c.takeBack(was, cause)
	c.deliver(was.Owner, LoanEnded{Loan: was.N, Why: cause.Reason, Cause: cause})
}
