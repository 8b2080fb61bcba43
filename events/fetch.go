package events

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

const (
	fetchBytes = 1 << 20
	fetchWait  = 500 * time.Millisecond // the broker answers at once when there is something
)

// cursor reads one partition in order.
type cursor struct {
	c         *client
	topic     string
	partition int
	next      int64 // offset of the next record
	end       int64 // high watermark of the last fetch
	skipped   int64 // records that the broker had already removed
}

// fetch gives the next records, waiting a while for the first. None is no error.
func (r *cursor) fetch(ctx context.Context, wait time.Duration) ([]message, error) {
	ctx, cancel := context.WithTimeout(ctx, wait+requestTimeout)
	defer cancel()
	res, err := r.c.Fetch(ctx, &kafka.FetchRequest{
		Topic: r.topic, Partition: r.partition, Offset: r.next, MinBytes: 1, MaxBytes: fetchBytes, MaxWait: wait,
	})
	if err == nil {
		err = res.Error
	}
	if errors.Is(err, kafka.OffsetOutOfRange) {
		return nil, r.backInRange(ctx)
	}
	if err != nil {
		return nil, err
	}
	r.end = res.HighWatermark
	return r.collect(res.Records)
}

// backInRange goes to the first record there is: those before it expired, or the log was made anew.
func (r *cursor) backInRange(ctx context.Context) error {
	first, err := r.c.offset(ctx, r.topic, r.partition, kafka.FirstOffset, time.Time{})
	if err != nil {
		return err
	}
	if first > r.next {
		r.skipped += first - r.next
	}
	r.next = first
	return nil
}

func (r *cursor) collect(records kafka.RecordReader) ([]message, error) {
	var out []message
	seen := false
	for {
		rec, err := records.ReadRecord()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("topic %s partition %d: %w", r.topic, r.partition, err)
		}
		seen = true
		m, err := r.copyOf(rec)
		if err != nil {
			return nil, err
		}
		if m.offset >= r.next { // a batch may begin before the offset that was asked for
			out = append(out, m)
			r.next = m.offset + 1
		}
	}
	if len(out) == 0 && (seen || onlyControl(records)) && r.next < r.end {
		r.next++ // a gap that compaction or a transaction left inside a batch
	}
	return out, nil
}

// onlyControl: batches came, but they hold no records for us.
func onlyControl(records kafka.RecordReader) bool {
	s, ok := records.(*protocol.RecordStream)
	return ok && len(s.Records) > 0
}

func (r *cursor) copyOf(rec *kafka.Record) (message, error) {
	m := message{topic: r.topic, partition: r.partition, offset: rec.Offset, time: rec.Time.UTC()}
	var err1, err2 error
	if rec.Key != nil {
		m.key, err1 = kafka.ReadAll(rec.Key)
		err1 = errors.Join(err1, rec.Key.Close())
	}
	if rec.Value != nil {
		m.value, err2 = kafka.ReadAll(rec.Value)
		err2 = errors.Join(err2, rec.Value.Close())
	}
	m.headers = append(m.headers, rec.Headers...)
	return m, errors.Join(err1, err2)
}
