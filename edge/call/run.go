package call

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/offhook/offhook/schemas/ask"
	"github.com/offhook/offhook/schemas/event"
	"github.com/offhook/offhook/schemas/verb"
)

// Statuses of a result.
const (
	StatusDone      = "done"
	StatusAnswered  = "answered"
	StatusNoAnswer  = "no_answer"
	StatusBusy      = "busy"
	StatusTimeout   = "timeout"
	StatusCancelled = "cancelled"
	StatusRefused   = "refused"
	StatusFailed    = "failed"
)

// Verb is the work of one verb. Its exported fields are its whole progress and marshal to JSON. It has no clean-up code:
// when its run ends, in whatever way, the core stops all that the run still owns.
type Verb interface {
	Begin(r *Run)           // may r.Done at once
	Input(r *Run, in Input) // only what its own legs, playbacks, timers, resolves, strands and claims bring
}

// Achiever is a verb whose result is more than cancelled when it is ended from outside.
type Achiever interface{ Achieved() ask.Result }

// Kind is a registry's entry: how the runs of a verb are made.
type Kind struct {
	Make  func(v verb.Verb) Verb
	Blank func() Verb // to read progress into
	Media bool        // it needs the caller's line: refused once the call has ended

	Foresee func(v verb.Verb) Foresight // may be nil: nothing is known
}

// Registry is what the verbs do, by name.
type Registry map[string]Kind

// StrandEnded is brought to a run by a strand it spawned. The shell never gives it.
type StrandEnded struct {
	Strand int
	Result *ask.Result // of the strand's last verb
}

// Kind is "strand_ended".
func (StrandEnded) Kind() string { return "strand_ended" }

// CallerJoined is brought to all other runs when the caller was joined with somebody. The shell never gives it.
type CallerJoined struct{}

// Kind is "caller_joined".
func (CallerJoined) Kind() string { return "caller_joined" }

// Run is one verb running in a strand, and all that a verb may do. After Done it does nothing any more.
type Run struct {
	N        int
	Strand   int
	Name     string
	ID       string
	Base     string // URL its relative URLs belong to
	Progress Verb

	call    *Call  // while it runs
	level   string // of what it wrote into the call's log, for the event of its end
	written string
	raw     json.RawMessage // progress as read, until read
}

type runJSON struct {
	N        int    `json:"n"`
	Strand   int    `json:"strand"`
	Name     string `json:"verb"`
	ID       string `json:"id,omitempty"`
	Base     string `json:"base,omitempty"`
	Progress any    `json:"progress"`
}

// MarshalJSON writes the run with its progress.
func (r *Run) MarshalJSON() ([]byte, error) {
	return json.Marshal(runJSON{r.N, r.Strand, r.Name, r.ID, r.Base, r.Progress})
}

// UnmarshalJSON keeps the progress raw until the registry can read it.
func (r *Run) UnmarshalJSON(raw []byte) error {
	in := runJSON{Progress: &r.raw}
	if err := json.Unmarshal(raw, &in); err != nil {
		return err
	}
	r.N, r.Strand, r.Name, r.ID, r.Base = in.N, in.Strand, in.Name, in.ID, in.Base
	return nil
}

func (r *Run) read(registry Registry) error {
	kind, ok := registry[r.Name]
	if !ok {
		return fmt.Errorf("call state: unknown verb %q", r.Name)
	}
	r.Progress = kind.Blank()
	if err := json.Unmarshal(r.raw, r.Progress); err != nil {
		return fmt.Errorf("call state: progress of %s: %w", r.Name, err)
	}
	r.raw = nil
	return nil
}

// Then is what a strand does after a verb: a document or URL, before what is left or in its place.
type Then struct {
	Do      *verb.Do
	Replace bool
	Reason  string // of the ask when it is a URL; default next
}

// Done ends the run with its result. The thens run in their order, then what is left of the script.
func (r *Run) Done(res ask.Result, thens ...Then) {
	c := r.call
	if c == nil {
		return
	}
	s := c.strand(r.Strand)
	s.Run = nil
	c.release(r, CauseCancelled)
	res.Verb, res.ID = r.Name, r.ID
	c.verbWrote(s, res, r.level, r.written)
	s.then(r.Base, thens)
}

func (s *Strand) then(base string, thens []Then) {
	for _, t := range slices.Backward(thens) {
		if t.Do == nil {
			continue
		}
		n := &Next{Do: *t.Do, Reason: t.Reason, Replace: t.Replace}
		if n.Reason == "" {
			n.Reason, n.Result = ask.ReasonNext, s.Result
		}
		s.Frames = append(s.Frames, Frame{Base: base, Next: n})
	}
}

// EndCall ends the run and hangs up the call; in a strand for another party it hangs up that party alone, and a script
// that was asked where a referred party goes only ends itself.
func (r *Run) EndCall(cause event.Cause, by string) {
	r.EndCallWith(ask.Result{Status: StatusDone, Cause: cause.Reason}, cause, by)
}

// EndCallWith is EndCall with a result of the run's own.
func (r *Run) EndCallWith(res ask.Result, cause event.Cause, by string) {
	c := r.call
	if c == nil {
		return
	}
	s, line := c.strand(r.Strand), r.Line()
	switch {
	case s.Kind == referred || s.Kind == consult:
		r.Done(ask.Result{Status: StatusRefused, Cause: cause.Reason, SIP: &ask.SIPStatus{Code: cause.SIP, Phrase: cause.Phrase}})
		s.Frames = nil
	case s.Kind != referral && line != c.Caller:
		r.Done(res)
		s.Frames = nil
		c.hangUp(line, cause)
	default:
		r.Done(res)
		c.end(cause, by)
	}
}

// hangUp ends a leg for its run, and tells it.
func (c *Call) hangUp(leg int, cause event.Cause) {
	if l := c.live(leg); l != nil {
		owner := l.Owner
		c.endLeg(l, c.legCause(l, cause))
		c.deliver(owner, LegEnded{Leg: leg, Cause: cause})
	}
}

// Caller is the number of the caller's leg, 0 while there is none; in a consult it is the user's.
func (r *Run) Caller() int {
	switch {
	case r.call == nil:
		return 0
	case r.call.consults(r):
		return r.Line()
	}
	return r.call.Caller
}

// Line is the leg that this run's verbs speak with: the caller, unless its strand is for another party.
func (r *Run) Line() int {
	if r.call == nil {
		return 0
	}
	if s := r.call.strand(r.Strand); s != nil && s.Line != 0 {
		return s.Line
	}
	return r.call.Caller
}

// Party finds the leg of a word of a document: caller (the run's line) or agent (whom the caller speaks with); 0: nobody.
func (r *Run) Party(word string) int {
	switch {
	case r.call == nil:
		return 0
	case word == "all":
		return All
	case word == "agent":
		return r.call.Bridge.Leg
	}
	return r.Line()
}

// SendDigits sends digits to a leg.
func (r *Run) SendDigits(leg int, digits string) bool {
	if r.call == nil || r.call.live(leg) == nil {
		return false
	}
	r.call.put(LegDTMF{Leg: leg, Digits: digits})
	return true
}

// Messages sets the message lamp of a user.
func (r *Run) Messages(user string, fresh, old int) {
	if r.call != nil {
		r.call.put(Messages{User: user, New: fresh, Old: old})
	}
}

// Settings are the tenant's.
func (r *Run) Settings() Settings {
	if r.call == nil {
		return Settings{}
	}
	return r.call.settings()
}

// Answered is true once the line's leg is answered, or told to be.
func (r *Run) Answered() bool {
	l := r.callerLeg()
	return l != nil && l.answered() && !r.call.routes(r)
}

// Heard is true when the line can hear something now: answered, or early media was opened.
func (r *Run) Heard() bool {
	l := r.callerLeg()
	return l != nil && l.sounds() && !r.call.routes(r)
}

func (r *Run) callerLeg() *Leg {
	if r.call == nil {
		return nil
	}
	return r.call.leg(r.Line())
}

// Answer answers the caller's leg unless it is.
func (r *Run) Answer() {
	if l := r.callerLeg(); l != nil {
		r.call.speaks(r.call.strand(r.Strand))
		r.call.answer(l)
	}
}

// Open makes the caller able to hear: it answers, unless early media was opened.
func (r *Run) Open() {
	if !r.Heard() {
		r.Answer()
	}
}

// Ring tells the unanswered caller that it rings, with early media if wanted. Repeating it does nothing.
func (r *Run) Ring(early bool) {
	if l := r.callerLeg(); l != nil {
		r.call.ring(l, early)
		r.call.rings(r)
	}
}

// Asked gives the call as asks show it.
func (r *Run) Asked() ask.Call {
	if r.call == nil {
		return ask.Call{}
	}
	return r.call.Info
}

func (r *Run) own(what string, leg int) int {
	n := r.call.next()
	if r.call.Things == nil {
		r.call.Things = make([]Thing, 0, 4)
	}
	t := Thing{N: n, What: what, Owner: r.N, Leg: leg}
	t.detailed()
	r.call.Things = append(r.call.Things, t)
	return n
}

// After starts a timer; TimerFired tells.
func (r *Run) After(d time.Duration) int {
	if r.call == nil {
		return 0
	}
	n := r.own(thingTimer, 0)
	r.call.put(TimerStart{Timer: n, After: d})
	return n
}

// Play plays audio to a leg, loop times (0: once, -1: for ever); PlayEnded tells. The playback started last is heard.
func (r *Run) Play(leg int, audio verb.Audios, loop int) int {
	if r.call == nil {
		return 0
	}
	n := r.own(thingPlay, leg)
	r.call.put(PlayStart{Play: n, Audio: audio, Loop: loop})
	return n
}

// PlayUnder is Play for what is heard only while there is nothing else: ringback.
func (r *Run) PlayUnder(leg int, audio verb.Audios, loop int) int {
	n := r.Play(leg, audio, loop)
	if n != 0 {
		r.call.thing(thingPlay, n).Under = true
	}
	return n
}

// Stop stops a timer or playback of this run, or forgets a resolve; 0 and what is gone already are ignored.
func (r *Run) Stop(n int) {
	if r.call == nil {
		return
	}
	for _, t := range r.call.Things {
		if t.N == n && t.Owner == r.N {
			r.call.stopThing(t, CauseLeft)
			return
		}
	}
}

// Claim has the leg's digits brought to this run, those that wait first. The innermost claim counts.
func (r *Run) Claim(leg int) {
	if r.call == nil {
		return
	}
	if l := r.call.leg(leg); l != nil && l.Ending == nil {
		l.Claims = append(l.Claims, r.N)
	}
}

// Waiting gives the digits that wait in a leg's buffer.
func (r *Run) Waiting(leg int) string {
	if r.call == nil {
		return ""
	}
	if l := r.call.leg(leg); l != nil {
		return l.Digits
	}
	return ""
}

// On adds a handler for an event; an error when there are too many.
func (r *Run) On(name string, do verb.Do) error {
	c := r.call
	if c == nil {
		return nil
	}
	if len(c.Handlers) >= MaxHandlers {
		return fmt.Errorf("more than %d handlers", MaxHandlers)
	}
	c.Handlers = append(c.Handlers, Handler{N: c.next(), Event: name, Do: do, Base: r.Base})
	return nil
}

// Off removes all handlers of an event.
func (r *Run) Off(name string) {
	if r.call != nil {
		r.call.Handlers = slices.DeleteFunc(r.call.Handlers, func(h Handler) bool { return h.Event == name })
	}
}

// Handle starts a strand for something that happened within this verb, as an `on` would. vars are its {event.…}, beside
// those of every event.
func (r *Run) Handle(do verb.Do, vars map[string]any) {
	if r.call == nil {
		return
	}
	known := map[string]any{"call_id": r.call.Info.ID, "tenant": r.call.Info.Tenant, "at": r.call.now.Format(time.RFC3339Nano)}
	maps.Copy(known, vars)
	s := r.call.startHandler(Handler{N: r.N, Do: do, Base: r.Base}, known)
	if s != nil && r.call.consults(r) {
		s.Line = r.Line()
	}
}

// Publish publishes an event of the verb's own.
func (r *Run) Publish(typ string, data Data) {
	if r.call != nil {
		r.call.publishFrom(r.call.strand(r.Strand).Handler, typ, data)
	}
}

// Write writes the verb's line to the call's log; the event of the verb's end has it too.
func (r *Run) Write(level, text string) {
	r.Log(level, text)
	r.level, r.written = level, text
}

// Log writes a line about the verb to the call's log.
func (r *Run) Log(level, text string) {
	if r.call != nil {
		r.call.log(level, text)
	}
}

// SetVars merges variables into the call's; an error when they pass MaxVarBytes, and then none is set.
func (r *Run) SetVars(vars map[string]any) error {
	if r.call == nil {
		return nil
	}
	return r.call.mergeVars(vars)
}

// Vars gives a copy of the call's variables.
func (r *Run) Vars() map[string]any {
	if r.call == nil {
		return nil
	}
	return r.call.vars()
}

// SetDigits sets {digits}; what another party than the caller pressed is not for it.
func (r *Run) SetDigits(digits string) {
	if r.call != nil && r.Line() == r.call.Caller {
		r.call.Script.Digits = digits
	}
}
