package events

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"
)

// replayGroup remembers how far the dead letters were put back.
const replayGroup = "offhook.replay"

// ReplayConfig is which dead letters to put back.
type ReplayConfig struct {
	Topic  string // of the dead letters; default TopicCalls + DLQSuffix
	Group  string // only those of this consumer group; empty: all
	All    bool   // also those that were put back before
	DryRun bool   // only count
	Logger *slog.Logger
}

// Replay puts the dead letters that are there now back into their topic, in order, and tells how many. A letter that
// a group could not handle is meant for that group alone; others pass over it. How far it came is remembered at the
// broker, for each Group by itself, so that the next Replay goes on from there.
// A letter whose data was cut is logged and passed over. Errors: ctx ended, or the broker refuses.
func Replay(ctx context.Context, k Kafka, cfg ReplayConfig) (int, error) {
	if cfg.Topic == "" {
		cfg.Topic = TopicCalls + DLQSuffix
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	target, ok := strings.CutSuffix(cfg.Topic, DLQSuffix)
	if !ok {
		return 0, fmt.Errorf("replay: %s holds no dead letters; their topics end in %s", cfg.Topic, DLQSuffix)
	}
	c, err := k.open()
	if err != nil {
		return 0, err
	}
	defer c.Close()
	r := &replayer{cfg: cfg, c: c, target: target, group: replayGroup}
	if cfg.Group != "" {
		r.group += "." + cfg.Group
	}
	return r.run(ctx)
}

type replayer struct {
	cfg    ReplayConfig
	c      *client
	target string
	group  string
	count  int
}

func (r *replayer) run(ctx context.Context) (int, error) {
	if err := r.c.ensure(ctx, r.target, r.cfg.Topic); err != nil {
		return 0, err
	}
	n, err := r.c.partitions(ctx, r.cfg.Topic)
	for p := 0; err == nil && p < n; p++ {
		err = r.partition(ctx, p)
	}
	return r.count, err
}

func (r *replayer) partition(ctx context.Context, partition int) error {
	end, err := r.c.offset(ctx, r.cfg.Topic, partition, kafka.LastOffset, time.Time{})
	if err != nil {
		return err
	}
	cur := &cursor{c: r.c, topic: r.cfg.Topic, partition: partition}
	if cur.next, err = r.begin(ctx, partition); err != nil {
		return err
	}
	for cur.next < end {
		batch, err := cur.fetch(ctx, fetchWait)
		if err != nil {
			return err
		}
		if len(batch) == 0 && cur.next >= cur.end {
			return nil
		}
		if err := r.putBack(ctx, batch, end); err != nil {
			return err
		}
		if err := r.remember(ctx, partition, min(cur.next, end)); err != nil {
			return err
		}
	}
	return nil
}

// begin is the first letter that was not put back before.
func (r *replayer) begin(ctx context.Context, partition int) (int64, error) {
	first, err := r.c.offset(ctx, r.cfg.Topic, partition, kafka.FirstOffset, time.Time{})
	if err != nil || r.cfg.All {
		return first, err
	}
	var saved int64
	err = r.patiently(ctx, func(ctx context.Context) error {
		res, err := r.c.OffsetFetch(ctx, &kafka.OffsetFetchRequest{
			GroupID: r.group, Topics: map[string][]int{r.cfg.Topic: {partition}},
		})
		if err == nil {
			err = res.Error
		}
		if err != nil {
			return ignore(err, kafka.GroupIdNotFound) // nothing was put back yet
		}
		for _, p := range res.Topics[r.cfg.Topic] {
			if saved = p.CommittedOffset; p.Error != nil {
				return p.Error
			}
		}
		return nil
	})
	return max(first, saved), err
}

func ignore(err, harmless error) error {
	if errors.Is(err, harmless) {
		return nil
	}
	return err
}

func (r *replayer) remember(ctx context.Context, partition int, next int64) error {
	if r.cfg.DryRun {
		return nil
	}
	return r.patiently(ctx, func(ctx context.Context) error {
		res, err := r.c.OffsetCommit(ctx, &kafka.OffsetCommitRequest{
			GroupID: r.group, GenerationID: -1, // no member: a plain note
			Topics: map[string][]kafka.OffsetCommit{r.cfg.Topic: {{Partition: partition, Offset: next}}},
		})
		if err != nil {
			return err
		}
		for _, p := range res.Topics[r.cfg.Topic] {
			err = errors.Join(err, p.Error)
		}
		return err
	})
}

// patiently tries again while the broker looks for the group's coordinator, which a fresh one does at first.
func (r *replayer) patiently(ctx context.Context, try func(context.Context) error) error {
	for wait := backoffFirst; ; wait = min(2*wait, backoffMost) {
		attempt, cancel := context.WithTimeout(ctx, requestTimeout)
		err := try(attempt)
		cancel()
		var k kafka.Error
		if err == nil || !errors.As(err, &k) || !k.Temporary() || wait == backoffMost || !sleep(ctx, wait) {
			return err
		}
	}
}

func (r *replayer) putBack(ctx context.Context, batch []message, end int64) error {
	n, err := r.c.partitions(ctx, r.target)
	if err != nil {
		return err
	}
	p := newPartitioner(n)
	for i := range batch {
		m := batch[i]
		if m.offset >= end || !r.wanted(&m) {
			continue
		}
		r.count++
		if r.cfg.DryRun {
			continue
		}
		m.headers = restored(&m)
		if err := r.c.produce(ctx, r.target, p.pick(m.key), m.records()); err != nil {
			r.count--
			return fmt.Errorf("letter %d of %s: %w", batch[i].offset, r.cfg.Topic, err)
		}
	}
	return nil
}

func (r *replayer) wanted(m *message) bool {
	if r.cfg.Group != "" && m.header(hdrGroup) != r.cfg.Group {
		return false
	}
	if cut := m.header(hdrCut); cut != "" {
		r.cfg.Logger.Warn("a dead letter's data was too large to keep; it is not put back", "offset", m.offset, "bytes", cut)
		return false
	}
	return true
}

// restored gives the event's own headers, and whom it is meant for.
func restored(m *message) []kafka.Header {
	h := withoutPrefix(m.headers, hdrLetter)
	h = slices.DeleteFunc(h, func(h kafka.Header) bool { return h.Key == hdrReplayGroup })
	if group := m.header(hdrGroup); group != "" {
		h = append(h, kafka.Header{Key: hdrReplayGroup, Value: []byte(group)})
	}
	return h
}

// Letter is a dead letter: the event and what became of it.
type Letter struct {
	Delivered        // Topic, Partition and Offset are the letter's own; Event fields are empty where it was no event
	Origin    Origin // where it was, and whose handler failed
	Error     string
	At        time.Time // when it was given up
}

// Origin is where a dead letter comes from.
type Origin struct {
	Topic     string
	Partition int
	Offset    int64  // -1: it never got into its topic
	Group     string // empty: the forwarder could not send it
	Attempts  int
}

// Letters reads the dead letters that a topic holds now, oldest first in each partition, until fn gives an error.
func Letters(ctx context.Context, k Kafka, topic string, fn func(Letter) error) error {
	c, err := k.open()
	if err != nil {
		return err
	}
	defer c.Close()
	n, err := c.partitions(ctx, topic)
	for p := 0; err == nil && p < n; p++ {
		err = c.letters(ctx, topic, p, fn)
	}
	if errors.Is(err, ErrStop) {
		return nil
	}
	return err
}

func (c *client) letters(ctx context.Context, topic string, partition int, fn func(Letter) error) error {
	first, err1 := c.offset(ctx, topic, partition, kafka.FirstOffset, time.Time{})
	end, err2 := c.offset(ctx, topic, partition, kafka.LastOffset, time.Time{})
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	cur := &cursor{c: c, topic: topic, partition: partition, next: first}
	for cur.next < end {
		batch, err := cur.fetch(ctx, fetchWait)
		if err != nil {
			return err
		}
		if len(batch) == 0 && cur.next >= cur.end {
			return nil
		}
		for i := range batch {
			if err := fn(letterOf(&batch[i])); err != nil {
				return err
			}
		}
	}
	return nil
}

func letterOf(m *message) Letter {
	d, _ := m.delivered() // a letter may be there just because it is no event
	l := Letter{Delivered: d, Error: m.header(hdrError), Origin: Origin{Topic: m.header(hdrTopic), Group: m.header(hdrGroup)}}
	l.Origin.Partition, _ = strconv.Atoi(m.header(hdrPartition))
	l.Origin.Offset, _ = strconv.ParseInt(m.header(hdrOffset), 10, 64)
	l.Origin.Attempts, _ = strconv.Atoi(m.header(hdrAttempts))
	l.At, _ = time.Parse(time.RFC3339Nano, m.header(hdrAt))
	return l
}
