package embedded

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/offhook/offhook/events"
	"github.com/offhook/offhook/events/eventstest"
	"github.com/offhook/offhook/events/spool"
)

const (
	keyProduce         = 0
	notEnoughReplicas  = 19
	coordinatorMissing = 15
)

// world is a broker, a log and what the log holds, inside a bubble.
type world struct {
	t       *testing.T
	network *eventstest.Network
	broker  *Broker
	stops   []func()
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, network: eventstest.NewNetwork()}
	b, err := Open(Config{Listen: w.network.Listen, Dial: w.network.Dial})
	if err != nil {
		t.Fatal(err)
	}
	w.broker = b
	return w
}

func (w *world) run(f func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	stop = sync.OnceFunc(func() {
		w.t.Helper()
		cancel()
		if err := <-done; err != nil {
			w.t.Error(err)
		}
	})
	w.stops = append(w.stops, stop)
	return stop
}

func (w *world) end() {
	w.t.Helper()
	for _, stop := range w.stops {
		stop()
	}
	if err := w.broker.Close(); err != nil {
		w.t.Error(err)
	}
	time.Sleep(2 * time.Minute) // timers of idle connections
}

func (w *world) open(cfg events.Config) *events.Log {
	w.t.Helper()
	cfg.Kafka = w.broker.Kafka()
	l, err := events.Open(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	return l
}

func (w *world) publish(l *events.Log, calls, from, to int) {
	w.t.Helper()
	for seq := from; seq <= to; seq++ {
		for c := range calls {
			if err := l.Publish(eventOf(c, seq)); err != nil {
				w.t.Fatal(err)
			}
		}
	}
}

func eventOf(call, seq int) events.Event {
	id := fmt.Sprintf("call_%d", call)
	return events.Event{ID: fmt.Sprintf("%s-%d", id, seq), Type: "offhook.leg.held", Source: "/t", Subject: id, Data: fmt.Appendf(nil, "%d", seq)}
}

// inLog checks that the log holds 1 ... n of each call, each event for the first time in order.
func (w *world) inLog(calls, n int) {
	w.t.Helper()
	for c := range calls {
		list, err := events.Call(w.t.Context(), w.broker.Kafka(), fmt.Sprintf("call_%d", c))
		if err != nil {
			w.t.Fatal(err)
		}
		if len(list) != n {
			w.t.Fatalf("call %d has %d events in the log, want %d", c, len(list), n)
		}
		for i, d := range list {
			if string(d.Data) != fmt.Sprint(i+1) {
				w.t.Fatalf("call %d: event %d of the log is seq %s", c, i, d.Data)
			}
		}
	}
}

// refuse answers produce requests of a partition with an error, until the returned function is called.
func (w *world) refuse(partition int32, code int16) (stop func()) {
	var over atomic.Bool
	w.broker.cluster.ControlKey(keyProduce, func(req kmsg.Request) (kmsg.Response, error, bool) {
		w.broker.cluster.KeepControl()
		produce := req.(*kmsg.ProduceRequest)
		if over.Load() || produce.Topics[0].Partitions[0].Partition != partition {
			return nil, nil, false
		}
		return refusal(produce, code), nil, true
	})
	return func() { over.Store(true) }
}

// refusal answers a produce request for one partition with an error.
func refusal(produce *kmsg.ProduceRequest, code int16) kmsg.Response {
	resp := produce.ResponseKind().(*kmsg.ProduceResponse)
	topic := kmsg.NewProduceResponseTopic()
	topic.Topic = produce.Topics[0].Topic
	part := kmsg.NewProduceResponseTopicPartition()
	part.Partition, part.ErrorCode = produce.Topics[0].Partitions[0].Partition, code
	topic.Partitions = append(topic.Partitions, part)
	resp.Topics = append(resp.Topics, topic)
	return resp
}

// The lane of a refused partition must not hold up the others, nor let its own newer events pass the older ones.
func TestARefusedPartitionWaitsAloneAndKeepsItsOrder(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		l := w.open(events.Config{Dir: dir})
		w.run(l.Run)
		first := fmt.Sprintf("call_%d", 0)
		w.publish(l, 24, 1, 1)
		if err := l.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		list, err := events.Call(t.Context(), w.broker.Kafka(), first)
		if err != nil || len(list) != 1 {
			t.Fatalf("%v, %v", list, err)
		}
		stuck := list[0].Partition
		mend := w.refuse(int32(stuck), notEnoughReplicas)
		w.publish(l, 24, 2, 500)
		time.Sleep(5 * time.Minute)
		alone := 0
		for c := range 24 {
			list, err := events.Call(t.Context(), w.broker.Kafka(), fmt.Sprintf("call_%d", c))
			if err != nil {
				t.Fatal(err)
			}
			want := 500
			if list[0].Partition == stuck {
				want = 1
				alone++
			}
			if len(list) != want {
				t.Errorf("call %d, partition %d: %d events while partition %d is refused, want %d", c, list[0].Partition, len(list), stuck, want)
			}
		}
		if alone == 0 || alone == 24 {
			t.Fatalf("%d calls in the refused partition: the test shows nothing", alone)
		}
		if s := l.Stats(); s.Backlog == 0 || s.Lag < 4*time.Minute || s.Retries == 0 {
			t.Errorf("stats %+v", s)
		}
		mend()
		if err := l.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.inLog(24, 500)
	})
}

// copyFolder takes what a kill -9 would leave.
func copyFolder(t *testing.T, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

func TestAKilledProcessLosesNoEventThatWasFlushed(t *testing.T) {
	dir, left := t.TempDir(), t.TempDir()+"/left"
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		l := w.open(events.Config{Dir: dir, Grace: -1})
		stop := w.run(l.Run)
		w.publish(l, 10, 1, 20)
		if err := l.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.network.Cut()
		w.publish(l, 10, 21, 40)
		if err := l.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		copyFolder(t, dir, left)
		stop()
		w.network.Mend()
		again := w.open(events.Config{Dir: left})
		if n := again.Stats().Backlog; n < 200 {
			t.Errorf("%d events were found, want the 200 that were not forwarded", n)
		}
		w.run(again.Run)
		w.publish(again, 10, 41, 60)
		if err := again.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.inLog(10, 60)
	})
}

func TestWhatIsLeftAtTheEndIsForwardedAfterTheNextStart(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		w.network.Cut()
		l := w.open(events.Config{Dir: dir})
		stop := w.run(l.Run)
		w.publish(l, 5, 1, 10)
		stop()
		if err := l.Publish(eventOf(1, 11)); err == nil {
			t.Error("an event was taken after the end")
		}
		w.network.Mend()
		again := w.open(events.Config{Dir: dir})
		w.run(again.Run)
		if err := again.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.inLog(5, 10)
		if again.Stats().Forwarded != 50 {
			t.Errorf("stats %+v", again.Stats())
		}
	})
}

// fullDisk lets nothing be written while full is set.
type fullDisk struct{ full atomic.Bool }

type fullFile struct {
	*os.File
	disk *fullDisk
}

func (d *fullDisk) create(name string) (spool.File, error) {
	f, err := os.Create(name)
	return fullFile{f, d}, err
}

func (f fullFile) WriteAt(b []byte, off int64) (int, error) {
	if f.disk.full.Load() {
		return 0, syscall.ENOSPC
	}
	return f.File.WriteAt(b, off)
}

func TestAFullDiskIsAnAlarmAndNoEventThatWasTakenIsLost(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		var disk fullDisk
		var raised, cleared atomic.Int64
		l := w.open(events.Config{Dir: dir, CreateSegment: disk.create, Alarm: func(a spool.Alarm) {
			if a.Cleared {
				cleared.Add(1)
			} else {
				raised.Add(1)
			}
		}})
		w.run(l.Run)
		disk.full.Store(true)
		w.publish(l, 5, 1, 20)
		time.Sleep(10 * time.Minute)
		if s := l.Stats(); raised.Load() != 1 || s.Queued != 100 || s.Failures == 0 {
			t.Errorf("%d alarms, stats %+v", raised.Load(), s)
		}
		disk.full.Store(false)
		if err := l.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		if cleared.Load() != 1 {
			t.Errorf("the alarm was cleared %d times", cleared.Load())
		}
		w.inLog(5, 20)
	})
}

// A broker that was just made answers the first join with error 15.
func TestAFirstJoinThatFailsIsTriedAgain(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		const keyFindCoordinator = 10
		var refused atomic.Int64
		w.broker.cluster.ControlKey(keyFindCoordinator, func(req kmsg.Request) (kmsg.Response, error, bool) {
			w.broker.cluster.KeepControl()
			if refused.Load() == 3 {
				return nil, nil, false
			}
			refused.Add(1)
			resp := req.ResponseKind().(*kmsg.FindCoordinatorResponse)
			resp.ErrorCode = coordinatorMissing
			return resp, nil, true
		})
		l := w.open(events.Config{Dir: dir})
		w.run(l.Run)
		w.publish(l, 1, 1, 1)
		got := make(chan events.Delivered, 1)
		w.run(func(ctx context.Context) error {
			return events.Consume(ctx, events.ConsumerConfig{Kafka: w.broker.Kafka(), Group: "g"}, func(_ context.Context, d events.Delivered) error {
				got <- d
				return nil
			})
		})
		if d := <-got; d.ID != "call_0-1" || refused.Load() != 3 {
			t.Errorf("%s after %d refusals", d.ID, refused.Load())
		}
	})
}

// When a process ends, the handler that runs may finish, and its event is not handled again.
func TestAHandlerMayFinishWhenTheConsumerEnds(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		l := w.open(events.Config{Dir: dir})
		w.run(l.Run)
		w.publish(l, 1, 1, 2)
		began := make(chan struct{})
		var finished []string
		cfg := events.ConsumerConfig{Kafka: w.broker.Kafka(), Group: "g"}
		stop := w.run(func(ctx context.Context) error {
			return events.Consume(ctx, cfg, func(ctx context.Context, d events.Delivered) error {
				close(began)
				time.Sleep(3 * time.Second)
				finished = append(finished, d.ID)
				return ctx.Err()
			})
		})
		<-began
		stop()
		if strings.Join(finished, " ") != "call_0-1" {
			t.Fatalf("finished %q", finished)
		}
		got := make(chan string, 10)
		w.run(func(ctx context.Context) error {
			return events.Consume(ctx, cfg, func(_ context.Context, d events.Delivered) error {
				got <- d.ID
				return nil
			})
		})
		if id := <-got; id != "call_0-2" {
			t.Errorf("then %s, want call_0-2", id)
		}
	})
}

func TestAHandlerThatIgnoresTheEndIsCutOffAndItsEventComesAgain(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		l := w.open(events.Config{Dir: dir})
		w.run(l.Run)
		w.publish(l, 1, 1, 1)
		began := make(chan struct{})
		cfg := events.ConsumerConfig{Kafka: w.broker.Kafka(), Group: "g", Drain: time.Second}
		stop := w.run(func(ctx context.Context) error {
			return events.Consume(ctx, cfg, func(ctx context.Context, _ events.Delivered) error {
				close(began)
				<-ctx.Done()
				return ctx.Err()
			})
		})
		<-began
		at := time.Now()
		stop()
		if took := time.Since(at); took > 3*time.Second {
			t.Errorf("it took %s", took)
		}
		got := make(chan string, 10)
		w.run(func(ctx context.Context) error {
			return events.Consume(ctx, cfg, func(_ context.Context, d events.Delivered) error {
				got <- d.ID
				return nil
			})
		})
		if id := <-got; id != "call_0-1" {
			t.Errorf("then %s", id)
		}
	})
}
