package eventstest

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/offhook/offhook/events"
)

const patience = 60 * time.Second

// env is one test's view of the broker: names of its own, so that tests share topics.
type env struct {
	t     *testing.T
	ctx   context.Context
	kafka events.Kafka
	hooks Hooks
	name  string
	log   *slog.Logger
}

func newEnv(t *testing.T, k events.Kafka, hooks Hooks) *env {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	name := strings.ToLower(strings.NewReplacer("/", "_", " ", "_").Replace(t.Name())) + "_" + rand.Text()[:8]
	return &env{t: t, ctx: ctx, kafka: k, hooks: hooks, name: name, log: slog.New(slog.NewTextHandler(testWriter{t}, nil))}
}

// testWriter shows the log of a test that fails.
type testWriter struct{ t *testing.T }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Log(strings.TrimRight(string(p), "\n"))
	return len(p), nil
}

// start runs f until the test ends or stop is called; an error fails the test.
func (e *env) start(f func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(e.ctx)
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	stop = sync.OnceFunc(func() {
		e.t.Helper()
		cancel()
		if err := <-done; err != nil {
			e.t.Error(err)
		}
	})
	e.t.Cleanup(stop)
	return stop
}

// open gives a running log with a spool of its own.
func (e *env) open() *events.Log {
	e.t.Helper()
	l, err := events.Open(events.Config{Dir: e.t.TempDir(), Kafka: e.kafka, Logger: e.log})
	if err != nil {
		e.t.Fatal(err)
	}
	e.start(l.Run)
	return l
}

// call is a call id of this test.
func (e *env) call(n int) string { return fmt.Sprintf("call_%s_%d", e.name, n) }

func (e *env) mine(d events.Delivered) bool { return strings.HasPrefix(d.Key, "call_"+e.name+"_") }

// eventData is the data of the suite's events.
type eventData struct {
	CallID string `json:"call_id"`
	Tenant string `json:"tenant"`
	Seq    int    `json:"seq"`
	Pad    string `json:"pad,omitempty"`
}

func (e *env) event(call string, seq int) events.Event {
	return padded(call, seq, 0)
}

func padded(call string, seq, pad int) events.Event {
	data, err := json.Marshal(eventData{CallID: call, Tenant: "demo", Seq: seq, Pad: strings.Repeat("x", pad)})
	if err != nil {
		panic(err)
	}
	return events.Event{
		ID: fmt.Sprintf("%s-%d", call, seq), Type: "offhook.leg.ringing", Source: "/offhook/edge/suite",
		Subject: call, Time: time.Now(), Data: data,
	}
}

func seqOf(d events.Delivered) int {
	var data eventData
	if json.Unmarshal(d.Data, &data) != nil {
		return -1
	}
	return data.Seq
}

func (e *env) publish(l *events.Log, list ...events.Event) {
	e.t.Helper()
	for _, ev := range list {
		if err := l.Publish(ev); err != nil {
			e.t.Fatal(err)
		}
	}
}

// drain waits until the broker has all of it.
func (e *env) drain(l *events.Log) {
	e.t.Helper()
	if err := l.Drain(e.ctx); err != nil {
		e.t.Fatalf("not forwarded: %v; %+v", err, l.Stats())
	}
}

// inbox gathers what handlers get.
type inbox struct {
	e       *env
	mu      sync.Mutex
	list    []events.Delivered
	changed chan struct{}
}

func (e *env) inbox() *inbox { return &inbox{e: e, changed: make(chan struct{})} }

func (b *inbox) put(d events.Delivered) error {
	if !b.e.mine(d) {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.list = append(b.list, d)
	close(b.changed)
	b.changed = make(chan struct{})
	return nil
}

func (b *inbox) handle(_ context.Context, d events.Delivered) error { return b.put(d) }

func (b *inbox) all() []events.Delivered {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.list)
}

// await waits until enough is true of what came.
func (b *inbox) await(what string, enough func([]events.Delivered) bool) []events.Delivered {
	b.e.t.Helper()
	for {
		b.mu.Lock()
		changed := b.changed
		b.mu.Unlock()
		list := b.all()
		if enough(list) {
			return list
		}
		select {
		case <-b.e.ctx.Done():
			b.e.t.Fatalf("%s: not within %s; %d events came: %s", what, patience, len(list), ids(list))
		case <-changed:
		}
	}
}

func atLeast(n int) func([]events.Delivered) bool {
	return func(l []events.Delivered) bool { return len(l) >= n }
}

// distinct: n different events came.
func distinct(n int) func([]events.Delivered) bool {
	return func(l []events.Delivered) bool { return len(firsts(l)) >= n }
}

// firsts keeps the first of each event.
func firsts(list []events.Delivered) []events.Delivered {
	seen := map[string]bool{}
	var out []events.Delivered
	for _, d := range list {
		if !seen[d.ID] {
			seen[d.ID] = true
			out = append(out, d)
		}
	}
	return out
}

func ids(list []events.Delivered) string {
	out := make([]string, 0, len(list))
	for _, d := range list {
		out = append(out, d.ID)
	}
	return clip(strings.Join(out, " "), 2000)
}

func clip(s string, n int) string { return s[:min(len(s), n)] }

// inOrder fails when the first deliveries of a call's events are not 1, 2, 3 ... n.
func (e *env) inOrder(list []events.Delivered, calls, n int) {
	e.t.Helper()
	next := map[string]int{}
	for _, d := range firsts(list) {
		if next[d.Key]++; seqOf(d) != next[d.Key] {
			e.t.Fatalf("%s: seq %d came where %d was due", d.Key, seqOf(d), next[d.Key])
		}
	}
	if len(next) != calls {
		e.t.Fatalf("%d calls came, want %d", len(next), calls)
	}
	for call, last := range next {
		if last != n {
			e.t.Fatalf("%s: %d events came, want %d", call, last, n)
		}
	}
}

// consume joins a group, at the end when it is new, and waits for its partitions.
func (e *env) consume(cfg events.ConsumerConfig, h events.Handler) (stop func()) {
	e.t.Helper()
	assigned := make(chan int, 100)
	cfg.Start = events.Latest
	cfg.Kafka, cfg.Logger, cfg.Assigned = e.kafka, e.log, func(n int) { assigned <- n }
	if cfg.Group == "" {
		cfg.Group = e.name
	}
	stop = e.start(func(ctx context.Context) error { return events.Consume(ctx, cfg, h) })
	for {
		select {
		case n := <-assigned:
			if n > 0 {
				return stop
			}
		case <-e.ctx.Done():
			e.t.Fatal("no partitions assigned")
		}
	}
}
