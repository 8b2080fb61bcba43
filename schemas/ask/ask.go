// Package ask is the question put to a webhook or function, and its answer. Shapes only.
package ask

import (
	"encoding/json"
	"time"

	"github.com/offhook/offhook/schemas/verb"
)

// Reasons of an ask.
const (
	ReasonCall     = "call"
	ReasonNext     = "next"
	ReasonEvent    = "event"
	ReasonRedirect = "redirect"
	ReasonHangup   = "hangup"
)

// Ask is POSTed to the webhook.
type Ask struct {
	ID     string          `json:"id"` // idempotency key, the same on a retry
	Reason string          `json:"reason"`
	Call   Call            `json:"call"`
	Event  json.RawMessage `json:"event"` // {"type": "offhook.call.held", ...data}; null unless reason is event or hangup
	Result *Result         `json:"result"`
	Vars   map[string]any  `json:"vars"`
	State  json.RawMessage `json:"state"`
}

// Call describes the call that is asked about.
type Call struct {
	ID         string            `json:"id"`
	Tenant     string            `json:"tenant"`
	Direction  string            `json:"direction"` // inbound, outbound
	Status     string            `json:"status"`    // ringing, answered, ended
	From       string            `json:"from"`
	FromName   string            `json:"from_name"`
	To         string            `json:"to"`
	Trunk      string            `json:"trunk"` // empty when a user called
	User       string            `json:"user"`  // the authenticated user who called; empty from a trunk
	ReferredBy *string           `json:"referred_by"`
	Headers    map[string]string `json:"headers"` // the caller's X- headers
	Params     map[string]string `json:"params"`
	CreatedAt  time.Time         `json:"created_at"`
	AnsweredAt *time.Time        `json:"answered_at"`
}

// Result tells how a verb ended.
type Result struct {
	Verb   string     `json:"verb"`
	ID     string     `json:"id,omitempty"`
	Status string     `json:"status"` // done answered no_answer busy timeout cancelled refused failed
	Digits string     `json:"digits,omitempty"`
	SIP    *SIPStatus `json:"sip,omitempty"`
	Cause  string     `json:"cause,omitempty"`
	User   string     `json:"user,omitempty"`   // dial: who answered
	Number string     `json:"number,omitempty"` // dial: the number that answered
	Error  string     `json:"error,omitempty"`
}

// SIPStatus is a final response: code and phrase.
type SIPStatus struct {
	Code   int    `json:"code"`
	Phrase string `json:"phrase"`
}

// Answer is the webhook's reply: an array of verbs, or this object; empty or 204 means go on with what is left.
type Answer struct {
	Verbs verb.Document   `json:"verbs"`
	Vars  map[string]any  `json:"vars,omitempty"`
	State json.RawMessage `json:"state,omitempty"`
}
