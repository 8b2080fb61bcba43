package events

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/offhook/offhook/events/spool"
)

const (
	windowBytes = 32 << 20               // payload in memory between spool and broker
	openMost    = 1 << 18                // records read from the spool and not yet through
	saveEvery   = 200 * time.Millisecond // a crash forwards again what came since
)

// forwarder reads the spool in order and hands each event to the lane of its partition.
type forwarder struct {
	spool    *spool.Spool[Event]
	kafka    *client
	log      *slog.Logger
	track    *tracker
	letters  *letterBox
	window   window
	lanes    map[laneKey]*lane
	parts    map[string]*partitioner
	wg       sync.WaitGroup
	retries  atomic.Uint64
	poisoned atomic.Uint64
	damaged  atomic.Uint64
}

type laneKey struct {
	topic     string
	partition int
}

func newForwarder(s *spool.Spool[Event], k *client, log *slog.Logger) *forwarder {
	return &forwarder{
		spool: s, kafka: k, log: log, track: newTracker(), letters: &letterBox{c: k, log: log},
		window: window{changed: make(chan struct{})},
		lanes:  map[laneKey]*lane{}, parts: map[string]*partitioner{},
	}
}

// run forwards until ctx ends.
func (f *forwarder) run(ctx context.Context) {
	f.wg.Go(func() { f.keepPlace(ctx) })
	defer f.wg.Wait()
	r := f.spool.Reader()
	for ctx.Err() == nil {
		changed := f.spool.Changed()
		rec, err := r.Next()
		switch {
		case err == nil:
			f.dispatch(ctx, rec)
		case errors.Is(err, io.EOF):
			select {
			case <-ctx.Done():
			case <-changed:
			}
		default:
			f.log.Error("the spool cannot be read", "err", err)
			sleep(ctx, time.Second)
		}
	}
}

// dispatch gives one record to its lane.
func (f *forwarder) dispatch(ctx context.Context, rec spool.Record) {
	e, err := decodeFields(rec.Payload)
	number := f.track.add(rec.Next, e.at)
	if err != nil {
		f.lost(err)
		f.track.finish([]uint64{number})
		return
	}
	l := f.laneFor(ctx, topicName(e.topic), e.key)
	if l == nil {
		return // ctx ended
	}
	if !f.admit(ctx, l, int64(len(rec.Payload))) {
		return
	}
	l.push(number, rec)
}

// admit waits while too much is on its way.
func (f *forwarder) admit(ctx context.Context, l *lane, n int64) bool {
	for {
		roomier := f.window.waiter()
		_, _, open, fewer := f.track.state()
		if open <= openMost && (l.isFailing() || f.window.fits(n)) {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-roomier:
		case <-fewer:
		}
	}
}

// laneFor finds or starts the lane of a key. nil: ctx ended before the broker could be asked.
func (f *forwarder) laneFor(ctx context.Context, topic string, key []byte) *lane {
	p, ok := f.parts[topic]
	if !ok {
		if p = f.learn(ctx, topic); p == nil {
			return nil
		}
		f.parts[topic] = p
	}
	k := laneKey{topic, p.pick(key)}
	l := f.lanes[k]
	if l == nil {
		l = newLane(f, k.topic, k.partition)
		f.lanes[k] = l
		f.wg.Go(func() { l.run(ctx) })
	}
	return l
}

// learn asks for a topic's partitions until the broker answers. The count then stays for this process:
// a key that moved to another partition would lose its order. A topic that cannot be made gets one lane for all.
func (f *forwarder) learn(ctx context.Context, topic string) *partitioner {
	told := false
	for wait := backoffFirst; ctx.Err() == nil; wait = min(2*wait, backoffMost) {
		err := f.kafka.ensure(ctx, topic)
		n, perr := f.kafka.partitions(ctx, topic)
		if perr == nil {
			return newPartitioner(n)
		}
		var refused kafka.Error
		if errors.As(err, &refused) && !refused.Temporary() {
			f.log.Error("a topic is missing and cannot be made", "topic", topic, "err", err)
			return newPartitioner(0)
		}
		f.retries.Add(1)
		if !told && ctx.Err() == nil {
			f.log.Warn("the event log cannot be reached; events wait in the spool", "err", errors.Join(err, perr))
			told = true
		}
		sleep(ctx, wait)
	}
	return nil
}

// send produces to a lane's partition; the lane of an unknown topic looks for the partitions each time.
func (f *forwarder) send(ctx context.Context, topic string, partition int, spooled [][]byte) error {
	if partition != anyPartition {
		return f.kafka.produce(ctx, topic, partition, &cargo{spooled: spooled})
	}
	n, err := f.kafka.partitions(ctx, topic)
	if err != nil {
		return errors.Join(f.kafka.ensure(ctx, topic), err)
	}
	p := newPartitioner(n)
	for i, b := range spooled {
		e, err := decodeFields(b)
		if err == nil {
			err = f.kafka.produce(ctx, topic, p.pick(e.key), &cargo{spooled: spooled[i : i+1]})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// keepPlace remembers now and then how far all is forwarded.
func (f *forwarder) keepPlace(ctx context.Context) {
	t := time.NewTicker(saveEvery)
	defer t.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-t.C:
			f.savePlace()
		}
	}
}

func (f *forwarder) savePlace() {
	low, _, _, _ := f.track.state()
	if err := f.spool.Forwarded(low); err != nil {
		f.log.Warn("the spool's place could not be saved; after a crash some events may come twice", "err", err)
	}
}

// lost counts a record that cannot be read again.
func (f *forwarder) lost(err error) {
	f.damaged.Add(1)
	f.log.Error("an event in the spool cannot be read", "err", err)
}

// partitioner maps keys to partitions as Java clients do.
type partitioner struct {
	all      []int
	balancer kafka.Murmur2Balancer
}

func newPartitioner(n int) *partitioner {
	p := &partitioner{balancer: kafka.Murmur2Balancer{Consistent: true}}
	for i := range n {
		p.all = append(p.all, i)
	}
	return p
}

func (p *partitioner) pick(key []byte) int {
	if len(p.all) == 0 {
		return anyPartition
	}
	return p.balancer.Balance(kafka.Message{Key: key}, p.all...)
}

// window counts the payload bytes on their way.
type window struct {
	mu      sync.Mutex
	bytes   int64
	changed chan struct{}
}

func (w *window) add(n int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.bytes += n
	if n < 0 {
		close(w.changed)
		w.changed = make(chan struct{})
	}
}

// fits: a single event always fits an empty window.
func (w *window) fits(n int64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.bytes == 0 || w.bytes+n <= windowBytes
}

func (w *window) waiter() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.changed
}
