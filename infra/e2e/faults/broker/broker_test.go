//go:build e2e

// Package broker holds offhook against an event log that goes away and comes back: a real Apache Kafka, killed or frozen
// under calls. No call is affected, nothing is lost, and what waited arrives afterwards, in order.
package broker

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/offhook/offhook/events"
	"github.com/offhook/offhook/infra/e2e/kafka"
	"github.com/offhook/offhook/infra/e2e/real"
)

const rate = 20 // calls a second

func TestMain(m *testing.M) {
	flag.Parse()
	_ = flag.Set("test.parallel", "8") // the tests wait, they do not compute
	os.Exit(m.Run())
}

// outage is how long the broker is away; OFFHOOK_OUTAGE shortens it.
func outage(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("OFFHOOK_OUTAGE")
	if text == "" {
		return time.Minute
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestBrokerKilledUnderCalls(t *testing.T) {
	t.Parallel()
	awayUnderCalls(t, (*kafka.Broker).Kill, (*kafka.Broker).Run)
}

func TestBrokerFrozenUnderCalls(t *testing.T) {
	t.Parallel()
	awayUnderCalls(t, (*kafka.Broker).Freeze, func(b *kafka.Broker, _ *testing.T) { b.Thaw() })
}

// awayUnderCalls takes the broker away in the middle of a steady load.
func awayUnderCalls(t *testing.T, leave func(*kafka.Broker), comeBack func(*kafka.Broker, *testing.T)) {
	away := outage(t)
	b := kafka.Start(t)
	h := real.StartNode(t, real.NodeOptions{Command: "edge", Kafka: b.Address(), Config: real.LoadConfig})
	reader := follow(t, b.Kafka())
	load := real.StartLoad(t, h.SIP, rate, away+10*time.Second)
	real.Eventually(t, "events arrive", func() bool { return h.Metric(t, "offhook_log_forwarded_total") > 50 })

	leave(b)
	<-time.After(away) // the outage itself
	waiting := h.Metric(t, "offhook_log_backlog")
	if least := away.Seconds() * rate * 5; waiting < least {
		t.Errorf("only %v events wait after %s of calls without a broker, want %v at least", waiting, away, least)
	}
	back := time.Now()
	comeBack(b, t)
	load.Done(t)
	real.Eventually(t, "no call is left", func() bool { return h.Metric(t, "offhook_calls_live") == 0 })
	real.Eventually(t, "the backlog is delivered", func() bool { return h.Metric(t, "offhook_log_backlog") == 0 })
	t.Logf("%d calls; %v events waited; delivered within %s of the broker's return", load.Calls, waiting, time.Since(back).Round(time.Millisecond))

	log := real.ReadLog(t, b.Kafka())
	log.Check(t, nil)
	if len(log.Calls) != load.Calls {
		t.Errorf("%d calls are in the log, %d were made", len(log.Calls), load.Calls)
	}
	for _, name := range []string{"offhook_log_refused_total", "offhook_events_unpublished_total", "offhook_call_panics_total", "offhook_calls_refused_total"} {
		if n := h.Metric(t, name); n != 0 {
			t.Errorf("%s is %v", name, n)
		}
	}
	reader.caughtUp(t, log)
	t.Logf("%d events in the log, %d of them came twice; the consumer handled %d", log.Total, log.Double, reader.handled())
}

// follower is a member of a consumer group that lives through the outage.
type follower struct {
	mu    sync.Mutex
	calls map[string]int // last seq
	total int
	wrong []string
}

func follow(t *testing.T, k events.Kafka) *follower {
	t.Helper()
	f := &follower{calls: map[string]int{}}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- events.Consume(ctx, events.ConsumerConfig{Kafka: k, Group: "follower"}, func(_ context.Context, d events.Delivered) error {
			return f.take(d)
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return f
}

// take notes each first delivery, which must be in order per call.
func (f *follower) take(d events.Delivered) error {
	var data struct {
		Seq int `json:"seq"`
	}
	if err := json.Unmarshal(d.Data, &data); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.total++
	switch last := f.calls[d.Subject]; {
	case data.Seq > last+1:
		f.wrong = append(f.wrong, fmt.Sprintf("%s after seq %d", d.ID, last))
	case data.Seq == last+1:
		f.calls[d.Subject] = data.Seq
	}
	return nil
}

func (f *follower) handled() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.total
}

// caughtUp waits until every event of the log was handled.
func (f *follower) caughtUp(t *testing.T, log *real.Ledger) {
	t.Helper()
	behind := ""
	real.Eventually(t, "the consumer has handled every event", func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		behind = ""
		for id, all := range log.Calls {
			if f.calls[id] != len(all) {
				behind = id
				return false
			}
		}
		return true
	})
	if len(f.wrong) > 0 {
		t.Errorf("the consumer got events out of order: %v (behind: %s)", f.wrong[:min(5, len(f.wrong))], behind)
	}
}

// TestEncryptedAndLoggedIn: an edge for each way to log in, and functions that read what they write.
func TestEncryptedAndLoggedIn(t *testing.T) {
	t.Parallel()
	b := kafka.Start(t)
	brokers := func(mechanism, password string) string {
		return fmt.Sprintf("kafka://%s:%s@127.0.0.1:%d?tls=true&sasl=%s&ca=%s", b.User, password, b.Secure, mechanism, b.KeyStore)
	}
	history := real.StartFunctions(t, brokers("scram-sha-512", b.Password), real.LoadConfig, "history")
	t.Run("edges", func(t *testing.T) {
		for _, mechanism := range []string{"plain", "scram-sha-256", "scram-sha-512"} {
			t.Run(mechanism, func(t *testing.T) {
				t.Parallel()
				h := real.StartNode(t, real.NodeOptions{Command: "edge", Kafka: brokers(mechanism, b.Password), Config: real.LoadConfig, Args: []string{"--name", mechanism}})
				real.StartLoad(t, h.SIP, 1, time.Second).Done(t)
				var id string
				real.Eventually(t, "the call's end is in the log", func() bool {
					for _, e := range h.Recent(t, "call.hangup") {
						if e.Source == "/offhook/edge/"+mechanism {
							id = e.Subject
						}
					}
					return id != ""
				})
				real.CheckTimeline(t, h.Ended(t, id))
				real.Eventually(t, "the call is in the history", func() bool { return history.Get(t, "/history/calls/"+id, nil) == http.StatusOK })
			})
		}
	})
	t.Run("wrong password", func(t *testing.T) {
		p := real.StartFunctions(t, brokers("scram-sha-512", "guess"), real.LoadConfig, "history")
		if code := p.Exited(t, real.Patience); code != 1 {
			t.Errorf("a wrong password ended the function with %d", code)
		}
		if out := p.Tail(20); strings.Contains(out, "guess") || !strings.Contains(strings.ToLower(out), "sasl") {
			t.Errorf("it said:\n%s", out)
		}
	})
}
