package embedded_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/offhook/offhook/events"
	"github.com/offhook/offhook/events/embedded"
)

func start(t *testing.T, cfg embedded.Config) *embedded.Broker {
	t.Helper()
	b, err := embedded.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// run runs f in the background and gives a function that stops it and waits.
func run(t *testing.T, f func(context.Context) error) func() {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	return func() {
		t.Helper()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func event(call string, seq int) events.Event {
	return events.Event{
		ID: fmt.Sprintf("%s-%d", call, seq), Type: "offhook.call.ringing", Source: "/offhook/edge/test", Subject: call,
		Data: []byte(fmt.Sprintf(`{"call_id":%q,"seq":%d}`, call, seq)),
	}
}

func TestAnEventReachesAConsumerWithinMilliseconds(t *testing.T) {
	b := start(t, embedded.Config{Dir: t.TempDir()})
	defer func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}()
	l, err := events.Open(events.Config{Dir: t.TempDir(), Kafka: b.Kafka()})
	if err != nil {
		t.Fatal(err)
	}
	defer run(t, l.Run)()
	got := make(chan events.Delivered, 1000)
	ready := make(chan int, 10)
	cfg := events.ConsumerConfig{Kafka: b.Kafka(), Group: "g", Assigned: func(n int) { ready <- n }}
	defer run(t, func(ctx context.Context) error {
		return events.Consume(ctx, cfg, func(_ context.Context, d events.Delivered) error {
			got <- d
			return nil
		})
	})()
	began := time.Now()
	<-ready
	t.Logf("assigned after %s", time.Since(began))
	for i := range 20 {
		sent := time.Now()
		if err := l.Publish(event("call_1", i+1)); err != nil {
			t.Fatal(err)
		}
		d := <-got
		t.Logf("%s after %s", d.ID, time.Since(sent))
	}
}
