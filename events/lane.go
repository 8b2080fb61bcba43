package events

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/offhook/offhook/events/spool"
)

const (
	batchRecords = 500
	batchBytes   = 512 << 10 // a broker's bound, 1 MB by default, is for the whole batch
	backoffFirst = 50 * time.Millisecond
	backoffMost  = 2 * time.Second

	// pace is the least time between two requests of a lane: under load what comes meanwhile travels together, as a
	// request costs far more than an event. An event after a quiet time waits for nothing.
	pace = 50 * time.Millisecond
)

// anyPartition is the lane of a topic that the broker did not know when its first event came.
const anyPartition = -1

// lane sends one partition's events in order. Nothing newer is sent before a batch is through.
type lane struct {
	f         *forwarder
	topic     string
	partition int
	wake      chan struct{}

	mu      sync.Mutex
	batches []*batch
	failing bool
}

// batch is what travels together: events and the memory of those that have not left it.
type batch struct {
	items []item
	text  []byte
}

// item is an event on its way. What left memory is read from the spool again when its turn comes.
type item struct {
	number   uint64
	at       spool.Pos
	from, to int // in the batch's memory; to 0: it left it
}

var batches = sync.Pool{New: func() any { return new(batch) }}

func newLane(f *forwarder, topic string, partition int) *lane {
	return &lane{f: f, topic: topic, partition: partition, wake: make(chan struct{}, 1)}
}

// push adds an event. While the broker refuses this partition only the places are kept, so that others can go on.
func (l *lane) push(number uint64, rec spool.Record) {
	l.mu.Lock()
	b, it := l.room(len(rec.Payload)), item{number: number, at: rec.At}
	if !l.failing {
		it.from = len(b.text)
		b.text = append(b.text, rec.Payload...)
		it.to = len(b.text)
		l.f.window.add(int64(len(rec.Payload)))
	}
	b.items = append(b.items, it)
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// room is the batch for one more event of that size.
func (l *lane) room(size int) *batch {
	if n := len(l.batches); n > 0 {
		if b := l.batches[n-1]; len(b.items) < batchRecords && len(b.text)+size <= batchBytes {
			return b
		}
	}
	b := batches.Get().(*batch)
	l.batches = append(l.batches, b)
	return b
}

func (l *lane) isFailing() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.failing
}

func (l *lane) setFailing(v bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failing = v
	if !v {
		return
	}
	for _, b := range l.batches {
		l.f.window.add(-int64(len(b.text)))
		b.forget()
	}
}

// forget leaves the places alone.
func (b *batch) forget() {
	b.text = nil
	for i := range b.items {
		b.items[i].to = 0
	}
}

// take removes the next batch; nil: there is none.
func (l *lane) take() *batch {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.batches) == 0 {
		return nil
	}
	b := l.batches[0]
	l.batches = slices.Delete(l.batches, 0, 1)
	l.f.window.add(-int64(len(b.text)))
	return b
}

func (l *lane) run(ctx context.Context) {
	for {
		if b := l.take(); b != nil {
			runtime.Gosched() // calls go first
			began, n := time.Now(), len(b.items)
			if !l.deliver(ctx, b) {
				return
			}
			if n < batchRecords {
				sleep(ctx, pace-time.Since(began))
			}
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-l.wake:
		}
	}
}

// deliver sends a batch, for as long as it takes. false: ctx ended.
func (l *lane) deliver(ctx context.Context, b *batch) bool {
	again := true
	for rest := b.items; len(rest) > 0; {
		spooled, n := l.load(b, rest)
		smooth, err := l.persist(ctx, spooled)
		if err != nil {
			return false
		}
		numbers := make([]uint64, n)
		for i := range numbers {
			numbers[i] = rest[i].number
		}
		l.f.track.finish(numbers)
		rest, again = rest[n:], again && smooth
	}
	if again {
		b.items, b.text = b.items[:0], b.text[:0]
		batches.Put(b) // a request that failed may still be under way with its memory
	}
	return true
}

// load gives as many events as fit a request, and how many items they are; what left memory is read again.
func (l *lane) load(b *batch, items []item) (spooled [][]byte, n int) {
	size := 0
	spooled = make([][]byte, 0, len(items))
	for _, it := range items {
		payload, err := l.payload(b, it)
		if err != nil {
			l.f.lost(err)
			n++
			continue
		}
		if size += len(payload); len(spooled) > 0 && size > batchBytes {
			break
		}
		n++
		spooled = append(spooled, payload)
	}
	return spooled, n
}

func (l *lane) payload(b *batch, it item) ([]byte, error) {
	if it.to > 0 {
		return b.text[it.from:it.to], nil
	}
	rec, err := l.f.spool.ReadAt(it.at)
	return rec.Payload, err
}

// persist sends events until the broker has them, or has them as dead letters; smooth: at the first attempt. The error is
// ctx's.
func (l *lane) persist(ctx context.Context, spooled [][]byte) (smooth bool, err error) {
	smooth = true
	wait := backoffFirst
	for len(spooled) > 0 {
		err := l.f.send(ctx, l.topic, l.partition, spooled)
		if err == nil {
			l.recovered()
			return smooth, nil
		}
		smooth = false
		switch {
		case ctx.Err() != nil:
			return false, ctx.Err()
		case poison(err) && len(spooled) > 1: // one of them, or all together
			half := len(spooled) / 2
			if _, err := l.persist(ctx, spooled[:half]); err != nil {
				return false, err
			}
			spooled = spooled[half:]
		case poison(err):
			return false, l.bury(ctx, spooled[0], err)
		default:
			l.refused(err)
			if !sleep(ctx, wait) {
				return false, ctx.Err()
			}
			wait = min(2*wait, backoffMost)
		}
	}
	return smooth, nil
}

// bury puts an event that the broker will never take into the dead letters.
func (l *lane) bury(ctx context.Context, spooled []byte, cause error) error {
	f, err := decodeFields(spooled)
	if err != nil {
		return nil // it was read before
	}
	l.f.poisoned.Add(1)
	l.f.log.Error("the broker refuses an event for good; it goes to the dead letters", "topic", l.topic, "err", cause)
	var m message
	m.fill(&f)
	letter := dead(m, deadLetter{Topic: l.topic, Partition: l.partition, Offset: -1, Err: cause})
	return l.f.letters.put(ctx, l.topic+DLQSuffix, letter)
}

func (l *lane) refused(err error) {
	l.f.retries.Add(1)
	if l.isFailing() {
		return
	}
	l.setFailing(true)
	l.f.log.Warn("the event log refuses events; they wait in the spool", "topic", l.topic, "partition", l.partition, "err", err)
}

func (l *lane) recovered() {
	if !l.isFailing() {
		return
	}
	l.setFailing(false)
	l.f.log.Info("the event log takes events again", "topic", l.topic, "partition", l.partition)
}

func tooLarge(err error) bool {
	return errors.Is(err, kafka.MessageSizeTooLarge) || errors.Is(err, kafka.RecordListTooLarge)
}

// poison: errors that one record will meet every time.
func poison(err error) bool {
	return tooLarge(err) || errors.Is(err, kafka.InvalidRecord) || errors.Is(err, kafka.InvalidTimestamp)
}

// produce sends records to one partition and waits until all in-sync replicas have them.
func (c *client) produce(ctx context.Context, topic string, partition int, records kafka.RecordReader) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	res, err := c.Produce(ctx, &kafka.ProduceRequest{Topic: topic, Partition: partition, RequiredAcks: kafka.RequireAll, Records: records})
	if err != nil {
		return err
	}
	if res.Error != nil {
		return fmt.Errorf("topic %s partition %d: %w", topic, partition, res.Error)
	}
	return nil
}
