package call

import (
	"encoding/json"
	"time"

	"github.com/offhook/offhook/schemas/ask"
	"github.com/offhook/offhook/schemas/event"
	"github.com/offhook/offhook/schemas/verb"
)

// Bounds of one call. What passes them ends the call or is refused with a line in the log.
const (
	MaxVerbs     = 10_000   // verbs run in one call
	MaxAtOnce    = 1_000    // verbs run in one step: handlers that start each other
	MaxRedirects = 50       // redirects in a row without a verb that takes time
	MaxStrands   = 64       // strands at once
	MaxFrames    = 64       // documents inside each other in one strand
	MaxHandlers  = 64       // `on` handlers at once
	MaxLegs      = 64       // legs at once
	MaxLegRows   = 500      // legs listed in the final event
	MaxVarBytes  = 64 << 10 // variables, as JSON
	MaxDigits    = 128      // digits that wait for a verb, per leg
	MaxTags      = 50       // tags of the call
	MaxTagBytes  = 256      // of one tag

	WrapUp = 30 * time.Second // how long `on hangup` handlers may work after the end
)

// Phase is where a call is in its life.
type Phase string

// Phases of a call, in order.
const (
	PhaseNew    Phase = ""       // waits for Begin
	PhaseLive   Phase = "live"   // runs
	PhaseEnding Phase = "ending" // hung up: waits for legs and for `on hangup` handlers
	PhaseOver   Phase = "over"
)

// State is all there is of a call.
type State struct {
	Info     ask.Call       `json:"call"`
	Phase    Phase          `json:"phase"`
	Last     int            `json:"last"` // the one counter
	Seq      int64          `json:"seq"`  // of the last event
	Caller   int            `json:"caller,omitempty"`
	Main     int            `json:"main,omitempty"` // the main strand
	Bridge   Bridge         `json:"bridge,omitzero"`
	Legs     []*Leg         `json:"legs,omitempty"`
	Ended    []event.LegEnd `json:"ended,omitempty"`
	Strands  []*Strand      `json:"strands,omitempty"`
	Handlers []Handler      `json:"handlers,omitempty"`
	Things   []Thing        `json:"things,omitempty"`
	Script   Script         `json:"script,omitzero"`
	Agent    Agent          `json:"agent,omitzero"`
	Mix      Mix            `json:"mix,omitempty"`
	Music    Music          `json:"music,omitzero"`
	Spent    Spent          `json:"spent,omitzero"`
	Notes    Notes          `json:"notes,omitzero"`
	End      *Ending        `json:"end,omitempty"`
}

// Notes are what is known about the call beside what happens in it.
type Notes struct {
	Router string `json:"router,omitempty"` // what was asked first: it knows the way of every number
	Names  []Name `json:"names,omitempty"`  // what other calls find this one by
	Trunk  string `json:"trunk,omitempty"`  // it came by
	Some   *Some  `json:"some,omitempty"`
}

// Some are notes that only some calls have.
type Some struct {
	Settings   Settings          `json:"settings,omitzero"`
	HandedOn   int               `json:"handed_on,omitempty"` // handlers up to this number have no voice any more
	Served     int               `json:"served,omitempty"`    // times that the call went to a service of this node
	Tags       map[string]string `json:"tags,omitempty"`
	Recordings []string          `json:"recordings,omitempty"`
	Forwards   []string          `json:"forwards,omitempty"` // user:101 ...: whose settings have led the call to where it is
	Queued     *Queued           `json:"queued,omitempty"`   // where the caller waits, or waited last
}

// read gives them, empty ones when the call has none.
func (n *Notes) read() Some {
	if n.Some == nil {
		return Some{}
	}
	return *n.Some
}

// write gives them to be changed.
func (n *Notes) write() *Some {
	if n.Some == nil {
		n.Some = &Some{}
	}
	return n.Some
}

// Leg is one party's line. A leg that was told to end stays, ownerless, until LegEnded.
type Leg struct {
	N          int          `json:"n"`
	Owner      int          `json:"owner,omitempty"` // the run that answers for it; 0: the call
	Inbound    bool         `json:"inbound,omitempty"`
	Held       bool         `json:"held,omitempty"` // the party put us on hold
	Told       bool         `json:"told,omitempty"` // the event of its end is out
	Mutes                   // what keeps it from being heard; as small
	Begun                   // how far it is before the answer; here, with what is as small, it needs no room of its own
	Refers     int          `json:"refers,omitempty"`  // the run that waits for the outcome of our REFER
	Lent       int          `json:"lent,omitempty"`    // the loan: another call has its sound
	Home       *Place       `json:"home,omitempty"`    // borrowed: the loan at its own call
	Mode       string       `json:"mode,omitempty"`    // a supervisor: listen, whisper, barge
	Whisper    int          `json:"whisper,omitempty"` // a supervisor: the leg that alone hears a whisper
	Ending     *event.Cause `json:"ending,omitempty"`  // it was told to end
	Target     string       `json:"target,omitempty"`  // user:101, number:+371..., sip:...
	Number     string       `json:"number,omitempty"`
	Name       string       `json:"name,omitempty"`
	StartedAt  time.Time    `json:"started_at"`
	AnsweredAt *time.Time   `json:"answered_at,omitempty"`

	Quiet // what keeps it on hold
	Keys  // what it dials
}

// Begun is how far a leg is before its answer.
type Begun struct {
	Rang      bool `json:"rang,omitempty"`      // inbound: ringing was told; outbound: some provisional came
	Early     bool `json:"early,omitempty"`     // sound flows before the answer
	Answering bool `json:"answering,omitempty"` // LegAnswer was given
}

// Mutes are what keeps a leg from being heard.
type Mutes struct {
	Muted  bool `json:"muted,omitempty"`
	Hushed bool `json:"hushed,omitempty"` // borrowed: its home knows that it is mute or on hold here
}

// Quiet is what keeps a leg on hold.
type Quiet struct {
	Waits []int `json:"waits,omitempty"` // runs that keep it on hold, 0: until unhold; it hears music and is not heard
	Music int   `json:"music,omitempty"` // the playback that it hears on hold, when it has one of its own
}

// Keys are what a leg dials.
type Keys struct {
	Digits string `json:"digits,omitempty"` // that wait for a claim
	Claims []int  `json:"claims,omitempty"` // runs that want its digits, innermost last

	Code      string `json:"code,omitempty"`       // that may become a feature code
	CodeTimer int    `json:"code_timer,omitempty"` // after which it is none
}

// Bridge is who the caller is joined with.
type Bridge struct {
	Leg     int        `json:"leg,omitempty"`
	Early   int        `json:"early,omitempty"`   // a leg whose early media the caller hears
	Pending bool       `json:"pending,omitempty"` // call.bridged waits for the caller's answer
	At      *time.Time `json:"at,omitempty"`      // first bridged
	Aside   *Aside     `json:"aside,omitempty"`
}

// Strand is one line of execution.
type Strand struct {
	N        int            `json:"n"`
	Kind     string         `json:"kind"`                // main, branch, handler, nested, background, wrap_up, beside, referral, referred
	Owner    int            `json:"owner,omitempty"`     // nested: the run that waits for it
	Handler  int            `json:"handler,omitempty"`   // the `on` that started it
	Line     int            `json:"line,omitempty"`      // the leg that its verbs speak with; 0: the caller
	WrapUp   int            `json:"wrap_up,omitempty"`   // timer: the call was handed on, and this is how long it may finish its work
	Right    string         `json:"right,omitempty"`     // referred: the user who sent the party
	StayedBy int            `json:"stayed_by,omitempty"` // the run that keeps it from going on
	Frames   []Frame        `json:"frames,omitempty"`    // what is left to do, innermost last
	Run      *Run           `json:"run,omitempty"`       // the verb that runs
	Asking   *Asking        `json:"asking,omitempty"`    // the ask it waits for
	Event    map[string]any `json:"event,omitempty"`     // {event.…}
	Result   *ask.Result    `json:"result,omitempty"`    // {result.…}: of its last verb
}

// Frame is what is left of one document, then perhaps a step to take.
type Frame struct {
	Base string        `json:"base,omitempty"` // URL its relative URLs belong to
	Doc  verb.Document `json:"doc,omitempty"`
	Next *Next         `json:"next,omitempty"`
}

// Next is a document to run or a URL to ask once the strand gets there.
type Next struct {
	Do      verb.Do     `json:"do"`
	Reason  string      `json:"reason"`
	Replace bool        `json:"replace,omitempty"` // it takes the place of what is left, else it runs before it
	Result  *ask.Result `json:"result,omitempty"`
}

// Asking is an ask in progress.
type Asking struct {
	N       int    `json:"n"`
	To      string `json:"to"`
	Reason  string `json:"reason"`
	Replace bool   `json:"replace,omitempty"`
}

// Handler is an `on`.
type Handler struct {
	N     int     `json:"n"`
	Event string  `json:"event"`
	Do    verb.Do `json:"do"`
	Base  string  `json:"base,omitempty"`
}

// Thing is a timer, playback, resolve, loan, name, recording, stream or detection that somebody owns.
type Thing struct {
	N      int    `json:"n"`
	What   string `json:"what"` // timer, play, resolve, loan, name, record, stream, detect
	Owner  int    `json:"owner"`
	Leg    int    `json:"leg,omitempty"`    // play: who hears it, or All; loan, record, stream, detect: whose; name: its priority
	Under  bool   `json:"under,omitempty"`  // play, stream: heard only while nothing else is
	Over   bool   `json:"over,omitempty"`   // play: heard with all else
	Except int    `json:"except,omitempty"` // play to All: who does not hear it

	*Details // of a loan, name, recording, stream or a document's playback
}

// Details are what only loans, names, recordings, streams and the playbacks of documents have.
type Details struct {
	Name   string `json:"name,omitempty"`   // name; loan: how the leg took part when it was lent; record, stream: whose voice; play: the verb
	With   string `json:"with,omitempty"`   // loan: the call that has it; record, stream, play: of_id
	There  int    `json:"there,omitempty"`  // loan: the leg there
	Hushed bool   `json:"hushed,omitempty"` // loan: the leg is mute or on hold there
	Two    bool   `json:"two,omitempty"`    // record: on two channels
	Ends   bool   `json:"ends,omitempty"`   // record, stream: it was told to stop, RecordEnded or StreamEnded is to come
	Why    string `json:"why,omitempty"`    // record, stream: why it was told so
	To     string `json:"to,omitempty"`     // stream: the server, as events show it
	Talks  bool   `json:"talks,omitempty"`  // stream: what comes is heard by the leg

	Played *Played `json:"played,omitempty"`
}

// Played is where a playback is, as far as the call's clock knows.
type Played struct {
	Since  time.Time     `json:"since"` // when it was At
	At     time.Duration `json:"at,omitempty"`
	From   time.Duration `json:"from,omitempty"`
	Until  time.Duration `json:"until,omitempty"`
	Loops  bool          `json:"loops,omitempty"`
	Paused bool          `json:"paused,omitempty"`
}

// detailed gives a thing the details of its kind.
func (t *Thing) detailed() {
	if t.Details == nil && (t.What == thingLoan || t.What == thingName || t.What == thingRecord || t.What == thingStream) {
		t.Details = &Details{}
	}
}

// Kinds of Thing.
const (
	thingTimer   = "timer"
	thingPlay    = "play"
	thingResolve = "resolve"
	thingLoan    = "loan"
	thingName    = "name"
	thingRecord  = "record"
	thingStream  = "stream"
	thingDetect  = "detect"
)

// Script is what the script handed over.
type Script struct {
	URL      string          `json:"url,omitempty"` // last URL asked
	State    json.RawMessage `json:"state,omitempty"`
	Vars     map[string]any  `json:"vars,omitempty"`
	VarBytes int             `json:"var_bytes,omitempty"`
	Digits   string          `json:"digits,omitempty"`  // last gathered
	Dialled  *ask.Result     `json:"dialled,omitempty"` // of the last dial or divert
}

// Agent is who the caller spoke with last.
type Agent struct {
	Number string `json:"number,omitempty"`
	Name   string `json:"name,omitempty"`
	User   string `json:"user,omitempty"` // when it is one of the tenant's
}

// Music is the music on hold that plays now.
type Music struct {
	Play   int  `json:"play,omitempty"`
	Failed bool `json:"failed,omitempty"` // do not try again while this hold lasts
}

// Spent counts against the bounds.
type Spent struct {
	Verbs     int  `json:"verbs,omitempty"`
	Redirects int  `json:"redirects,omitempty"`
	Fallback  bool `json:"fallback,omitempty"` // it stood in for an ask that can't be put, and no verb has taken time since
	Before    int  `json:"before,omitempty"`   // verbs run before the call came to whom it is for now
}

// Ending is how and when the call was hung up.
type Ending struct {
	Cause event.Cause `json:"cause"`
	By    string      `json:"by"`
	At    time.Time   `json:"at"`
	Timer int         `json:"timer,omitempty"` // wrap-up
}
