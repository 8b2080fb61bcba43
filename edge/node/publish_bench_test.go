package node

import (
	"context"
	"log/slog"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/offhook/offhook/events"
	"github.com/offhook/offhook/schemas/ask"
	"github.com/offhook/offhook/schemas/event"
)

// unreached is a log on a real disk whose broker cannot be reached.
func unreached(b *testing.B) *events.Log {
	l, err := events.Open(events.Config{Dir: b.TempDir(), MaxBytes: 1 << 40, Grace: -1, Kafka: events.Kafka{
		Brokers: []string{"127.0.0.1:1"},
		Dial:    func(context.Context, string, string) (net.Conn, error) { return nil, syscall.ECONNREFUSED },
	}})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	b.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			b.Error(err)
		}
	})
	return l
}

// BenchmarkPublish is an event from the call to the disk.
func BenchmarkPublish(b *testing.B) {
	l := unreached(b)
	n := &Node{cfg: Config{Events: l}, source: "/offhook/edge/bench", log: slog.New(slog.DiscardHandler), metrics: newMetrics()}
	id := newCallID(time.Now())
	s := &session{id: id, tenant: "bench", node: n}
	s.view.Store(newView(ask.Call{ID: id, Tenant: "bench"}))
	verb := &event.Verb{Base: event.Base{CallID: id, Tenant: "bench", Seq: 4, At: time.Now().UTC()}, Verb: "answer"}
	b.ReportAllocs()
	for b.Loop() {
		if s.publish(event.VerbStarted, verb); l.Stats().Queued > 5000 {
			if err := l.Flush(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	}
}
