package call

import (
	"slices"
	"time"

	"github.com/offhook/offhook/schemas/ask"
	"github.com/offhook/offhook/schemas/event"
	"github.com/offhook/offhook/schemas/verb"
)

// Teller is a verb that has something to tell when it is ended from outside: an event, a line in the log. It may do
// nothing else then; what its run owns is stopped by the core.
type Teller interface {
	Tell(r *Run, why string)
}

// Leaver is a verb that a `leave` in one of its documents ends.
type Leaver interface{ Leave(r *Run) }

// Leave ends this run and the wait or conference that it belongs to: the nearest around its document, else one that runs
// in the call. false: there is none.
func (r *Run) Leave() bool {
	c := r.call
	if c == nil {
		return false
	}
	x := c.leaver(r)
	if x == nil {
		return false
	}
	r.Done(ask.Result{Status: StatusDone})
	x.call = c
	x.Progress.(Leaver).Leave(x)
	return true
}

func (c *Call) leaver(r *Run) *Run {
	for s := c.strand(r.Strand); s != nil && s.Owner != 0; {
		x := c.run(s.Owner)
		if x == nil {
			break
		}
		if _, ok := x.Progress.(Leaver); ok {
			return x
		}
		s = c.strand(x.Strand)
	}
	for _, s := range c.Strands {
		if s.Run != nil && s.Run != r {
			if _, ok := s.Run.Progress.(Leaver); ok {
				return s.Run
			}
		}
	}
	return nil
}

// EndAll ends the call, and this run with it.
func (r *Run) EndAll(cause event.Cause, by string) {
	if r.call != nil {
		r.call.end(cause, by)
	}
}

// Now is the time of the step that runs.
func (r *Run) Now() time.Time {
	if r.call == nil {
		return time.Time{}
	}
	return r.call.now
}

// Agent is who the caller speaks with, or spoke with last.
func (r *Run) Agent() Agent {
	if r.call == nil {
		return Agent{}
	}
	return r.call.Agent
}

// Alone has the caller for this run: whoever the caller spoke with is released, and a script that had them speak ends.
func (r *Run) Alone(cause event.Cause) {
	c := r.call
	if c == nil || c.Bridge.Leg == 0 {
		return
	}
	if s := c.strand(r.Strand); c.Main != s.N {
		waiting := s.Owner
		c.crown(s)
		c.deliver(waiting, StrandEnded{Strand: s.N})
	}
	if l := c.leg(c.Bridge.Leg); l != nil {
		owner := l.Owner
		c.endLeg(l, c.legCause(l, cause))
		c.deliver(owner, LegEnded{Leg: l.N, Cause: cause})
	}
}

// Music plays the tenant's music of a kind to a leg for ever, or own in its place. Under: see PlayUnder.
func (r *Run) Music(leg int, kind string, own *verb.Audio, under bool) int {
	if r.call == nil {
		return 0
	}
	start := PlayStart{Music: kind, Loop: -1}
	if own != nil {
		start.Music, start.Audio = "", verb.Audios{*own}
	}
	start.Play = r.own(thingPlay, leg)
	r.call.thing(thingPlay, start.Play).Under = under
	r.call.put(start)
	return start.Play
}

// Accompanied tells whether a run that this one's strand belongs to plays to the caller meanwhile: what those hear who wait.
func (r *Run) Accompanied() bool {
	c := r.call
	if c == nil {
		return false
	}
	for s := c.strand(r.Strand); s != nil && s.Owner != 0; {
		x := c.run(s.Owner)
		if x == nil {
			return false
		}
		if slices.ContainsFunc(c.Things, func(t Thing) bool { return t.What == thingPlay && t.Owner == x.N && t.Leg == c.Caller }) {
			return true
		}
		s = c.strand(x.Strand)
	}
	return false
}

// PlayOver plays once to all who take part, over what they hear, but not to the leg except.
func (r *Run) PlayOver(audio verb.Audios, except int) int {
	n := r.Play(All, audio, 0)
	if n != 0 {
		t := r.call.thing(thingPlay, n)
		t.Over, t.Except = true, except
	}
	return n
}

// SpawnVerb is Spawn for one verb that is filled already.
func (r *Run) SpawnVerb(v verb.Verb) int {
	n := r.strand("nested", nil, r.N)
	if n != 0 {
		s := r.call.strand(n)
		s.Frames = nil
		r.call.start(s, v, v.VerbName(), r.Base)
	}
	return n
}

// SpawnDo is Spawn for a document or URL that hangs on something that happened; vars are its {event.…}.
func (r *Run) SpawnDo(do verb.Do, vars map[string]any) int {
	n := r.strand("nested", do.Document, r.N)
	if n != 0 {
		s := r.call.strand(n)
		if s.Event = vars; do.URL != "" {
			s.Frames[0].Next = &Next{Do: verb.Do{URL: do.URL}, Reason: ask.ReasonEvent}
		}
	}
	return n
}

// CancelWon ends a strand that this run spawned, because another way led to the end: what rings there was answered elsewhere.
func (r *Run) CancelWon(strand int) {
	if r.call == nil {
		return
	}
	if s := r.call.strand(strand); s != nil && s.Owner == r.N {
		r.call.killStrand(s, CauseCompletedElsewhere)
	}
}

// JoinedIn gives the leg that the caller was joined with by a strand that this run spawned, 0: it was not that strand.
func (r *Run) JoinedIn(strand int) int {
	c := r.call
	if c == nil || strand == 0 {
		return 0
	}
	l := c.leg(c.Bridge.Leg)
	if l == nil {
		return 0
	}
	for x := c.run(l.Owner); x != nil; {
		s := c.strand(x.Strand)
		if s == nil {
			break
		}
		if s.N == strand {
			return l.N
		}
		x = c.run(s.Owner)
	}
	return 0
}
