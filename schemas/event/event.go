// Package event holds the data of the events of a call and its legs. Shapes only; the envelope is in events.
package event

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
