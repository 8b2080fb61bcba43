package embedded_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/offhook/offhook/events"
	"github.com/offhook/offhook/events/embedded"
	"github.com/offhook/offhook/events/eventstest"
)

// The whole way in virtual time: an hour without a broker costs no event, no order, and no real time.
func TestAnOutageOfAnHourDelaysEventsAndLosesNone(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		network := eventstest.NewNetwork()
		b := start(t, embedded.Config{Listen: network.Listen, Dial: network.Dial})
		l, err := events.Open(events.Config{Dir: dir, Kafka: b.Kafka()})
		if err != nil {
			t.Fatal(err)
		}
		stopLog := run(t, l.Run)
		var mu sync.Mutex
		var got []string
		cfg := events.ConsumerConfig{Kafka: b.Kafka(), Group: "g"}
		stopConsumer := run(t, func(ctx context.Context) error {
			return events.Consume(ctx, cfg, func(_ context.Context, d events.Delivered) error {
				mu.Lock()
				defer mu.Unlock()
				got = append(got, d.ID)
				return nil
			})
		})
		for seq := 1; seq <= 60; seq++ {
			if seq == 20 {
				network.Cut()
			}
			if err := l.Publish(event("call_1", seq)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
		}
		if s := l.Stats(); s.Backlog != 41 || s.Lag < 40*time.Minute || s.Queued != 0 {
			t.Errorf("during the outage: %+v", s)
		}
		network.Mend()
		if err := l.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(30 * time.Second) // the group's own patience with the member that vanished
		stopConsumer()
		stopLog()
		closed(t, b)
		checkSeq(t, got, 60)
		if s := l.Stats(); s.Backlog != 0 || s.Lag != 0 || s.Forwarded != 60 {
			t.Errorf("after it: %+v", s)
		}
		time.Sleep(time.Minute) // idle timers of connections
	})
}

// checkSeq: events come for the first time in the order 1 ... n; they may come again.
func checkSeq(t *testing.T, got []string, n int) {
	t.Helper()
	next := 1
	seen := map[string]bool{}
	for _, id := range got {
		if seen[id] {
			continue
		}
		if seen[id] = true; id != fmt.Sprintf("call_1-%d", next) {
			t.Fatalf("%s came where %d was due", id, next)
		}
		next++
	}
	if next != n+1 {
		t.Errorf("%d of %d came", next-1, n)
	}
}
