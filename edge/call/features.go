package call

import (
	"strings"
	"time"

	"github.com/offhook/offhook/schemas/verb"
)

// featurePause ends what may become a feature code, and the number after one.
const featurePause = 3 * time.Second

// feature is the kind of a strand that a feature code started, and begins the names of their runs in the registry. A run
// of a feature is told of the ends of both parties.
const feature = "feature"

// featureCode is what keys do.
type featureCode struct{ keys, name string }

func (c *Call) settings() Settings { return c.Notes.read().Settings }

func (s Settings) featureCodes() []featureCode {
	return []featureCode{{s.Blind, "blind"}, {s.Attended, "attended"}, {s.Park, "park"}, {s.Record, "record"}}
}

// featured: the keys of this leg may be a feature code, because a user of the tenant is behind it and in conversation.
func (c *Call) featured(l *Leg) bool {
	s := c.settings()
	if c.Bridge.Leg == 0 || c.Phase != PhaseLive || s.Blind+s.Attended+s.Park+s.Record == "" {
		return false
	}
	_, _, target := c.identity(l)
	return (l.N == c.Caller || l.N == c.Bridge.Leg) && userOf(target) != ""
}

// keepsDigits: what the leg dials is passed on by us, once it is clear that it is no feature code.
func (c *Call) keepsDigits(l *Leg) bool { return c.featured(l) }

// feature takes a digit of a leg whose keys may be a feature code, unless a feature that began collects them.
func (c *Call) feature(l *Leg, digit string) bool {
	if !c.featured(l) || c.featureClaims(l) {
		return false
	}
	l.Code += digit
	c.judgeCode(l, false)
	return true
}

func (c *Call) featureClaims(l *Leg) bool {
	if len(l.Claims) == 0 {
		return false
	}
	r := c.run(l.Claims[len(l.Claims)-1])
	return r != nil && strings.HasPrefix(r.Name, feature)
}

// judgeCode goes on with what a leg has dialled: a feature starts, more is awaited, or what can't become a code is sent
// on, digit by digit, for the rest may begin one. After a pause nothing more is awaited.
func (c *Call) judgeCode(l *Leg, paused bool) {
	c.stopCodeTimer(l)
	for l.Code != "" {
		name, more := c.settings().matchCode(l.Code)
		switch {
		case more && !paused:
			l.CodeTimer = c.next()
			c.put(TimerStart{Timer: l.CodeTimer, After: featurePause})
			return
		case name != "":
			l.Code = ""
			c.startFeature(l, name)
			return
		}
		digit := l.Code[:1]
		l.Code = l.Code[1:]
		c.passDigit(l, digit)
	}
}

// matchCode says what keys do, and whether they may still become another code.
func (s Settings) matchCode(keys string) (name string, more bool) {
	for _, code := range s.featureCodes() {
		switch {
		case code.keys == "":
		case code.keys == keys:
			name = code.name
		case strings.HasPrefix(code.keys, keys):
			more = true
		}
	}
	return name, more
}

// passDigit gives a digit that is no feature code to who wants it: a claim, else the other party.
func (c *Call) passDigit(l *Leg, digit string) {
	if len(l.Claims) > 0 {
		c.keepDigit(l, digit)
		return
	}
	if to := c.live(c.other(l.N)); to != nil && to.answered() && to.Lent == 0 {
		c.put(LegDTMF{Leg: to.N, Digits: digit})
	}
}

func (c *Call) stopCodeTimer(l *Leg) {
	if l.CodeTimer != 0 {
		c.put(TimerStop{Timer: l.CodeTimer})
		l.CodeTimer = 0
	}
}

// codePaused: no further digit came.
func (c *Call) codePaused(timer int) bool {
	for _, l := range c.Legs {
		if l.CodeTimer != 0 && l.CodeTimer == timer {
			l.CodeTimer = 0
			c.judgeCode(l, true)
			return true
		}
	}
	return false
}

// dropCode forgets what a leg has dialled.
func (c *Call) dropCode(l *Leg) {
	c.stopCodeTimer(l)
	l.Code = ""
}

// settleCodes: whoever is in no conversation any more dials no feature code.
func (c *Call) settleCodes() {
	for _, l := range c.Legs {
		if l.Code != "" && !c.featured(l) {
			c.dropCode(l)
		}
	}
}

// startFeature starts a feature in a strand that speaks with the user who dialled its code.
func (c *Call) startFeature(l *Leg, name string) {
	if !c.roomForStrand() || c.featureOf(l.N) {
		return
	}
	s := c.newStrand(feature, Frame{})
	s.Line = l.N
	c.start(s, &verb.Pause{}, feature+"_"+name, "")
}

// SendAway sends the other party of a leg to a number, as a REFER of that leg would; LegNotified tells how that goes, and
// StrandEnded that it is over.
func (r *Run) SendAway(leg int, number string) bool {
	c := r.call
	if c == nil {
		return false
	}
	l := c.live(leg)
	if l == nil || c.partner(leg) == nil || !c.roomForStrand() || len(c.strandsOf(referral)) > 0 {
		return false
	}
	c.startReferral(l, LegReferred{Leg: leg, To: number}, r.N)
	return true
}

// featureOf: a feature of one of the parties runs.
func (c *Call) featureOf(leg int) bool {
	for _, s := range c.strandsOf(feature) {
		if s.Line == leg || s.Line == c.other(leg) {
			return true
		}
	}
	return false
}

// tellFeatures brings the end of a leg to the features that run.
func (c *Call) tellFeatures(in LegEnded) {
	for _, s := range c.strandsOf(feature) {
		if s.Run != nil {
			c.deliver(s.Run.N, in)
		}
	}
}
