package eventstest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/offhook/offhook/events"
)

// Hooks are what a broker under test can do beside serving.
type Hooks struct {
	Restart func(t *testing.T) // ends the broker as harshly as it stands and starts it again; nil: cannot
	Compact func(t *testing.T) // removes superseded states now; nil: cannot
}

// Run checks a broker. open is called once; the topics are made by the suite.
// Behaviours that need a hook are checked when it is given.
func Run(t *testing.T, open func(t *testing.T) events.Kafka, hooks ...Hooks) {
	k := open(t)
	var h Hooks
	if len(hooks) > 0 {
		h = hooks[0]
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := events.EnsureTopics(ctx, k); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { c.check(newEnv(t, k, h)) })
	}
	if h.Compact != nil {
		t.Run("compaction keeps the newest state", func(t *testing.T) { compaction(newEnv(t, k, h)) })
	}
	if h.Restart != nil {
		RunRestart(t, k, h)
	}
}

// RunRestart is the part of Run that needs Restart. The topics must be there.
func RunRestart(t *testing.T, k events.Kafka, h Hooks) {
	t.Run("a restarted broker loses nothing", func(t *testing.T) { restart(newEnv(t, k, h)) })
}

var cases = []struct {
	name  string
	check func(*env)
}{
	{"an event comes back as it was published", roundTrip},
	{"keys go to the partitions of Java clients", partitions},
	{"events of a call come in order without holes", order},
	{"a failed handler is tried again before the next event", retried},
	{"what cannot be handled becomes a dead letter and can be replayed to its group", deadLetters},
	{"a record that is no event becomes a dead letter", foreign},
	{"a handler that panics costs only its event", panics},
	{"two members share the work and lose nothing when they come and go", rebalance},
	{"a member that comes back goes on where it stopped", resumed},
	{"a group begins at the beginning or at the end", begins},
	{"an event the broker refuses as too large becomes a whole dead letter", tooLarge},
	{"tail follows from the end, the beginning and a time", tail},
	{"one call's timeline is read from the log", timeline},
	{"state is loaded and followed", state},
}

func roundTrip(e *env) {
	l, box := e.open(), e.inbox()
	e.consume(events.ConsumerConfig{}, box.handle)
	sent := e.event(e.call(1), 1)
	sent.Time = time.Date(2026, 3, 4, 5, 6, 7, 123456789, time.FixedZone("", 3600))
	sent.Data = []byte(`{"call_id":"x","tenant":"Rīga","seq":1}`)
	e.publish(l, sent)
	got := box.await("the event", atLeast(1))[0]
	want := sent
	want.Topic, want.Key, want.Time = events.TopicCalls, sent.Subject, sent.Time.UTC()
	if fmt.Sprintf("%+v", got.Event) != fmt.Sprintf("%+v", want) {
		e.t.Errorf("got  %+v\nwant %+v", got.Event, want)
	}
	if got.Attempt != 1 {
		e.t.Errorf("attempt %d, want 1", got.Attempt)
	}
}

// javaHashes are from Apache Kafka's own UtilsTest.testMurmur2.
var javaHashes = map[string]int32{
	"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536,
	"a-little-bit-longer-string":                       -1486304829,
	"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
	"abc": 479470107,
}

func partitions(e *env) {
	l := e.open()
	got := make(chan events.Delivered, 100)
	ready := make(chan struct{})
	e.start(func(ctx context.Context) error {
		return events.Tail(ctx, e.kafka, events.TailConfig{Ready: func() { close(ready) }}, func(d events.Delivered) error {
			if _, ok := javaHashes[d.Key]; ok {
				got <- d
			}
			return nil
		})
	})
	e.wait(ready)
	for key := range javaHashes {
		ev := e.event(e.call(1), 1)
		ev.Key = key
		e.publish(l, ev)
	}
	for range javaHashes {
		d := receive(e, got)
		if want := int(javaHashes[d.Key]&0x7fffffff) % 12; d.Partition != want {
			e.t.Errorf("key %q is in partition %d, Java clients use %d", d.Key, d.Partition, want)
		}
	}
}

func (e *env) wait(c <-chan struct{}) {
	e.t.Helper()
	select {
	case <-c:
	case <-e.ctx.Done():
		e.t.Fatal("nothing happened within", patience)
	}
}

func receive[T any](e *env, c <-chan T) T {
	e.t.Helper()
	select {
	case v := <-c:
		return v
	case <-e.ctx.Done():
		e.t.Fatal("nothing came within", patience)
		panic("unreachable")
	}
}

func order(e *env) {
	const calls, each = 30, 40
	l, box := e.open(), e.inbox()
	e.consume(events.ConsumerConfig{}, box.handle)
	for seq := 1; seq <= each; seq++ {
		for c := range calls {
			e.publish(l, e.event(e.call(c), seq))
		}
	}
	e.inOrder(box.await("all events", distinct(calls*each)), calls, each)
}

func retried(e *env) {
	l, box := e.open(), e.inbox()
	e.consume(events.ConsumerConfig{Backoff: time.Millisecond}, func(ctx context.Context, d events.Delivered) error {
		if err := box.handle(ctx, d); err != nil {
			return err
		}
		if e.mine(d) && seqOf(d) == 1 && d.Attempt < 3 {
			return errors.New("not yet")
		}
		return nil
	})
	e.publish(l, e.event(e.call(1), 1), e.event(e.call(1), 2))
	got := box.await("both events", distinct(2))
	var trace []string
	for _, d := range got {
		trace = append(trace, fmt.Sprintf("%d/%d", seqOf(d), d.Attempt))
	}
	if want := "1/1 1/2 1/3 2/1"; strings.Join(trace, " ") != want {
		e.t.Errorf("seq/attempt were %v, want %s", trace, want)
	}
}

func deadLetters(e *env) {
	l, box, other := e.open(), e.inbox(), e.inbox()
	broken := make(chan struct{}) // closed: mended
	metrics := &events.ConsumerMetrics{}
	cfg := events.ConsumerConfig{Tries: 2, Backoff: time.Millisecond, Metrics: metrics}
	e.consume(cfg, func(ctx context.Context, d events.Delivered) error {
		if e.mine(d) && seqOf(d) == 1 {
			select {
			case <-broken:
			default:
				return errors.New("no such customer\r\nX: y")
			}
		}
		return box.handle(ctx, d)
	})
	e.consume(events.ConsumerConfig{Group: e.name + "_other"}, other.handle)
	e.publish(l, e.event(e.call(1), 1), e.event(e.call(1), 2))
	if d := box.await("the event after the broken one", atLeast(1))[0]; seqOf(d) != 2 {
		e.t.Fatalf("seq %d came, want 2", seqOf(d))
	}
	letter := e.letter(e.call(1) + "-1")
	if letter.Origin.Group != e.name || letter.Origin.Attempts != 2 || letter.Origin.Topic != events.TopicCalls || letter.Error == "" {
		e.t.Errorf("letter says %+v %q", letter.Origin, letter.Error)
	}
	if metrics.Dead.Load() != 1 {
		e.t.Errorf("%d dead letters counted, want 1", metrics.Dead.Load())
	}
	close(broken)
	for run, want := range []int{1, 0} { // the second finds nothing left
		n, err := events.Replay(e.ctx, e.kafka, events.ReplayConfig{Group: e.name, Logger: e.log})
		if err != nil || n != want {
			e.t.Fatalf("replay %d: %d, %v; want %d", run, n, err, want)
		}
	}
	if d := box.await("the replayed event", atLeast(2))[1]; seqOf(d) != 1 {
		e.t.Errorf("seq %d was replayed, want 1", seqOf(d))
	}
	e.publish(l, e.event(e.call(1), 3))
	list := other.await("the last event at the other group", func(l []events.Delivered) bool { return len(l) > 0 && seqOf(l[len(l)-1]) == 3 })
	if len(list) != 3 {
		e.t.Errorf("the other group got %s; the replay was not meant for it", ids(list))
	}
}

// letter finds the dead letter of an event.
func (e *env) letter(id string) (found events.Letter) {
	e.t.Helper()
	err := events.Letters(e.ctx, e.kafka, events.TopicCalls+events.DLQSuffix, func(l events.Letter) error {
		if l.ID == id {
			found = l
			return events.ErrStop
		}
		return nil
	})
	if err != nil {
		e.t.Fatal(err)
	}
	if found.ID != id {
		e.t.Fatalf("no dead letter for %s", id)
	}
	return found
}

func foreign(e *env) {
	l, box := e.open(), e.inbox()
	e.consume(events.ConsumerConfig{}, box.handle)
	e.produceForeign(kafka.Message{
		Topic: events.TopicCalls, Key: []byte(e.call(1)), Value: []byte("hello"),
		Headers: []kafka.Header{{Key: "ce_id", Value: []byte(e.call(1) + "-x")}},
	})
	e.publish(l, e.event(e.call(1), 1))
	if list := box.await("the event after it", atLeast(1)); len(list) != 1 {
		e.t.Errorf("the handler got %s", ids(list))
	}
	letter := e.letter(e.call(1) + "-x")
	if string(letter.Data) != "hello" || !strings.Contains(letter.Error, "ce_specversion") {
		e.t.Errorf("letter has %q, error %q", letter.Data, letter.Error)
	}
}

func panics(e *env) {
	l, box := e.open(), e.inbox()
	e.consume(events.ConsumerConfig{Tries: 1}, func(ctx context.Context, d events.Delivered) error {
		if e.mine(d) && seqOf(d) == 1 {
			panic("boom")
		}
		return box.handle(ctx, d)
	})
	e.publish(l, e.event(e.call(1), 1), e.event(e.call(1), 2))
	box.await("the event after it", atLeast(1))
	if letter := e.letter(e.call(1) + "-1"); !strings.Contains(letter.Error, "boom") {
		e.t.Errorf("letter says %q", letter.Error)
	}
}

func rebalance(e *env) {
	const calls, each = 24, 60
	l, box := e.open(), e.inbox()
	var mu sync.Mutex
	by := map[string]int{}
	member := func(name string) events.Handler {
		return func(ctx context.Context, d events.Delivered) error {
			if e.mine(d) {
				mu.Lock()
				by[name]++
				mu.Unlock()
			}
			return box.handle(ctx, d)
		}
	}
	round := func(from, to int) {
		for seq := from; seq <= to; seq++ {
			for c := range calls {
				e.publish(l, e.event(e.call(c), seq))
			}
		}
	}
	stopA := e.consume(events.ConsumerConfig{}, member("a"))
	round(1, each/3)
	box.await("the first third", distinct(calls*each/3))
	e.consume(events.ConsumerConfig{}, member("b"))
	round(each/3+1, 2*each/3)
	box.await("the second third", distinct(calls*2*each/3))
	stopA()
	round(2*each/3+1, each)
	e.inOrder(box.await("all", distinct(calls*each)), calls, each)
	mu.Lock()
	defer mu.Unlock()
	if by["a"] == 0 || by["b"] == 0 {
		e.t.Errorf("handled by %v: both members must have worked", by)
	}
}

func resumed(e *env) {
	l, box := e.open(), e.inbox()
	stop := e.consume(events.ConsumerConfig{}, box.handle)
	e.publish(l, e.event(e.call(1), 1), e.event(e.call(2), 1))
	box.await("the first events", atLeast(2))
	stop()
	e.publish(l, e.event(e.call(1), 2), e.event(e.call(2), 2))
	e.drain(l)
	e.consume(events.ConsumerConfig{}, box.handle)
	list := box.await("the later events", distinct(4))
	e.inOrder(list, 2, 2)
	if len(list) != 4 {
		e.t.Errorf("after a clean stop events came again: %s", ids(list))
	}
}

func begins(e *env) {
	l, box := e.open(), e.inbox()
	e.publish(l, e.event(e.call(1), 1))
	e.drain(l)
	stop := e.consume(events.ConsumerConfig{}, box.handle)
	stop() // the place at the end was taken, though nothing came
	e.publish(l, e.event(e.call(1), 2))
	e.drain(l)
	e.consume(events.ConsumerConfig{}, box.handle)
	if list := box.await("the later event", atLeast(1)); seqOf(list[0]) != 2 || len(list) != 1 {
		e.t.Errorf("from the end: got %s, want only seq 2", ids(list))
	}
	all := e.inbox()
	cfg := events.ConsumerConfig{Kafka: e.kafka, Group: e.name + "_all", Logger: e.log}
	e.start(func(ctx context.Context) error { return events.Consume(ctx, cfg, all.handle) })
	e.inOrder(all.await("all events", distinct(2)), 1, 2)
}

func tooLarge(e *env) {
	l, box := e.open(), e.inbox()
	e.consume(events.ConsumerConfig{}, box.handle)
	const size = 1 << 21
	e.publish(l, e.event(e.call(1), 1), padded(e.call(1), 2, size), e.event(e.call(1), 3))
	list := box.await("the events around it", distinct(2))
	if seqOf(list[0]) != 1 || seqOf(list[1]) != 3 {
		e.t.Errorf("got %s", ids(list))
	}
	e.drain(l)
	letter := e.letter(e.call(1) + "-2")
	if len(letter.Data) < size || letter.Origin.Offset != -1 {
		e.t.Errorf("letter has %d bytes, origin %+v", len(letter.Data), letter.Origin)
	}
	if s := l.Stats(); s.Poisoned != 1 || s.Backlog != 0 {
		e.t.Errorf("stats %+v", s)
	}
}

func tail(e *env) {
	l := e.open()
	e.publish(l, e.event(e.call(1), 1), e.event(e.call(2), 1))
	e.drain(l)
	middle := time.Now()
	later := e.event(e.call(1), 2)
	later.Time = middle.Add(time.Second)
	end := e.inbox()
	ready := make(chan struct{})
	e.start(func(ctx context.Context) error {
		return events.Tail(ctx, e.kafka, events.TailConfig{Ready: func() { close(ready) }, Logger: e.log}, end.put)
	})
	e.wait(ready)
	e.publish(l, later)
	if list := end.await("the new event", atLeast(1)); seqOf(list[0]) != 2 {
		e.t.Errorf("from the end: %s", ids(list))
	}
	for name, c := range map[string]struct {
		cfg  events.TailConfig
		want int
	}{
		"beginning":        {events.TailConfig{From: events.FromBeginning}, 3},
		"one call":         {events.TailConfig{From: events.FromBeginning, CallID: e.call(1)}, 2},
		"time":             {events.TailConfig{From: events.FromTime, Since: middle}, 1},
		"type":             {events.TailConfig{From: events.FromBeginning, Types: []string{"offhook.leg.*"}}, 3},
		"an unwanted type": {events.TailConfig{From: events.FromBeginning, Types: []string{"offhook.call.*"}}, 0},
	} {
		c.cfg.Stop, c.cfg.Logger = true, e.log
		box := e.inbox()
		if err := events.Tail(e.ctx, e.kafka, c.cfg, box.put); err != nil {
			e.t.Fatal(err)
		}
		if list := box.all(); len(list) != c.want {
			e.t.Errorf("%s: got %s, want %d events", name, ids(list), c.want)
		}
	}
	broken := errors.New("broken")
	err := events.Tail(e.ctx, e.kafka, events.TailConfig{From: events.FromBeginning}, func(events.Delivered) error { return broken })
	if !errors.Is(err, broken) {
		e.t.Errorf("tail gave %v, want the function's error", err)
	}
}

func timeline(e *env) {
	l := e.open()
	began := time.Now().Add(-time.Minute)
	for seq := 1; seq <= 20; seq++ {
		e.publish(l, e.event(e.call(1), seq), e.event(e.call(2), seq))
	}
	e.publish(l, e.event(e.call(1), 3)) // a forwarder may send an event again
	e.drain(l)
	for _, since := range []time.Time{{}, began} {
		list, err := events.Call(e.ctx, e.kafka, e.call(1), since)
		if err != nil {
			e.t.Fatal(err)
		}
		e.inOrder(list, 1, 20)
		if len(list) != 20 {
			e.t.Errorf("%d events, want each once: %s", len(list), ids(list))
		}
	}
	if list, err := events.Call(e.ctx, e.kafka, e.call(99)); err != nil || len(list) != 0 {
		e.t.Errorf("an unknown call gave %s, %v", ids(list), err)
	}
}
