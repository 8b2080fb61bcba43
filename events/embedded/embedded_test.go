package embedded_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/offhook/offhook/events"
	"github.com/offhook/offhook/events/embedded"
	"github.com/offhook/offhook/events/eventstest"
	"github.com/offhook/offhook/events/internal/dirlock"
)

func start(t *testing.T, cfg embedded.Config) *embedded.Broker {
	t.Helper()
	b, err := embedded.Open(cfg)
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

// A mail must be out within a second: nothing on the way waits for a poll or a batch. In virtual time only such waits count.
func TestAnEventReachesAConsumerWithoutWaiting(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		network := eventstest.NewNetwork()
		b := start(t, embedded.Config{Listen: network.Listen, Dial: network.Dial})
		l, err := events.Open(events.Config{Dir: dir, Kafka: b.Kafka()})
		if err != nil {
			t.Fatal(err)
		}
		stopLog := run(t, l.Run)
		got := make(chan events.Delivered, 1000)
		ready := make(chan int, 10)
		cfg := events.ConsumerConfig{Kafka: b.Kafka(), Group: "g", Assigned: func(n int) { ready <- n }}
		stopConsumer := run(t, func(ctx context.Context) error {
			return events.Consume(ctx, cfg, func(_ context.Context, d events.Delivered) error {
				got <- d
				return nil
			})
		})
		<-ready
		for i := range 20 {
			sent := time.Now()
			if err := l.Publish(event("call_1", i+1)); err != nil {
				t.Fatal(err)
			}
			<-got
			if took := time.Since(sent); took > 50*time.Millisecond {
				t.Errorf("event %d took %s", i+1, took)
			}
			time.Sleep(700 * time.Millisecond) // not in step with any poll
		}
		stopConsumer()
		stopLog()
		closed(t, b)
		time.Sleep(time.Minute) // idle timers of connections
	})
}

func TestATakenPortIsNamed(t *testing.T) {
	b := start(t, embedded.Config{})
	defer closed(t, b)
	_, err := embedded.Open(embedded.Config{Addr: b.Address()})
	if !errors.Is(err, embedded.ErrPort) || !strings.Contains(err.Error(), b.Address()) {
		t.Errorf("got %v", err)
	}
}

func TestAFolderHasOneBroker(t *testing.T) {
	dir := t.TempDir()
	b := start(t, embedded.Config{Dir: dir})
	defer closed(t, b)
	if _, err := embedded.Open(embedded.Config{Dir: dir}); !errors.Is(err, dirlock.ErrHeld) {
		t.Errorf("got %v", err)
	}
}

func TestOnlyLoopbackIsServed(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:9092", "192.0.2.1:9092", "[::]:9092", "9092", "127.0.0.1:x"} {
		if b, err := embedded.Open(embedded.Config{Addr: addr}); err == nil {
			t.Errorf("%s was served", addr)
			closed(t, b)
		}
	}
}

// What is not Kafka must not reach the broker, which would take a gigabyte for "GET " or fail as a whole.
func TestABrowserAndNoiseAreCutOff(t *testing.T) {
	b := start(t, embedded.Config{})
	defer closed(t, b)
	for _, noise := range []string{
		"GET / HTTP/1.1\r\n\r\n", "\x00\x00\x00\x10\x7f\xff\x00\x00\x00\x00\x00\x00", "\xff\xff\xff\xff\x00\x12\x00\x00", "\x00\x00\x00\x02\x00\x12",
	} {
		conn, err := net.Dial("tcp", b.Address())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write([]byte(noise)); err != nil {
			t.Fatal(err)
		}
		if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%q: read gave %v, want the connection closed", noise, err)
		}
		_ = conn.Close()
	}
	if err := events.EnsureTopics(t.Context(), b.Kafka()); err != nil {
		t.Errorf("the broker no longer serves: %v", err)
	}
}

func TestStateSurvivesARestartWithCompaction(t *testing.T) {
	cfg := embedded.Config{Dir: t.TempDir(), Compact: time.Millisecond}
	for round := range 3 {
		b := start(t, cfg)
		stop := run(t, b.Run)
		l, err := events.Open(events.Config{Dir: t.TempDir(), Kafka: b.Kafka()})
		if err != nil {
			t.Fatal(err)
		}
		stopLog := run(t, l.Run)
		for i := range 20 {
			e := events.Event{ID: fmt.Sprint(round, i), Type: "offhook.user.registered", Source: "/t", Topic: events.TopicState, Key: "k", Data: fmt.Appendf(nil, "%d", round*100+i)}
			if err := l.Publish(e); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		var last string
		ctx, cancel := context.WithCancel(t.Context())
		err = events.State(ctx, b.Kafka(), events.StateHandlers{
			Record: func(d events.Delivered) error { last = string(d.Data); return nil }, Loaded: cancel,
		})
		cancel()
		if want := fmt.Sprint(round*100 + 19); err != nil || last != want {
			t.Errorf("round %d: newest is %s, %v; want %s", round, last, err, want)
		}
		stopLog()
		stop()
	}
}

func closed(t *testing.T, b *embedded.Broker) {
	t.Helper()
	if err := b.Close(); err != nil {
		t.Error(err)
	}
}
