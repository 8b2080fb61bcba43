// Package eventstest has what tests of the event log need: one conformance suite that any broker must pass, and a
// Publisher in memory for tests of those who publish. It is not for programs.
package eventstest

import (
	"bytes"
	"context"
	"sync"

	"github.com/offhook/offhook/events"
)

// Memory is a Publisher that remembers. The zero value is ready.
type Memory struct {
	mu      sync.Mutex
	events  []events.Event
	err     error
	changed chan struct{}
}

// Publish remembers the event, or gives the error that Fail set.
func (m *Memory) Publish(e events.Event) error {
	if e.Topic == "" {
		e.Topic = events.TopicCalls
	}
	if e.Key == "" {
		e.Key = e.Subject
	}
	if err := e.Validate(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return m.err
	}
	e.Data = bytes.Clone(e.Data) // which is the caller's again
	m.events = append(m.events, e)
	if m.changed != nil {
		close(m.changed)
		m.changed = nil
	}
	return nil
}

// Fail makes Publish give err from now on; nil: no longer.
func (m *Memory) Fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err = err
}

// Events are those published so far, of the given types (with "offhook."); none given: all.
func (m *Memory) Events(types ...string) []events.Event {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []events.Event
	for _, e := range m.events {
		if wanted(types, e.Type) {
			out = append(out, e)
		}
	}
	return out
}

func wanted(types []string, t string) bool {
	for _, w := range types {
		if w == t {
			return true
		}
	}
	return len(types) == 0
}

// Await waits until n events of the types are there and gives them. The error is ctx's.
func (m *Memory) Await(ctx context.Context, n int, types ...string) ([]events.Event, error) {
	for {
		m.mu.Lock()
		if m.changed == nil {
			m.changed = make(chan struct{})
		}
		changed := m.changed
		m.mu.Unlock()
		if got := m.Events(types...); len(got) >= n {
			return got, nil
		}
		select {
		case <-ctx.Done():
			return m.Events(types...), context.Cause(ctx)
		case <-changed:
		}
	}
}

// Reset forgets what was published.
func (m *Memory) Reset() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.events = nil
}
