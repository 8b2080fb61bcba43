package eventstest_test

import (
	"context"
	"errors"
	"testing"

	"github.com/offhook/offhook/events"
	"github.com/offhook/offhook/events/eventstest"
)

func event(id, kind string) events.Event {
	return events.Event{ID: id, Type: kind, Source: "/t", Subject: "call_1", Data: []byte(`{}`)}
}

func TestMemoryRemembersFailsAndWakesWhoWaits(t *testing.T) {
	var m eventstest.Memory
	var _ events.Publisher = &m
	broken := errors.New("broken")
	m.Fail(broken)
	if err := m.Publish(event("1", "a")); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	m.Fail(nil)
	if err := m.Publish(events.Event{ID: "1"}); !errors.Is(err, events.ErrInvalid) {
		t.Errorf("an invalid event: %v", err)
	}
	published := make(chan error, 1)
	go func() { published <- errors.Join(m.Publish(event("1", "a")), m.Publish(event("2", "b"))) }()
	got, err := m.Await(t.Context(), 1, "b")
	if err != nil || len(got) != 1 || got[0].ID != "2" || got[0].Key != "call_1" || got[0].Topic != events.TopicCalls {
		t.Errorf("%+v, %v", got, err)
	}
	if err := <-published; err != nil {
		t.Fatal(err)
	}
	if len(m.Events()) != 2 {
		t.Errorf("%d events", len(m.Events()))
	}
	m.Reset()
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := m.Await(over, 1); len(got) != 0 || err == nil {
		t.Errorf("after Reset: %v, %v", got, err)
	}
}
