// Package ask is the question put to a webhook or function, and its answer. Shapes only.
package ask

// Reasons of an ask.
const (
	ReasonCall     = "call"
	ReasonNext     = "next"
	ReasonEvent    = "event"
	ReasonRedirect = "redirect"
	ReasonHangup   = "hangup"
)
