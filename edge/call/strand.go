package call

import (
	"errors"
	"slices"
	"strings"

	"github.com/offhook/offhook/schemas/ask"
	"github.com/offhook/offhook/schemas/event"
	"github.com/offhook/offhook/schemas/template"
	"github.com/offhook/offhook/schemas/verb"
)

func (c *Call) newStrand(kind string, f Frame) *Strand {
	s := &Strand{N: c.next(), Kind: kind, Frames: []Frame{f}}
	c.Strands = append(c.Strands, s)
	return s
}

func (c *Call) strand(n int) *Strand {
	for _, s := range c.Strands {
		if s.N == n {
			return s
		}
	}
	return nil
}

func (c *Call) strandsOf(kind string) []*Strand {
	var of []*Strand
	for _, s := range c.Strands {
		if s.Kind == kind {
			of = append(of, s)
		}
	}
	return of
}

// run finds a verb's run by its number.
func (c *Call) run(n int) *Run {
	for _, s := range c.Strands {
		if s.Run != nil && s.Run.N == n {
			return s.Run
		}
	}
	return nil
}

func (c *Call) deliver(run int, in Input) {
	if r := c.run(run); r != nil {
		r.call = c
		r.Progress.Input(r, in)
	}
}

func (c *Call) readyStrand() *Strand {
	for _, s := range c.Strands {
		if s.Run == nil && s.Asking == nil && s.StayedBy == 0 {
			return s
		}
	}
	return nil
}

// advance takes the strand's next step.
func (c *Call) advance(s *Strand) {
	if len(s.Frames) == 0 {
		c.strandEnded(s)
		return
	}
	f := &s.Frames[len(s.Frames)-1]
	if len(f.Doc) > 0 {
		v, base := f.Doc[0], f.Base
		f.Doc = f.Doc[1:]
		c.startVerb(s, v, base)
		return
	}
	next, base := f.Next, f.Base
	s.Frames = s.Frames[:len(s.Frames)-1]
	if next != nil {
		c.follow(s, next, base)
	}
}

// follow runs a document in place or asks a URL.
func (c *Call) follow(s *Strand, n *Next, base string) {
	if n.Do.URL != "" {
		c.ask(s, n, base)
		return
	}
	c.enter(s, Frame{Base: base, Doc: n.Do.Document}, n.Replace)
}

// enter puts a document before what is left of the strand, or in its place. Frames with nothing left go first,
// so that a script which goes on and on this way does not grow.
func (c *Call) enter(s *Strand, f Frame, replace bool) {
	if replace {
		s.Frames = nil
	}
	for len(s.Frames) > 0 && len(s.Frames[len(s.Frames)-1].Doc) == 0 && s.Frames[len(s.Frames)-1].Next == nil {
		s.Frames = s.Frames[:len(s.Frames)-1]
	}
	if len(s.Frames) >= MaxFrames {
		c.log("error", "documents nest too deeply")
		c.end(CauseLoop, "system")
		return
	}
	s.Frames = append(s.Frames, f)
}

// startVerb fills a verb from the variables and starts its run. A verb that can't be filled fails and the script goes on.
func (c *Call) startVerb(s *Strand, v verb.Verb, base string) {
	c.atOnce++
	if c.Spent.Verbs++; c.Spent.Verbs > MaxVerbs || c.atOnce > MaxAtOnce {
		c.log("error", "the script runs too many verbs")
		c.end(CauseLoop, "system")
		return
	}
	filled, err := verb.Fill(v, func(name string) (string, bool) { return c.lookup(s, name) })
	if err != nil {
		c.log("error", v.VerbName()+": "+err.Error())
		c.verbFailed(s, v, unfilled(err), err.Error())
		return
	}
	c.start(s, filled, v.VerbName(), base)
}

// unfilled is why a verb could not be filled, as a word.
func unfilled(err error) string {
	if _, ok := errors.AsType[*template.UnknownError](err); ok {
		return "unknown_variable"
	}
	return "bad_value"
}

// Why a verb that needs the line is refused.
const (
	callEnded = "the call has ended"
	handedOn  = "the call was handed on; in wrap-up the script has no voice in it"
)

func (c *Call) start(s *Strand, v verb.Verb, name, base string) {
	kind, ok := c.registry[name]
	switch {
	case !ok:
		c.log("error", name+": not known here")
		c.verbFailed(s, v, "unknown_verb", name+" is not known here")
		return
	case kind.Media && c.Phase != PhaseLive:
		c.log("warn", name+": "+callEnded)
		c.verbFailed(s, v, "call_ended", callEnded)
		return
	case kind.Media && (s.WrapUp != 0 || s.Kind == "handler" && s.Handler <= c.Notes.read().HandedOn):
		c.log("error", name+": "+handedOn)
		c.verbFailed(s, v, "wrap_up", handedOn)
		return
	}
	r := &Run{N: c.next(), Strand: s.N, Name: name, ID: v.VerbID(), Base: base, Progress: kind.Make(v), call: c}
	s.Run = r
	c.verbStarted(s, r.Name, r.ID)
	r.Progress.Begin(r)
	if s.Run == r {
		c.Spent.Redirects, c.Spent.Fallback = 0, false
		c.foresee(s, v)
	}
}

// internal runs are no verbs of documents.
func internal(name string) bool {
	return strings.HasPrefix(name, feature) || name == originate || name == referral || name == takeover || name == room
}

func (c *Call) verbStarted(s *Strand, name, id string) {
	if !internal(name) {
		c.publish(event.VerbStarted, &event.Verb{Verb: name, ID: id, Strand: s.N})
	}
}

func (c *Call) verbEnded(s *Strand, res ask.Result) { c.verbWrote(s, res, "", "") }

func (c *Call) verbWrote(s *Strand, res ask.Result, level, text string) {
	s.Result = &res
	if res.Verb == "dial" || res.Verb == "divert" {
		c.Script.Dialled = &res
	}
	if !internal(res.Verb) {
		c.publish(event.VerbEnded, &event.Verb{Verb: res.Verb, ID: res.ID, Strand: s.N, Result: &res, Level: level, Text: text})
	}
}

func (c *Call) verbFailed(s *Strand, v verb.Verb, cause, why string) {
	c.verbStarted(s, v.VerbName(), v.VerbID())
	c.verbEnded(s, ask.Result{Verb: v.VerbName(), ID: v.VerbID(), Status: StatusFailed, Cause: cause, Error: why})
}

// strandEnded: nothing is left to do in it.
func (c *Call) strandEnded(s *Strand) {
	c.Strands = slices.DeleteFunc(c.Strands, func(x *Strand) bool { return x == s })
	c.stopDeadline(s)
	switch {
	case s.Owner != 0:
		c.deliver(s.Owner, StrandEnded{Strand: s.N, Result: s.Result})
	case s.N == c.Main:
		c.Main = 0
		c.scriptEnded(s)
	}
}

// stopDeadline lets go of the timer of a wrap-up with the last strand that it is for.
func (c *Call) stopDeadline(s *Strand) {
	if s.WrapUp == 0 {
		return
	}
	timer := s.WrapUp
	s.WrapUp = 0
	if !slices.ContainsFunc(c.Strands, func(x *Strand) bool { return x.WrapUp == timer }) {
		c.put(TimerStop{Timer: timer})
	}
}

// killStrand ends a strand from outside: what it ran and all that this owned goes with it.
func (c *Call) killStrand(s *Strand, cause event.Cause) {
	if s.Run != nil {
		if t, ok := s.Run.Progress.(Teller); ok {
			s.Run.call = c
			t.Tell(s.Run, cause.Reason)
		}
	}
	c.Strands = slices.DeleteFunc(c.Strands, func(x *Strand) bool { return x == s })
	if s.N == c.Main {
		c.Main = 0
	}
	if s.Asking != nil {
		c.put(AskStop{Ask: s.Asking.N})
		s.Asking = nil
	}
	c.stopDeadline(s)
	c.stopRun(s, cause)
}

// stopRun ends the run of a strand from outside.
func (c *Call) stopRun(s *Strand, cause event.Cause) {
	if r := s.Run; r != nil {
		s.Run = nil
		at := c.position(r)
		c.release(r, cause)
		res := ask.Result{Status: StatusCancelled}
		if p, ok := r.Progress.(Achiever); ok {
			res = p.Achieved()
		}
		res.PositionMS = at
		res.Verb, res.ID, res.Cause = r.Name, r.ID, cause.Reason
		c.verbEnded(s, res)
	}
}

func (c *Call) killStrands(cause event.Cause) {
	for len(c.Strands) > 0 {
		c.killStrand(c.Strands[0], cause)
	}
}

// release stops all that a run still owns. This is the only clean-up there is.
func (c *Call) release(r *Run, cause event.Cause) {
	r.call = nil
	c.endAside(r.N)
	for _, s := range slices.Clone(c.Strands) {
		if s.StayedBy == r.N {
			s.StayedBy = 0
		}
		if s.Owner == r.N {
			c.killStrand(s, cause)
		}
	}
	for _, l := range slices.Clone(c.Legs) {
		l.Claims = slices.DeleteFunc(l.Claims, func(n int) bool { return n == r.N })
		c.unhold(l, r.N)
		if l.Owner == r.N {
			c.endLeg(l, c.legCause(l, cause))
		}
	}
	for _, t := range slices.Clone(c.Things) {
		if t.Owner == r.N {
			c.stopThing(t, cause)
		}
	}
}

func (c *Call) thing(what string, n int) *Thing {
	for i := range c.Things {
		if c.Things[i].N == n && c.Things[i].What == what {
			return &c.Things[i]
		}
	}
	return nil
}

func (c *Call) dropThing(n int) {
	c.Things = slices.DeleteFunc(c.Things, func(t Thing) bool { return t.N == n })
}

func (c *Call) stopThing(t Thing, cause event.Cause) {
	switch t.What {
	case thingRecord:
		c.letRecord(t)
		return
	case thingStream:
		c.letStream(t.N)
		return
	}
	c.dropThing(t.N)
	switch t.What {
	case thingTimer:
		c.put(TimerStop{Timer: t.N})
	case thingPlay:
		c.put(PlayStop{Play: t.N})
	case thingDetect:
		c.put(DetectStop{Detect: t.N})
	case thingLoan:
		if cause.Class == ClassCancelled { // nothing ended but its part in it
			cause = CauseLeft
		}
		c.takeBack(t, cause)
	}
}
