// Package event holds the data of the events of a call and its legs. Shapes only; the envelope is in events.
package event

import (
	"time"

	"github.com/offhook/offhook/schemas/ask"
)

// Prefix stands before every type on the wire (ce_type).
const Prefix = "offhook."

// Types, without Prefix.
const (
	CallRinging      = "call.ringing"
	CallAnswered     = "call.answered"
	CallBridged      = "call.bridged"
	CallHeld         = "call.held"
	CallResumed      = "call.resumed"
	CallHangup       = "call.hangup"
	LegRinging       = "leg.ringing"
	LegEarlyMedia    = "leg.early_media"
	LegAnswered      = "leg.answered"
	LegNoAnswer      = "leg.no_answer"
	LegBusy          = "leg.busy"
	LegTimeout       = "leg.timeout"
	LegFailed        = "leg.failed"
	LegHeld          = "leg.held"
	LegResumed       = "leg.resumed"
	LegHangup        = "leg.hangup"
	VerbStarted      = "verb.started"
	VerbEnded        = "verb.ended"
	DTMFReceived     = "dtmf.received"
	AskAnswered      = "ask.answered"
	AskFailed        = "ask.failed"
	EmailRequested   = "email.requested"
	UserRegistered   = "user.registered"
	UserUnregistered = "user.unregistered"
	CustomPrefix     = "custom."
)

// Base is in the data of every event of a call.
type Base struct {
	CallID string    `json:"call_id"`
	Tenant string    `json:"tenant"`
	Seq    int64     `json:"seq"` // 1, 2, 3 ... without holes per call
	At     time.Time `json:"at"`
}

// Cause is how a call or leg ended.
type Cause struct {
	Class  string `json:"class"`  // normal, busy, no_answer, timeout, cancelled, refused, failed, rejected ...
	Reason string `json:"reason"` // stable word for programs: hangup, completed_elsewhere, media_timeout, session_expired ...
	SIP    int    `json:"sip,omitempty"`
	Phrase string `json:"phrase,omitempty"`
	Q850   int    `json:"q850,omitempty"`
}

// Call is the data of call.ringing and call.answered.
type Call struct {
	Base
	Direction  string            `json:"direction"`
	From       string            `json:"from"`
	FromName   string            `json:"from_name,omitempty"`
	To         string            `json:"to"`
	Trunk      string            `json:"trunk,omitempty"`
	User       string            `json:"user,omitempty"`
	ReferredBy string            `json:"referred_by,omitempty"`
	Headers    map[string]string `json:"headers,omitempty"`
	Leg        int               `json:"leg,omitempty"`
}

// Leg is the data of leg.* and of call.bridged, call.held and call.resumed.
type Leg struct {
	Base
	Leg          int            `json:"leg"`
	With         int            `json:"with,omitempty"`   // the other leg of the bridge
	By           string         `json:"by,omitempty"`     // caller, agent (held, resumed)
	Target       string         `json:"target,omitempty"` // user:101, number:+371..., sip:...
	AgentNumber  string         `json:"agent_number,omitempty"`
	AgentName    string         `json:"agent_name,omitempty"`
	CallerNumber string         `json:"caller_number,omitempty"`
	CallerName   string         `json:"caller_name,omitempty"`
	SIP          *ask.SIPStatus `json:"sip,omitempty"`
	Cause        *Cause         `json:"cause,omitempty"`
}

// Hangup is the data of call.hangup, the one last event of a call.
type Hangup struct {
	Base
	Cause      Cause      `json:"cause"`
	By         string     `json:"by"` // caller, agent, script, api, system
	Direction  string     `json:"direction"`
	From       string     `json:"from"`
	FromName   string     `json:"from_name,omitempty"`
	To         string     `json:"to"`
	Trunk      string     `json:"trunk,omitempty"`
	User       string     `json:"user,omitempty"`
	Agent      string     `json:"agent,omitempty"` // last user or number bridged with the caller
	AgentName  string     `json:"agent_name,omitempty"`
	CreatedAt  time.Time  `json:"created_at"`
	AnsweredAt *time.Time `json:"answered_at,omitempty"`
	BridgedAt  *time.Time `json:"bridged_at,omitempty"`
	DurationMS int64      `json:"duration_ms"` // created to ended
	TalkMS     int64      `json:"talk_ms"`     // first bridged to ended, 0 if never
	Legs       []LegEnd   `json:"legs"`
}

// LegEnd is one leg in the final event.
type LegEnd struct {
	Leg        int        `json:"leg"`
	Direction  string     `json:"direction"`
	Target     string     `json:"target,omitempty"`
	Cause      Cause      `json:"cause"`
	StartedAt  time.Time  `json:"started_at"`
	AnsweredAt *time.Time `json:"answered_at,omitempty"`
	EndedAt    time.Time  `json:"ended_at"`
	Media      *Media     `json:"media,omitempty"`
}

// Media is what a leg's RTP did.
type Media struct {
	Codec           string  `json:"codec"` // PCMU, PCMA
	PacketsSent     uint64  `json:"packets_sent"`
	PacketsReceived uint64  `json:"packets_received"`
	BytesSent       uint64  `json:"bytes_sent"`
	BytesReceived   uint64  `json:"bytes_received"`
	Lost            uint64  `json:"lost"`
	Refused         uint64  `json:"refused"`   // packets from a wrong source or malformed
	JitterMS        float64 `json:"jitter_ms"` // RFC 3550 6.4.1
}

// Verb is the data of verb.started and verb.ended.
type Verb struct {
	Base
	Verb   string      `json:"verb"`
	ID     string      `json:"id,omitempty"`
	Strand int         `json:"strand"`
	Result *ask.Result `json:"result,omitempty"`
}

// DTMF is the data of dtmf.received.
type DTMF struct {
	Base
	Leg        int    `json:"leg"`
	Digit      string `json:"digit"`
	Method     string `json:"method"` // rfc4733, info
	DurationMS int    `json:"duration_ms"`
}

// Asked is the data of ask.answered and ask.failed.
type Asked struct {
	Base
	Ask      string   `json:"ask"`
	Reason   string   `json:"reason"`
	URL      string   `json:"url"`
	Source   string   `json:"source,omitempty"` // url, fallback_url, fallback
	Status   int      `json:"status,omitempty"`
	Attempts int      `json:"attempts"`
	TookMS   int64    `json:"took_ms"`
	Verbs    []string `json:"verbs,omitempty"`
	Code     string   `json:"code,omitempty"` // ask.failed: stable
	Detail   string   `json:"detail,omitempty"`
	Docs     string   `json:"docs,omitempty"`
	Faults   []Fault  `json:"faults,omitempty"` // what is wrong in the document
}

// Fault is one error in a document.
type Fault struct {
	Code     string `json:"code"`
	Pointer  string `json:"pointer"` // JSON pointer, "/4/ring_for"
	Line     int    `json:"line,omitempty"`
	Expected string `json:"expected"`
	Found    string `json:"found"`
	Hint     string `json:"hint,omitempty"`
}

// Email is the data of email.requested.
type Email struct {
	Base
	To      []string       `json:"to"`
	Subject string         `json:"subject,omitempty"`
	Text    string         `json:"text,omitempty"`
	HTML    string         `json:"html,omitempty"`
	Attach  []string       `json:"attach,omitempty"`
	Vars    map[string]any `json:"vars,omitempty"`
}

// Custom is the data of custom.NAME.
type Custom struct {
	Base
	Data map[string]any `json:"data,omitempty"`
}

// Registration is the data of user.registered and user.unregistered; it belongs to no call.
type Registration struct {
	Tenant    string    `json:"tenant"`
	At        time.Time `json:"at"`
	User      string    `json:"user"`
	Contact   string    `json:"contact"`
	UserAgent string    `json:"user_agent,omitempty"`
	ExpiresAt time.Time `json:"expires_at"`
	Reason    string    `json:"reason,omitempty"` // unregistered: removed, expired
}
