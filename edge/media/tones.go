package media

import (
	"sync"
	"sync/atomic"

	"github.com/offhook/offhook/edge/media/tone"
)

// ear finds digits in the sound of an endpoint's party.
type ear struct {
	mu        sync.Mutex
	wanted    int
	monitor   *Monitor // while wanted
	closed    bool
	otherwise atomic.Bool // the party sends its digits in another way
}

// HearTones has digits that the party sends as tones in its sound told by Digit, with InBand, as long as it was asked for
// more often with on than without. It has no effect once the party sends digits in another way: telephone-events are seen
// here, anything else is told by DigitsOtherwise. The tones stay in the sound.
func (e *Endpoint) HearTones(on bool) {
	t := &e.ear
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case on:
		t.wanted++
	case t.wanted > 0:
		t.wanted--
	}
	e.listen()
}

// DigitsOtherwise says that the party's digits come in another way.
func (e *Endpoint) DigitsOtherwise() { e.ear.otherwise.Store(true) }

// listen begins or ends what was asked for, under ear's lock.
func (e *Endpoint) listen() {
	t := &e.ear
	switch on := t.wanted > 0 && !t.closed; {
	case on && t.monitor == nil:
		digits := new(tone.Digits)
		t.monitor = e.eng.Monitor(func(pcm []int16) {
			if f, ok := digits.Hear(pcm); ok && !t.otherwise.Load() {
				e.notify(Event{Kind: Digit, Digit: f.Key, Duration: f.Duration, InBand: true})
			}
		})
		t.monitor.Hear([]Heard{{From: e}})
	case !on && t.monitor != nil:
		t.monitor.Stop()
		t.monitor = nil
	}
}

// deafen ends it for good.
func (e *Endpoint) deafen() {
	e.ear.mu.Lock()
	defer e.ear.mu.Unlock()
	e.ear.closed = true
	e.listen()
}
