package events

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"
)

// Headers of a dead letter, beside those of the event itself.
const (
	hdrLetter      = "dlq_" // the prefix of all of them
	hdrError       = "dlq_error"
	hdrTopic       = "dlq_topic"
	hdrPartition   = "dlq_partition"
	hdrOffset      = "dlq_offset"
	hdrGroup       = "dlq_group"
	hdrAttempts    = "dlq_attempts"
	hdrAt          = "dlq_at"
	hdrCut         = "dlq_cut"      // the value was too large even for the dead letters; its length
	hdrReplayGroup = "replay_group" // on a replayed event: only this group needs it again
)

// deadLetter says why and from where. Offset -1: the event never got into its topic.
type deadLetter struct {
	Topic     string
	Partition int
	Offset    int64
	Group     string
	Attempts  int
	Err       error
}

const maxErrorText = 1024

// dead makes the dead letter of a record: its key, value and headers, and what happened.
func dead(m message, d deadLetter) message {
	headers := withoutPrefix(m.headers, hdrLetter)
	add := func(name, value string) {
		headers = append(headers, kafka.Header{Key: name, Value: []byte(value)})
	}
	add(hdrError, clip(d.Err.Error(), maxErrorText))
	add(hdrTopic, d.Topic)
	add(hdrPartition, strconv.Itoa(d.Partition))
	add(hdrOffset, strconv.FormatInt(d.Offset, 10))
	add(hdrAt, time.Now().UTC().Format(time.RFC3339Nano))
	if d.Group != "" {
		add(hdrGroup, d.Group)
		add(hdrAttempts, strconv.Itoa(d.Attempts))
	}
	m.headers = headers
	return m
}

func clip(s string, n int) string {
	s = strings.ToValidUTF8(s, "?")
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}

func withoutPrefix(headers []kafka.Header, prefix string) []kafka.Header {
	out := make([]kafka.Header, 0, len(headers)+8)
	for _, h := range headers {
		if !strings.HasPrefix(h.Key, prefix) {
			out = append(out, h)
		}
	}
	return out
}

// letterBox writes dead letters.
type letterBox struct {
	c   *client
	log *slog.Logger
}

// put writes a letter, for as long as it takes. The error is ctx's.
// A letter that is too large even for its own topic keeps its headers and loses its value; one that is too old for it is of
// today, and its headers say when the event was.
func (b *letterBox) put(ctx context.Context, topic string, m message) error {
	dated := false
	for wait := backoffFirst; ; wait = min(2*wait, backoffMost) {
		err := b.putOnce(ctx, topic, m)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, kafka.InvalidTimestamp) && !dated:
			m.time, dated = time.Now(), true
			continue
		case (tooLarge(err) || errors.Is(err, kafka.InvalidRecord)) && len(m.value) > len(cutValue):
			m.headers = append(m.headers, kafka.Header{Key: hdrCut, Value: []byte(strconv.Itoa(len(m.value)))})
			m.value = []byte(cutValue)
			continue
		case wait == backoffFirst:
			b.log.Warn("a dead letter cannot be written yet", "topic", topic, "err", err)
		}
		if !sleep(ctx, wait) {
			return ctx.Err()
		}
	}
}

// cutValue stands for a value that no topic would take.
const cutValue = `{"cut":true}`

func (b *letterBox) putOnce(ctx context.Context, topic string, m message) error {
	n, err := b.c.partitionsOrMake(ctx, topic)
	if err != nil {
		return err
	}
	return b.c.produce(ctx, topic, newPartitioner(n).pick(m.key), m.records())
}

// partitionsOrMake makes the topic when it is missing.
func (c *client) partitionsOrMake(ctx context.Context, topic string) (int, error) {
	if n, err := c.partitions(ctx, topic); err == nil {
		return n, nil
	}
	if err := c.ensure(ctx, topic); err != nil {
		return 0, err
	}
	return c.partitions(ctx, topic)
}
