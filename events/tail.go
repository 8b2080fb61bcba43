package events

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
)

// From is where Tail begins.
type From int

// Froms.
const (
	FromEnd From = iota
	FromBeginning
	FromTime // Since
)

// ErrStop, given back by the function of Tail or State, ends it without error.
var ErrStop = errors.New("stop reading")

// TailConfig is what to follow.
type TailConfig struct {
	Topics []string // default: TopicCalls
	From   From
	Since  time.Time    // with FromTime
	CallID string       // only events with this key, from its one partition
	Types  []string     // as in ConsumerConfig
	Stop   bool         // end, with nil, at the end of the log as it is when reading gets there
	Ready  func()       // called once when the places are known: nothing published afterwards is missed; may be nil
	Logger *slog.Logger // nil: none
}

// Tail calls fn with events as they come, one at a time, without a group, until ctx ends (nil) or fn gives an error.
// Events of one key come in order; an event may come twice when a forwarder had to send it again.
// Records that are no events of ours are logged and passed over. A broker that is away is waited for.
// Errors: fn's, or one that waiting does not mend, as of a wrong login.
func Tail(ctx context.Context, k Kafka, cfg TailConfig, fn func(Delivered) error) error {
	if len(cfg.Topics) == 0 {
		cfg.Topics = []string{TopicCalls}
	}
	f, err := newFollower(k, cfg.Logger, fn)
	if err != nil {
		return err
	}
	defer f.c.Close()
	f.types, f.key = cfg.Types, cfg.CallID
	if err := f.c.awaitTopics(ctx, f.log, cfg.Topics...); err != nil {
		return unlessOver(ctx, err)
	}
	cursors, err := f.locate(ctx, cfg)
	if err != nil {
		return f.result(ctx, err)
	}
	if cfg.Ready != nil {
		cfg.Ready()
	}
	var caught func()
	if cfg.Stop {
		caught = func() { f.stop(ErrStop) }
	}
	return f.result(ctx, f.follow(ctx, cursors, caught))
}

// StateHandlers are what State calls, one at a time.
type StateHandlers struct {
	Record func(Delivered) error // Data nil: the key is gone; an error ends State
	Loaded func()                // called once, when Record has seen all that was there at the start; may be nil
	Logger *slog.Logger          // nil: none
}

// State hands over the newest event of each key of TopicState, older ones of a key perhaps before it, then what
// changes, until ctx ends (nil) or Record gives an error. A broker that is away is waited for.
func State(ctx context.Context, k Kafka, h StateHandlers) error {
	f, err := newFollower(k, h.Logger, h.Record)
	if err != nil {
		return err
	}
	defer f.c.Close()
	if err := f.c.awaitTopics(ctx, f.log, TopicState); err != nil {
		return unlessOver(ctx, err)
	}
	cursors, err := f.locate(ctx, TailConfig{Topics: []string{TopicState}, From: FromBeginning})
	if err != nil {
		return f.result(ctx, err)
	}
	if h.Loaded == nil {
		h.Loaded = func() {}
	}
	return f.result(ctx, f.follow(ctx, cursors, h.Loaded))
}

const maxCallEvents = 10_000

// Call reads the events of one call from the log, in order and each once; since, when given, is a time before the
// call began and saves reading from the log's beginning. It reads up to the end of the log as it is now, and at most
// 10,000 events. An unknown call has none. Errors: ctx ended, or the broker cannot be reached within 10 s.
func Call(ctx context.Context, k Kafka, callID string, since ...time.Time) ([]Delivered, error) {
	c, err := k.open()
	if err != nil {
		return nil, err
	}
	defer c.Close()
	from := TailConfig{Topics: []string{TopicCalls}, From: FromBeginning, CallID: callID}
	if len(since) > 0 && !since[0].IsZero() {
		from.From, from.Since = FromTime, since[0]
	}
	f := &follower{c: c, log: slog.New(slog.DiscardHandler)}
	placing, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	n, err := c.partitions(placing, TopicCalls)
	if err != nil {
		return nil, err
	}
	cur, err := f.place(placing, from, TopicCalls, newPartitioner(n).pick([]byte(callID)))
	if err != nil {
		return nil, err
	}
	end, err := c.offset(placing, TopicCalls, cur.partition, kafka.LastOffset, time.Time{})
	if err != nil {
		return nil, err
	}
	return f.readCall(ctx, cur, end, callID)
}

func (f *follower) readCall(ctx context.Context, cur *cursor, end int64, callID string) ([]Delivered, error) {
	var out []Delivered
	seen := map[string]bool{}
	for failures := 0; cur.next < end && len(out) < maxCallEvents; {
		batch, err := cur.fetch(ctx, fetchWait)
		if err != nil {
			if failures++; failures > 5 || !sleep(ctx, backoffFirst<<failures) {
				return nil, err
			}
			continue
		}
		if len(batch) == 0 && cur.next >= cur.end {
			break
		}
		for i := range batch {
			d, err := batch[i].delivered()
			if err != nil || d.Key != callID || seen[d.ID] {
				continue
			}
			seen[d.ID] = true
			out = append(out, d)
		}
	}
	return out[:min(len(out), maxCallEvents)], nil
}

// follower reads several partitions side by side and hands over one event at a time.
type follower struct {
	c     *client
	log   *slog.Logger
	types []string
	key   string

	mu   sync.Mutex // held while fn runs
	fn   func(Delivered) error
	stop context.CancelCauseFunc
}

func newFollower(k Kafka, log *slog.Logger, fn func(Delivered) error) (*follower, error) {
	c, err := k.open()
	if err != nil {
		return nil, err
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &follower{c: c, log: log, fn: fn}, nil
}

// result: the end of ctx and ErrStop are no errors.
func (f *follower) result(ctx context.Context, err error) error {
	if errors.Is(err, ErrStop) {
		return nil
	}
	return unlessOver(ctx, err)
}

// locate finds the first offset of every partition to read.
func (f *follower) locate(ctx context.Context, cfg TailConfig) ([]*cursor, error) {
	var out []*cursor
	for _, topic := range cfg.Topics {
		n, err := f.c.partitions(ctx, topic)
		if err != nil {
			return nil, err
		}
		for _, p := range wantedPartitions(n, cfg.CallID) {
			cur, err := f.place(ctx, cfg, topic, p)
			if err != nil {
				return nil, err
			}
			out = append(out, cur)
		}
	}
	return out, nil
}

func wantedPartitions(n int, key string) []int {
	p := newPartitioner(n)
	if key != "" {
		return []int{p.pick([]byte(key))}
	}
	return p.all
}

// place finds where to begin in a partition, for as long as it takes.
func (f *follower) place(ctx context.Context, cfg TailConfig, topic string, partition int) (*cursor, error) {
	cur := &cursor{c: f.c, topic: topic, partition: partition}
	which, at := kafka.LastOffset, time.Time{}
	switch cfg.From {
	case FromBeginning:
		which = kafka.FirstOffset
	case FromTime:
		at = cfg.Since
	}
	for wait := backoffFirst; ; wait = min(2*wait, backoffMost) {
		off, err := f.c.offset(ctx, topic, partition, which, at)
		if err == nil && off < 0 { // nothing is as new as that
			off, err = f.c.offset(ctx, topic, partition, kafka.LastOffset, time.Time{})
		}
		if err == nil {
			cur.next = off
			return cur, nil
		}
		if hopeless(err) || !sleep(ctx, wait) {
			return nil, err
		}
	}
}

// follow reads until ctx ends or fn gives an error. caught is called when every cursor has met the end once.
func (f *follower) follow(ctx context.Context, cursors []*cursor, caught func()) error {
	ctx, f.stop = context.WithCancelCause(ctx)
	defer f.stop(nil)
	var readers, behind sync.WaitGroup
	behind.Add(len(cursors))
	for _, cur := range cursors {
		readers.Go(func() { f.read(ctx, cur, sync.OnceFunc(behind.Done)) })
	}
	if caught != nil {
		readers.Go(func() {
			if behind.Wait(); ctx.Err() == nil {
				caught()
			}
		})
	}
	readers.Wait()
	return context.Cause(ctx)
}

func (f *follower) read(ctx context.Context, cur *cursor, caught func()) {
	defer caught()
	first := true
	for wait := backoffFirst; ctx.Err() == nil; {
		poll := fetchWait
		if first {
			poll = time.Millisecond // only to learn where the end is
		}
		batch, err := cur.fetch(ctx, poll)
		if err != nil {
			if ctx.Err() == nil && wait == backoffFirst {
				f.log.Info("reading again", "topic", cur.topic, "partition", cur.partition, "err", err)
			}
			sleep(ctx, wait)
			wait = min(2*wait, backoffMost)
			continue
		}
		wait, first = backoffFirst, false
		f.hand(ctx, batch)
		if cur.next >= cur.end || len(batch) == 0 {
			caught()
		}
	}
}

func (f *follower) hand(ctx context.Context, batch []message) {
	for i := range batch {
		d, err := batch[i].delivered()
		if err != nil {
			f.log.Info("a record is no event of ours", "topic", d.Topic, "partition", d.Partition, "offset", d.Offset, "err", err)
			continue
		}
		if f.key != "" && d.Key != f.key || !wantsType(f.types, d.Type) {
			continue
		}
		if !f.give(ctx, d) {
			return
		}
	}
}

func (f *follower) give(ctx context.Context, d Delivered) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if ctx.Err() != nil {
		return false
	}
	if err := f.fn(d); err != nil {
		f.stop(err)
		return false
	}
	return true
}
