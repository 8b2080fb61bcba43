package embedded_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/offhook/offhook/events"
	"github.com/offhook/offhook/events/embedded"
)

// BenchmarkForward is an event's whole way: publish, spool, forwarder, embedded broker.
func BenchmarkForward(b *testing.B) {
	broker, err := embedded.Open(embedded.Config{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	l, err := events.Open(events.Config{Dir: b.TempDir(), Kafka: broker.Kafka()})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	data := fmt.Appendf(nil, `{"pad":%q}`, make([]byte, 100))
	n, began := 0, time.Now()
	b.ReportAllocs()
	for b.Loop() {
		e := event(fmt.Sprintf("call_%d", n%1000), n)
		e.Data = data
		n++
		for err := l.Publish(e); err != nil; err = l.Publish(e) {
			if !errors.Is(err, events.ErrSpoolFull) {
				b.Fatal(err)
			}
			if err := l.Flush(ctx); err != nil {
				b.Fatal(err)
			}
		}
	}
	if err := l.Drain(ctx); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(n)/time.Since(began).Seconds(), "events/s")
	cancel()
	if err := errors.Join(<-done, broker.Close()); err != nil {
		b.Fatal(err)
	}
}
