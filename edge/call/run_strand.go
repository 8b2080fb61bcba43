package call

import (
	"slices"
	"time"

	"github.com/offhook/offhook/schemas/ask"
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
	s.Owner, s.Handler, s.Event, s.Result, s.Line = owner, from.Handler, from.Event, from.Result, from.Line
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
	from.Run, s.Run, r.Strand = nil, r, s.N
	from.Result = &ask.Result{Verb: r.Name, ID: r.ID, Status: StatusDone}
	return true
}

// TakeOver makes this run's strand the main one: the script that ran there, and other background strands, end.
func (r *Run) TakeOver() {
	c := r.call
	if c == nil || c.Main == r.Strand {
		return
	}
	if s := c.strand(c.Main); s != nil {
		c.killStrand(s, CauseReplaced)
	}
	for _, s := range c.strandsOf("background") {
		if s.N != r.Strand {
			c.killStrand(s, CauseCompletedElsewhere)
		}
	}
	c.Main = r.Strand
	c.strand(r.Strand).Kind = "main"
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

// HandOn makes this run the call's last: it goes on alone as the main strand, and the script that ran it goes on beside,
// in wrap-up for at most d, with no voice in the call any more.
func (r *Run) HandOn(d time.Duration) {
	c := r.call
	if c == nil {
		return
	}
	from := c.strand(r.Strand)
	s := c.newStrand("main", Frame{})
	s.Result, from.Run, s.Run, r.Strand = from.Result, nil, r, s.N
	from.Result = &ask.Result{Verb: r.Name, ID: r.ID, Status: StatusAnswered}
	if from.N == c.Main {
		from.Kind = "wrap_up"
	}
	c.Main = s.N
	from.WrapUp = c.next()
	c.put(TimerStart{Timer: from.WrapUp, After: d})
}
