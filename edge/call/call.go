// Package call is the pure core: a call is a value, Step takes one input and gives back what to do.
// It holds no clock, socket, goroutine, channel, logger or context, and does not know SIP, RTP, HTTP or Kafka.
package call

import "time"

// Stepper is what the shell sees of a call: New(id) or a value read back from JSON.
type Stepper interface {
	// Step is total and deterministic: every input in every state has an answer. now stamps the events.
	Step(now time.Time, in Input) []Output
	// Over is true once the Over output was given.
	Over() bool
}
