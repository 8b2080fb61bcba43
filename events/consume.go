package events

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/segmentio/kafka-go"
)

// Start is where a group begins that has not yet read a partition.
type Start int

// Starts.
const (
	Earliest Start = iota
	Latest
)

// ConsumerConfig is how to consume as a member of a group.
type ConsumerConfig struct {
	Kafka      Kafka
	Group      string
	Topics     []string      // default: TopicCalls
	Types      []string      // event types wanted, with "offhook."; "offhook.leg.*" is all that begin so; empty: all
	Tries      int           // attempts before an event goes to the dead letters; 0: 5
	Backoff    time.Duration // before the second attempt, doubled for each further up to MaxBackoff; 0: 200 ms
	MaxBackoff time.Duration // 0: 10 s
	Start      Start
	Drain      time.Duration // how long a handler may go on after ctx ended or the partition moved; 0: 5 s
	Logger     *slog.Logger  // nil: none
	Metrics    *ConsumerMetrics
	Assigned   func(partitions int) // called whenever this member has partitions and knows where it goes on; may be nil
}

// ConsumerMetrics counts what a consumer does; it may be read at any time.
type ConsumerMetrics struct {
	Handled atomic.Uint64 // events handled
	Retried atomic.Uint64 // attempts that failed and were tried again
	Dead    atomic.Uint64 // events sent to the dead letters
	Skipped atomic.Uint64 // events of types that are not wanted
	Expired atomic.Uint64 // events that the broker removed before they were read
	Commits atomic.Uint64

	mu     sync.Mutex
	inHand map[place]time.Time // when the event that is being handled came into the log
}

// place is one partition.
type place struct {
	topic     string
	partition int
}

// Lag is how long ago the oldest event in hand came into the log; 0: none is in hand.
func (m *ConsumerMetrics) Lag() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	var most time.Duration
	for _, at := range m.inHand {
		most = max(most, time.Since(at))
	}
	return most
}

func (m *ConsumerMetrics) take(p place, at time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.inHand == nil {
		m.inHand = map[place]time.Time{}
	}
	m.inHand[p] = at
}

func (m *ConsumerMetrics) letGo(p place) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.inHand, p)
}

func (c ConsumerConfig) withDefaults() ConsumerConfig {
	if len(c.Topics) == 0 {
		c.Topics = []string{TopicCalls}
	}
	c.Tries = orDefault(c.Tries, 5)
	c.Backoff = orDefault(c.Backoff, 200*time.Millisecond)
	c.MaxBackoff = orDefault(c.MaxBackoff, 10*time.Second)
	c.Drain = orDefault(c.Drain, 5*time.Second)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Metrics == nil {
		c.Metrics = &ConsumerMetrics{}
	}
	if c.Assigned == nil {
		c.Assigned = func(int) {}
	}
	return c
}

func orDefault[T int | time.Duration](v, fallback T) T {
	if v > 0 {
		return v
	}
	return fallback
}

// wants tells whether an event type is asked for.
func (c *ConsumerConfig) wants(eventType string) bool { return wantsType(c.Types, eventType) }

func wantsType(types []string, eventType string) bool {
	return len(types) == 0 || slices.ContainsFunc(types, func(t string) bool {
		prefix, any := strings.CutSuffix(t, "*")
		return t == eventType || any && strings.HasPrefix(eventType, prefix)
	})
}

// Consume handles events as a member of a group until ctx ends: each event at least once, those of one partition in
// order, partitions side by side. A handler's error is tried again; after Tries, or when the record is no event of
// ours, it goes to TOPIC.dlq and the next one is handled. When ctx ends, handlers that run may finish within Drain and
// what they did is committed. A broker that is away is waited for.
// It returns nil when ctx ended, else an error that trying again does not mend: wrong configuration, login or rights.
func Consume(ctx context.Context, cfg ConsumerConfig, h Handler) error {
	cfg = cfg.withDefaults()
	if cfg.Group == "" {
		return errors.New("consumer: no group")
	}
	c, err := cfg.Kafka.open()
	if err != nil {
		return err
	}
	defer c.Close()
	topics := slices.Clone(cfg.Topics)
	for _, t := range cfg.Topics {
		topics = append(topics, t+DLQSuffix)
	}
	if err := c.awaitTopics(ctx, cfg.Logger, topics...); err != nil {
		return unlessOver(ctx, fmt.Errorf("consumer %s: %w", cfg.Group, err))
	}
	group, err := kafka.NewConsumerGroup(groupConfig(cfg, c))
	if err != nil {
		return fmt.Errorf("consumer %s: %w", cfg.Group, err)
	}
	m := &member{cfg: cfg, c: c, handle: h, letters: &letterBox{c: c, log: cfg.Logger}}
	err = m.generations(ctx, group)
	m.leave(group)
	return err
}

// unlessOver: the end of ctx is no error.
func unlessOver(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func groupConfig(cfg ConsumerConfig, c *client) kafka.ConsumerGroupConfig {
	start := kafka.FirstOffset
	if cfg.Start == Latest {
		start = kafka.LastOffset
	}
	return kafka.ConsumerGroupConfig{
		ID: cfg.Group, Brokers: cfg.Kafka.Brokers, Dialer: c.dialer, Topics: cfg.Topics, StartOffset: start,
		HeartbeatInterval: time.Second, SessionTimeout: 10 * time.Second, RebalanceTimeout: 10 * time.Second,
		JoinGroupBackoff: 250 * time.Millisecond, WatchPartitionChanges: true, PartitionWatchInterval: 5 * time.Second,
		// Range would give the first member the odd partition of every topic.
		GroupBalancers: []kafka.GroupBalancer{kafka.RoundRobinGroupBalancer{}, kafka.RangeGroupBalancer{}},
	}
}

// member is this process in the group.
type member struct {
	cfg     ConsumerConfig
	c       *client
	handle  Handler
	letters *letterBox
	current *generation
}

func (m *member) generations(ctx context.Context, group *kafka.ConsumerGroup) error {
	told := ""
	for {
		gen, err := group.Next(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil:
			told = ""
			m.current = startGeneration(ctx, m, gen)
		case hopeless(err):
			return fmt.Errorf("consumer %s: %w", m.cfg.Group, err)
		case err.Error() != told:
			// On a fresh broker the first join always fails, the offsets topic is being made (error 15).
			told = err.Error()
			m.cfg.Logger.Info("joining the group again", "group", m.cfg.Group, "err", err)
		}
	}
}

// leave ends the membership. Closing waits for the broker's answer to a join, which may take as long as a rebalance;
// after the handlers are done nothing is worth that wait.
func (m *member) leave(group *kafka.ConsumerGroup) {
	left := make(chan struct{})
	go func() {
		defer close(left)
		_ = group.Close() // it always gives nil
	}()
	if m.current != nil {
		m.current.workers.Wait()
	}
	t := time.NewTimer(time.Second)
	defer t.Stop()
	select {
	case <-left:
	case <-t.C:
		m.c.conns.breakAll()
		<-left
	}
}
