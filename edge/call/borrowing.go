package call

import (
	"slices"
	"strings"

	"github.com/offhook/offhook/schemas/event"
)

// MaxGuests are the most lent legs that a call has at once.
const MaxGuests = 100

// Borrower is a verb that takes legs of other calls. Borrow gives the leg's number by r.Take, or refuses with a reason.
type Borrower interface {
	Borrow(r *Run, in Lent) (leg int, why string)
}

// Take accepts a leg that another call lends; this run owns it. 0 when there are too many.
func (r *Run) Take(in Lent) int {
	if r.call == nil {
		return 0
	}
	return r.call.borrow(r.N, in)
}

// Guests are the lent legs of this call.
func (r *Run) Guests() int {
	if r.call == nil {
		return 0
	}
	return r.call.guests()
}

func (c *Call) guests() int {
	n := 0
	for _, l := range c.Legs {
		if l.Home != nil {
			n++
		}
	}
	return n
}

// borrow makes a leg of what another call lends.
func (c *Call) borrow(owner int, in Lent) int {
	if c.guests() >= MaxGuests {
		return 0
	}
	at, from := c.now, in.From
	l := &Leg{N: c.next(), Owner: owner, Home: &from, StartedAt: at, AnsweredAt: &at, Held: in.Held, Mode: in.Mode,
		Number: in.Number, Name: in.Name, Target: in.Target}
	l.Muted, l.Hushed = in.Muted, in.Muted
	c.Legs = append(c.Legs, l)
	c.put(LegBorrow{Leg: l.N, From: from})
	c.send("call:"+from.Call, LoanTaken{Loan: from.N, By: Place{Call: c.Info.ID, N: l.N}, Size: c.guests()})
	c.publish(event.LegAnswered, c.legData(l))
	return l.N
}

// settleGuests tells home whether a lent leg is mute or on hold here.
func (c *Call) settleGuests() {
	for _, l := range c.Legs {
		if hushed := l.Muted || len(l.Waits) > 0; l.Home != nil && l.Ending == nil && hushed != l.Hushed {
			l.Hushed = hushed
			c.send("call:"+l.Home.Call, LoanHushed{Loan: l.Home.N, Hushed: hushed})
		}
	}
}

// lent finds who takes a leg.
func (c *Call) lent(in Lent) {
	why := WhyEnded
	switch {
	case in.From.Call == c.Info.ID:
		why = "same_call"
	case c.Phase == PhaseLive:
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
	why = WhyNotFound
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
		return WhyFull
	}
	l := c.leg(n)
	l.Whisper = c.whispered(in.User)
	c.tellSupervised(l, "")
	return ""
}

// whispered is who hears a whisper: the user who is supervised; of a call named by its id, the one who is a user.
func (c *Call) whispered(user string) int {
	agent := c.leg(c.Bridge.Leg)
	switch {
	case user != "" && user == c.Info.User && user != c.Agent.User:
		return c.Caller
	case user == "" && c.Info.User != "" && userOf(agent.Target) == "":
		return c.Caller
	}
	return agent.N
}

func (c *Call) tellSupervised(l *Leg, why string) {
	c.publish(event.CallSupervised, &event.Meeting{Leg: l.N, Mode: l.Mode, By: l.Number, WithCall: l.Home.Call, Why: why})
}

// settleSupervisors: without the conversation there is nothing to supervise.
func (c *Call) settleSupervisors() {
	for l := c.idle(); l != nil; l = c.idle() {
		c.endLeg(l, CauseEnded)
	}
}

// idle finds a supervisor whose conversation is over.
func (c *Call) idle() *Leg {
	for _, l := range c.Legs {
		if l.Whisper != 0 && l.Ending == nil && (c.Bridge.Leg == 0 || l.Whisper != c.Bridge.Leg && l.Whisper != c.Caller) {
			return l
		}
	}
	return nil
}

// replaced: a leg takes the place of another, with all that hangs on it. When the old one is lent, the new one takes its
// place where it is.
func (c *Call) replaced(in Lent) string {
	old := c.live(in.Leg)
	if old == nil || !old.Inbound && old.AnsweredAt == nil { // RFC 3891 3: not one of ours that rings
		return WhyNotFound
	}
	t := c.thing(thingLoan, old.Lent)
	switch {
	case len(c.strandsOf(referral))+len(c.strandsOf(consult)) > 0, t != nil && t.With == "":
		return "busy" // who is where is about to change
	case t != nil:
		in.Leg = t.There
		c.send("call:"+t.With, in)
		return ""
	}
	n := c.borrow(old.Owner, in)
	if n == 0 {
		return WhyFull
	}
	c.inherit(c.leg(n), old, in)
	for _, s := range slices.Clone(c.Strands) {
		if s.Run != nil {
			c.deliver(s.Run.N, LegReplaced{Old: old.N, New: n})
		}
	}
	by, _, _ := c.identity(old)
	c.publish(event.CallTransferred, &event.Transfer{Leg: old.N, Kind: "attended", By: by, To: in.Number, Status: StatusAnswered})
	cause := CauseReplaced
	if !old.answered() {
		cause.SIP = CauseCancelled.SIP
	}
	c.endLeg(old, cause)
	return ""
}

// inherit gives a leg all that hangs on another.
func (c *Call) inherit(l, old *Leg, in Lent) {
	l.Claims, l.Digits, l.Waits, l.Music, l.Mode, l.Whisper = old.Claims, old.Digits, old.Waits, old.Music, old.Mode, old.Whisper
	l.Muted = l.Muted || old.Muted
	old.Owner, old.Claims, old.Digits, old.Waits, old.Music = 0, nil, "", nil, 0
	for i := range c.Things {
		if t := &c.Things[i]; (t.What == thingPlay || t.What == thingStream || t.What == thingDetect) && t.Leg == old.N {
			t.Leg = l.N
		}
	}
	for _, s := range c.Strands {
		if s.Line == old.N {
			s.Line = l.N
		}
	}
	for _, x := range c.Legs {
		if x.Whisper == old.N {
			x.Whisper = l.N
		}
	}
	if c.Bridge.Leg == old.N {
		c.Bridge.Leg, c.Agent = l.N, agentOf(l)
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

// userOf is the user that a target is, empty when it is something else.
func userOf(target string) string {
	if user, ok := strings.CutPrefix(target, "user:"); ok {
		return user
	}
	return ""
}

func agentOf(l *Leg) Agent { return Agent{Number: l.Number, Name: l.Name, User: userOf(l.Target)} }

// LegReplaced is brought to all runs when a leg has taken the place of another. The shell never gives it.
type LegReplaced struct{ Old, New int }

// Kind is "leg_replaced".
func (LegReplaced) Kind() string { return "leg_replaced" }

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
		c.changeMode(l, in.Text)
	}
}

// changeMode: a leg is muted or not; a supervisor takes part in another way.
func (c *Call) changeMode(l *Leg, mode string) {
	switch {
	case mode == ModeMuted || mode == ModeSpeaks:
		l.Muted = mode == ModeMuted
	case l.Whisper != 0 && l.Mode != mode:
		l.Mode = mode
		c.tellSupervised(l, "")
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
	c.send("call:"+l.Home.Call, LoanEnded{Loan: l.Home.N, Why: cause.Reason, Cause: cause, Size: c.guests() - 1})
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
