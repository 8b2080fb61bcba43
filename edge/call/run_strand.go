package call

import (
	"slices"
	"time"

	"github.com/offhook/offhook/schemas/ask"
	"github.com/offhook/offhook/schemas/event"
	"github.com/offhook/offhook/schemas/verb"
)

// What a run may do with strands: its own and those beside it.

// Spawn starts a document as a strand that this run owns and that brings StrandEnded; 0 when there are too many.
func (r *Run) Spawn(doc verb.Document) int {
	return r.strand("nested", doc, r.N)
}

// SpawnOn is Spawn for a document that speaks with another leg.
func (r *Run) SpawnOn(leg int, doc verb.Document) int {
	n := r.strand("nested", doc, r.N)
	if n != 0 {
		r.call.strand(n).Line = leg
	}
	return n
}

// Branch starts a document as a strand of its own that lives until the call ends; 0 when there are too many.
func (r *Run) Branch(kind string, doc verb.Document) int {
	return r.strand(kind, doc, 0)
}

func (r *Run) strand(kind string, doc verb.Document, owner int) int {
	c := r.call
	if c == nil || !c.roomForStrand() {
		return 0
	}
	from := c.strand(r.Strand)
	s := c.newStrand(kind, Frame{Base: r.Base, Doc: doc})
	s.Owner, s.Handler, s.Event, s.Result, s.Line, s.WrapUp = owner, from.Handler, from.Event, from.Result, from.Line, from.WrapUp
	return s.N
}

// Cancel ends a strand that this run spawned.
func (r *Run) Cancel(strand int) {
	if r.call == nil {
		return
	}
	if s := r.call.strand(strand); s != nil && s.Owner == r.N {
		r.call.killStrand(s, CauseCancelled)
	}
}

// Detach lets the script go on while this run goes on in a strand of its own; false when there are too many.
func (r *Run) Detach(kind string) bool {
	c := r.call
	if c == nil || !c.roomForStrand() {
		return false
	}
	from := c.strand(r.Strand)
	s := c.newStrand(kind, Frame{Base: r.Base})
	s.Handler, s.Event, s.Result, s.Line = from.Handler, from.Event, from.Result, from.Line
	if from.Kind == referred {
		s.Owner = from.Owner // it goes when that does
	}
	from.Run, s.Run, r.Strand = nil, r, s.N
	from.Result = &ask.Result{Verb: r.Name, ID: r.ID, Status: StatusDone}
	return true
}

// TakeOver makes this run all that is left of the script, for a leg that takes its place: what would follow, the script
// in the main strand and background strands end.
func (r *Run) TakeOver(leg int) {
	c := r.call
	if c == nil {
		return
	}
	s := c.strand(r.Strand)
	c.speaks(s)
	s.Frames = nil
	if c.Main != s.N {
		waiting := s.Owner
		c.crown(s)
		c.deliver(waiting, StrandEnded{Strand: s.N})
	}
	c.killBeside(s, CauseCompletedElsewhere)
	c.tellReplaced(leg)
}

// crown makes a strand the main one, in the place of the one that was.
func (c *Call) crown(s *Strand) {
	s.Owner, s.Line = 0, 0
	if main := c.strand(c.Main); main != nil {
		c.killStrand(main, CauseReplaced)
	}
	c.Main, s.Kind = s.N, "main"
}

// killBeside ends what would change whom the caller speaks with: background strands and referrals.
func (c *Call) killBeside(not *Strand, cause event.Cause) {
	for _, kind := range []string{"background", referral, feature} {
		for _, s := range c.strandsOf(kind) {
			if s != not {
				c.killStrand(s, cause)
			}
		}
	}
}

// tellReplaced publishes that the script was replaced, and by whom.
func (c *Call) tellReplaced(leg int) {
	l := c.leg(leg)
	if l == nil {
		return
	}
	data := c.legData(l)
	if leg != c.Caller {
		data.With = c.Caller
	}
	c.publish(event.CallReplaced, data)
}

// Stay keeps the main script from going on while this run lasts.
func (r *Run) Stay() {
	if c := r.call; c != nil && c.Main != r.Strand {
		if s := c.strand(c.Main); s != nil {
			s.StayedBy = r.N
		}
	}
}

// CancelRuns ends the strands beside the script whose verb has this id; it tells how many.
func (r *Run) CancelRuns(id string) int {
	if r.call == nil {
		return 0
	}
	n := 0
	for _, s := range slices.Clone(r.call.Strands) {
		if s.Run != nil && s.Run != r && s.Run.ID == id && s.N != r.call.Main && s.Owner == 0 {
			r.call.killStrand(s, CauseCancelled)
			n++
		}
	}
	return n
}

// HandOn makes this run the call's last: it goes on alone as the main strand. The script that ran it goes on beside, with
// this result and the thens, in wrap-up for at most d. It has no voice in the call any more, nor has what it started.
func (r *Run) HandOn(res ask.Result, d time.Duration, thens ...Then) {
	c := r.call
	if c == nil {
		return
	}
	from := c.strand(r.Strand)
	c.speaks(from)
	s := c.newStrand("main", Frame{})
	s.Result, from.Run, s.Run, r.Strand = from.Result, nil, r, s.N
	res.Verb, res.ID = r.Name, r.ID
	from.Result = &res
	from.then(r.Base, thens)
	c.killBeside(from, CauseCompletedElsewhere)
	c.Notes.write().HandedOn, c.Main = s.N, s.N
	timer := c.next()
	c.put(TimerStart{Timer: timer, After: d})
	for _, x := range slices.Clone(c.Strands) {
		if x != s && c.strand(x.N) == x {
			c.wrapUp(x, timer)
		}
	}
}

// wrapUp takes a strand's voice and gives it until the timer to finish its work.
func (c *Call) wrapUp(s *Strand, timer int) {
	if s.Kind == "main" {
		s.Kind = "wrap_up"
	}
	c.stopDeadline(s)
	s.WrapUp = timer
	if s.Run != nil && c.registry[s.Run.Name].Media {
		c.stopRun(s, CauseReplaced)
	}
}
