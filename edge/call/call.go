// Package call is the pure core: a call is a value, Step takes one input and gives back what to do.
// It holds no clock, socket, goroutine, channel, logger or context, and does not know SIP, RTP, HTTP or Kafka.
// It does not know what the verbs do either: edge/verbs does, through Run.
package call

import (
	"encoding/json"
	"fmt"
	"time"
)

// Stepper is what the shell sees of a call: New(id) or a value read back from JSON.
type Stepper interface {
	// Step is total and deterministic: every input in every state has an answer. now stamps the events.
	Step(now time.Time, in Input) []Output
	// Over is true once the Over output was given.
	Over() bool
}

// Call is one call. Its state is a value: it marshals to JSON at any point between steps and goes on from there by Read.
// It is not safe for use by several goroutines at once.
type Call struct {
	State
	registry Registry
	now      time.Time // of the step that runs
	out      []Output  // of the step that runs
	sends    []Send    // of the step that runs, for other calls
	atOnce   int       // verbs of the step that runs
}

var _ Stepper = (*Call)(nil)

// New makes a call that waits for Begin. registry says what each verb does.
func New(id string, registry Registry) *Call {
	c := &Call{registry: registry}
	c.Info.ID = id
	return c
}

// Read brings a call back from its JSON. An error means bad JSON or a verb that registry does not have.
func Read(raw []byte, registry Registry) (*Call, error) {
	c := &Call{registry: registry}
	if err := json.Unmarshal(raw, &c.State); err != nil {
		return nil, fmt.Errorf("call state: %w", err)
	}
	for i := range c.Things {
		c.Things[i].detailed()
	}
	for _, s := range c.Strands {
		if s.Run == nil {
			continue
		}
		if err := s.Run.read(registry); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// MarshalJSON writes the whole state.
func (c *Call) MarshalJSON() ([]byte, error) { return json.Marshal(&c.State) }

// Over is true once the Over output was given.
func (c *Call) Over() bool { return c.Phase == PhaseOver }

// Step takes one input and gives what the shell has to do, in order.
func (c *Call) Step(now time.Time, in Input) []Output {
	c.now, c.atOnce = now.UTC().Round(0), 0 // no monotonic part: it would not survive JSON
	switch c.Phase {
	case PhaseOver:
		return nil
	case PhaseNew:
		b, ok := in.(Begin)
		if !ok {
			return nil
		}
		c.begin(b)
	default:
		c.take(in)
	}
	c.drain()
	c.settle()
	out := c.out
	c.out = nil // a call that waits does not hold on to it
	return out
}

func (c *Call) put(o Output) {
	if c.out == nil {
		c.out = make([]Output, 0, 4)
	}
	c.out = append(c.out, o)
}

// next gives the next number; legs, playbacks, timers, asks, strands and runs share the one counter.
func (c *Call) next() int {
	c.Last++
	return c.Last
}

func (c *Call) log(level, text string) { c.put(LogLine{Level: level, Text: text}) }

// drain lets everything run that can: strands that wait for nothing, digits that somebody claims, what is for nobody.
func (c *Call) drain() {
	for {
		if s := c.readyStrand(); s != nil {
			c.advance(s)
		} else if !c.offerDigit() && !c.endForNobody() {
			return
		}
	}
}

// settle does what is derived from the state after every step: the end and the mix.
func (c *Call) settle() {
	c.endStreamOfNobody()
	c.settleSupervisors()
	c.settleCodes()
	c.settleMix()
	c.settleNames()
	c.settleGuests()
	c.settleSends()
	if len(c.Things) == 0 {
		c.Things = nil // most of a call is without
	}
	if c.Phase == PhaseEnding && len(c.Strands) == 0 {
		c.stopWrapUp()
		if len(c.Legs) == 0 && !c.storing() {
			c.finish()
		}
	}
}
