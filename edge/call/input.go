package call

import (
	"encoding/json"

	"github.com/offhook/offhook/schemas/ask"
	"github.com/offhook/offhook/schemas/event"
	"github.com/offhook/offhook/schemas/verb"
)

// Input is one thing that happened to a call. The concrete types are values in this file; each marshals to JSON
// under its Kind, so that a call can be recorded and replayed.
type Input interface{ Kind() string }

// Begin is the first input of a call. An inbound call has Leg (the caller); an originated one has To instead.
type Begin struct {
	Call  ask.Call       `json:"call"`
	Leg   bool           `json:"leg"`            // true: leg 1 is the caller, ringing at us
	To    *verb.Target   `json:"to,omitempty"`   // originate: call this first; what answers becomes the caller's leg
	Room  string         `json:"room,omitempty"` // a conference room of this name, without a party of its own
	Start verb.Do        `json:"start"`          // what to run: a URL, fn:NAME or a document
	Base  string         `json:"base,omitempty"` // base for relative URLs in Start's document
	Vars  map[string]any `json:"vars,omitempty"`

	Replaces *Place   `json:"replaces,omitempty"` // the caller takes the place of this leg (RFC 3891); Start is not run
	Router   string   `json:"router,omitempty"`   // who knows the way of every number; default Start's URL
	Settings Settings `json:"settings,omitzero"`
}

// Settings are what the tenant's configuration says about all of its calls.
type Settings struct {
	Blind     string `json:"blind,omitempty"` // feature codes: keys pressed in a conversation by one of the tenant's users
	Attended  string `json:"attended,omitempty"`
	Park      string `json:"park,omitempty"`
	Record    string `json:"record,omitempty"`
	Redirects string `json:"redirects,omitempty"` // what a dial does with a 3xx: users, follow, refuse
}

// LegProgress is a provisional response on an outbound leg.
type LegProgress struct {
	Leg        int    `json:"leg"`
	Code       int    `json:"code"` // 180, 183 ...
	Phrase     string `json:"phrase,omitempty"`
	EarlyMedia bool   `json:"early_media,omitempty"`
}

// LegAnswered: an outbound leg got its 2xx, or an inbound leg's 2xx went out.
type LegAnswered struct {
	Leg int `json:"leg"`
}

// LegHeld and LegResumed: the party on this leg put us on hold, took us back.
type LegHeld struct {
	Leg int `json:"leg"`
}

// LegResumed ends LegHeld.
type LegResumed struct {
	Leg int `json:"leg"`
}

// LegEnded is the last input of a leg, whoever ended it: refused, cancelled, hung up, lost. After it the wire knows nothing of the leg.
type LegEnded struct {
	Leg    int          `json:"leg"`
	Cause  event.Cause  `json:"cause"`
	Remote bool         `json:"remote"` // the other side ended it
	Media  *event.Media `json:"media,omitempty"`
	Moved  []string     `json:"moved,omitempty"` // a 3xx: where to try instead, best first
}

// LegReferred: the party on this leg asks that the other one be sent elsewhere (REFER, RFC 3515). LegNotify tells it how
// that goes.
type LegReferred struct {
	Leg  int    `json:"leg"`
	To   string `json:"to"`             // number or user
	URI  string `json:"uri,omitempty"`  // the whole Refer-To, when it is not at this domain
	With *Place `json:"with,omitempty"` // Replaces: the leg there that the other party takes the place of
}

// LegNotified tells how a refer of ours goes: a SIP status; 200 and above is the last.
type LegNotified struct {
	Leg    int    `json:"leg"`
	Code   int    `json:"code"`
	Phrase string `json:"phrase,omitempty"`
}

// RecordEnded: a recording came to its end and is stored, or not. It follows every RecordStart, also after RecordStop.
type RecordEnded struct {
	Record     int    `json:"record"`
	Why        string `json:"why"` // silence, time_limit, stopped, failed
	DurationMS int64  `json:"duration_ms,omitempty"`
	Bytes      int64  `json:"bytes,omitempty"`
	SHA256     string `json:"sha256,omitempty"`
	Location   string `json:"location,omitempty"`
	Error      string `json:"error,omitempty"`
}

// StreamStarted: the server of a stream is connected, for the first time.
type StreamStarted struct {
	Stream int `json:"stream"`
}

// StreamEnded: a stream came to its end. It follows every StreamStart, also after StreamStop.
type StreamEnded struct {
	Stream        int    `json:"stream"`
	Why           string `json:"why"` // closed, stopped, failed
	DurationMS    int64  `json:"duration_ms,omitempty"`
	BytesSent     int64  `json:"bytes_sent,omitempty"`
	BytesReceived int64  `json:"bytes_received,omitempty"`
	Dropped       int64  `json:"dropped,omitempty"`
	Refused       int64  `json:"refused,omitempty"`
	Reconnects    int    `json:"reconnects,omitempty"`
	Code          string `json:"code,omitempty"`
	Error         string `json:"error,omitempty"`
}

// Detected is a finding of a detection. With an Error it is the detection's end; the shell never gives one.
type Detected struct {
	Detect     int     `json:"detect"`
	What       string  `json:"what"` // human, machine, fax, beep, busy_tone, silence
	Confidence float64 `json:"confidence,omitempty"`
	Hz         int     `json:"hz,omitempty"`
	DurationMS int64   `json:"duration_ms,omitempty"`
	AfterMS    int64   `json:"after_ms,omitempty"`
	Error      string  `json:"error,omitempty"`
}

// Beside runs a document beside the script (POST /v1/calls/{id}/verbs).
type Beside struct {
	Document verb.Document `json:"document"`
	Base     string        `json:"base,omitempty"`
	Agent    bool          `json:"agent,omitempty"` // it plays to and hears the caller's partner, not the caller
}

// Digit is one DTMF digit from a leg.
type Digit struct {
	Leg        int    `json:"leg"`
	Digit      string `json:"digit"`
	Method     string `json:"method"`
	DurationMS int    `json:"duration_ms"`
}

// PlayEnded: a playback reached its end or failed. Not sent for a playback that was stopped.
type PlayEnded struct {
	Play       int    `json:"play"`
	Error      string `json:"error,omitempty"`
	PositionMS int64  `json:"position_ms,omitempty"` // where in the sound
}

// PlayFailed: a sound of a playback cannot be had. The others are heard, and PlayEnded follows.
type PlayFailed struct {
	Play     int    `json:"play"`
	Audio    string `json:"audio"`
	Code     string `json:"code"`
	Error    string `json:"error"`
	Fallback bool   `json:"fallback,omitempty"` // another one is heard in its place
}

// TimerFired: a timer ran out. Timers are numbered by the call's one counter, so a late one is known by its number.
type TimerFired struct {
	Timer int `json:"timer"`
}

// AskAnswered ends an ask. Failures lists what went wrong on the way to this answer (each becomes ask.failed);
// when even the fallback is missing, OK is false.
type AskAnswered struct {
	Ask      int             `json:"ask"`
	OK       bool            `json:"ok"`
	Source   string          `json:"source"` // url, fallback_url, fallback
	URL      string          `json:"url"`    // whose answer this is; base of its relative URLs
	Status   int             `json:"status,omitempty"`
	Attempts int             `json:"attempts"`
	TookMS   int64           `json:"took_ms"`
	Verbs    verb.Document   `json:"verbs,omitempty"`
	Empty    bool            `json:"empty,omitempty"` // empty body or 204: go on with what is left
	Vars     map[string]any  `json:"vars,omitempty"`
	State    json.RawMessage `json:"state,omitempty"`
	Failures []AskFailure    `json:"failures,omitempty"`
}

// AskFailure is one failed way to an answer.
type AskFailure struct {
	URL      string        `json:"url"`
	Code     string        `json:"code"`
	Detail   string        `json:"detail"`
	Status   int           `json:"status,omitempty"`
	Attempts int           `json:"attempts"`
	TookMS   int64         `json:"took_ms"`
	Faults   []event.Fault `json:"faults,omitempty"`
}

// Resolved answers a Resolve: where a target can be reached now. No destinations and Error says why not
// (not_registered, busy, forward_loop, loop_detected, unknown_user, unknown_extension, unknown_node, unknown_gateway, bad_uri).
type Resolved struct {
	Resolve      int           `json:"resolve"`
	Destinations []Destination `json:"destinations,omitempty"`
	Name         string        `json:"name,omitempty"`        // the user's name
	Number       string        `json:"number,omitempty"`      // the user's number or the number dialled
	RingForMS    int64         `json:"ring_for_ms,omitempty"` // the user's own ring time, 0: none
	Error        string        `json:"error,omitempty"`
	Target       string        `json:"target,omitempty"`    // who that is, when the settings or the cluster lead elsewhere: user:105, number:+371...
	CallerID     string        `json:"caller_id,omitempty"` // what is shown there
	Tried        []string      `json:"tried,omitempty"`     // what led there, for the next Follow
	Script       string        `json:"script,omitempty"`    // no destination: a service of this node, and who knows its way

	Else map[string]verb.Target `json:"else,omitempty"` // by result (busy, no_answer, failed, timeout): who is called then
}

// Destination is one device or gateway; the shell knows how to reach it, the core only hands it on.
type Destination struct {
	URI     string   `json:"uri"`               // Request-URI
	Via     string   `json:"via,omitempty"`     // "udp:ip:port" or "tcp:ip:port" to send to; empty: from URI by DNS
	Flow    string   `json:"flow,omitempty"`    // sipua's connection token of a registration over TCP
	Route   []string `json:"route,omitempty"`   // preloaded Route set (Path)
	Gateway string   `json:"gateway,omitempty"` // TENANT/NAME, for credentials and identity
	AOR     string   `json:"aor,omitempty"`
	Node    string   `json:"node,omitempty"`    // an edge of the cluster, which routes the call itself
	Contact string   `json:"contact,omitempty"` // a device of that node, which it only connects
}

// Replace puts a new document in the place of the main strand (PUT /v1/calls/{id}/verbs).
type Replace struct {
	Document verb.Document `json:"document"`
	Base     string        `json:"base,omitempty"`
}

// End asks the call to end from outside (DELETE /v1/calls/{id}, drain, a panic in the shell).
type End struct {
	Cause event.Cause `json:"cause"`
	By    string      `json:"by"` // api, system
}

func (Begin) Kind() string         { return "begin" }
func (LegProgress) Kind() string   { return "leg_progress" }
func (LegAnswered) Kind() string   { return "leg_answered" }
func (LegHeld) Kind() string       { return "leg_held" }
func (LegResumed) Kind() string    { return "leg_resumed" }
func (LegEnded) Kind() string      { return "leg_ended" }
func (Digit) Kind() string         { return "digit" }
func (PlayEnded) Kind() string     { return "play_ended" }
func (PlayFailed) Kind() string    { return "play_failed" }
func (TimerFired) Kind() string    { return "timer_fired" }
func (AskAnswered) Kind() string   { return "ask_answered" }
func (Resolved) Kind() string      { return "resolved" }
func (Replace) Kind() string       { return "replace" }
func (End) Kind() string           { return "end" }
func (LegReferred) Kind() string   { return "leg_referred" }
func (LegNotified) Kind() string   { return "leg_notified" }
func (RecordEnded) Kind() string   { return "record_ended" }
func (StreamStarted) Kind() string { return "stream_started" }
func (StreamEnded) Kind() string   { return "stream_ended" }
func (Detected) Kind() string      { return "detected" }
func (Beside) Kind() string        { return "beside" }
