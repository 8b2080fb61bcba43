package events

import (
	"context"
	"errors"
	"fmt"
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
	items   []item
	held    int64 // payload bytes in items
	failing bool
}

// item is an event on its way. Without payload it is read from the spool again when its turn comes.
type item struct {
	number  uint64
	at      spool.Pos
	payload []byte
}

func newLane(f *forwarder, topic string, partition int) *lane {
	return &lane{f: f, topic: topic, partition: partition, wake: make(chan struct{}, 1)}
}

// push adds an item. While the broker refuses this partition only the places are kept, so that others can go on.
func (l *lane) push(it item) {
	l.mu.Lock()
	if l.failing {
		it.payload = nil
	}
	l.items = append(l.items, it)
	l.held += int64(len(it.payload))
	l.f.window.add(int64(len(it.payload)))
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
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
	for i := range l.items {
		l.items[i].payload = nil
	}
	l.f.window.add(-l.held)
	l.held = 0
}

// take removes the next batch.
func (l *lane) take() []item {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, size := 0, 0
	for n < len(l.items) && n < batchRecords {
		size += len(l.items[n].payload)
		if n > 0 && size > batchBytes {
			break
		}
		n++
	}
	batch := append([]item(nil), l.items[:n]...)
	clear(l.items[:n])
	if l.items = l.items[n:]; len(l.items) == 0 {
		l.items = nil
	}
	var freed int64
	for _, it := range batch {
		freed += int64(len(it.payload))
	}
	if freed > 0 {
		l.held -= freed
		l.f.window.add(-freed)
	}
	return batch
}

func (l *lane) run(ctx context.Context) {
	for {
		batch := l.take()
		if len(batch) > 0 {
			began := time.Now()
			if !l.deliver(ctx, batch) {
				return
			}
			if len(batch) < batchRecords {
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
func (l *lane) deliver(ctx context.Context, batch []item) bool {
	for len(batch) > 0 {
		records, n, err := l.load(batch)
		if err == nil {
			err = l.persist(ctx, records)
		}
		if err != nil {
			return false
		}
		numbers := make([]uint64, n)
		for i := range numbers {
			numbers[i] = batch[i].number
		}
		l.f.track.finish(numbers)
		batch = batch[n:]
	}
	return true
}

// load makes records of as many items as fit a batch; what left memory is read again.
func (l *lane) load(batch []item) (records []message, n int, err error) {
	size := 0
	records = make([]message, 0, len(batch))
	for _, it := range batch {
		payload := it.payload
		if payload == nil {
			rec, err := l.f.spool.ReadAt(it.at)
			if err != nil {
				l.f.lost(err)
				n++
				continue
			}
			payload = rec.Payload
		}
		if size += len(payload); n > 0 && size > batchBytes {
			break
		}
		n++
		if e, err := decodeEvent(payload); err != nil {
			l.f.lost(err)
		} else {
			records = append(records, e.message())
		}
	}
	return records, n, nil
}

// persist sends records until the broker has them, or has them as dead letters. The error is ctx's.
func (l *lane) persist(ctx context.Context, records []message) error {
	wait := backoffFirst
	for len(records) > 0 {
		err := l.f.send(ctx, l.topic, l.partition, records)
		switch {
		case err == nil:
			l.recovered()
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case tooLarge(err) && len(records) > 1:
			half := len(records) / 2
			if err := l.persist(ctx, records[:half]); err != nil {
				return err
			}
			records = records[half:]
		case poison(err):
			return l.bury(ctx, records[0], err)
		default:
			l.refused(err)
			if !sleep(ctx, wait) {
				return ctx.Err()
			}
			wait = min(2*wait, backoffMost)
		}
	}
	return nil
}

// bury puts a record that the broker will never take into the dead letters.
func (l *lane) bury(ctx context.Context, m message, cause error) error {
	l.f.poisoned.Add(1)
	l.f.log.Error("the broker refuses an event for good; it goes to the dead letters", "topic", l.topic, "err", cause)
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

// produce sends one batch to one partition and waits until all in-sync replicas have it.
func (c *client) produce(ctx context.Context, topic string, partition int, records []message) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	out := make([]kafka.Record, len(records))
	for i := range records {
		out[i] = records[i].record()
	}
	res, err := c.Produce(ctx, &kafka.ProduceRequest{
		Topic: topic, Partition: partition, RequiredAcks: kafka.RequireAll, Records: kafka.NewRecordReader(out...),
	})
	if err != nil {
		return err
	}
	if res.Error != nil {
		return fmt.Errorf("topic %s partition %d: %w", topic, partition, res.Error)
	}
	return nil
}
