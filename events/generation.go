package events

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
)

// generation is the time between two rebalances. A function given to it that returns ends it for all partitions,
// so each stays until the generation's context ends.
type generation struct {
	*member
	gen     *kafka.Generation
	workers sync.WaitGroup
	placed  sync.WaitGroup // workers that do not know yet where to begin
	wake    chan struct{}

	mu      sync.Mutex
	pending map[string]map[int]int64
}

func startGeneration(ctx context.Context, m *member, gen *kafka.Generation) *generation {
	g := &generation{member: m, gen: gen, wake: make(chan struct{}, 1), pending: map[string]map[int]int64{}}
	n := 0
	for _, partitions := range gen.Assignments {
		n += len(partitions)
	}
	g.workers.Add(n)
	g.placed.Add(n)
	for topic, partitions := range gen.Assignments {
		for _, p := range partitions {
			cur := &cursor{c: m.c, topic: topic, partition: p.ID, next: p.Offset}
			gen.Start(func(over context.Context) {
				g.work(ctx, over, cur)
				<-over.Done()
			})
		}
	}
	gen.Start(func(over context.Context) { g.commitLoop(over, n) })
	m.cfg.Logger.Debug("partitions assigned", "group", m.cfg.Group, "partitions", n, "generation", gen.ID)
	return g
}

// work handles one partition until the generation or ctx ends.
func (g *generation) work(ctx, over context.Context, cur *cursor) {
	defer g.workers.Done()
	fetching, stop := context.WithCancel(over)
	defer stop()
	defer context.AfterFunc(ctx, stop)()
	handling, abort := context.WithCancel(context.WithoutCancel(ctx))
	defer abort()
	defer context.AfterFunc(fetching, func() { // the handler that runs may finish
		if sleep(handling, g.cfg.Drain) {
			abort()
		}
	})()
	ok := g.begin(fetching, cur)
	if g.placed.Done(); !ok {
		return
	}
	for wait := backoffFirst; fetching.Err() == nil; {
		skipped := cur.skipped
		batch, err := cur.fetch(fetching, fetchWait)
		if n := cur.skipped - skipped; n > 0 {
			g.cfg.Metrics.Expired.Add(uint64(n))
			g.cfg.Logger.Warn("events expired before they were read", "group", g.cfg.Group, "topic", cur.topic, "partition", cur.partition, "events", n)
		}
		if err != nil {
			if fetching.Err() == nil && wait == backoffFirst {
				g.cfg.Logger.Info("reading again", "group", g.cfg.Group, "topic", cur.topic, "partition", cur.partition, "err", err)
			}
			sleep(fetching, wait)
			wait = min(2*wait, backoffMost)
			continue
		}
		wait = backoffFirst
		g.handleAll(fetching, handling, batch)
		g.cfg.Metrics.letGo(place{cur.topic, cur.partition})
	}
}

// begin finds the first offset. Where a group begins at the end, that place is committed at once:
// else what comes before its first commit would be skipped by the next rebalance.
func (g *generation) begin(ctx context.Context, cur *cursor) bool {
	for ; cur.next < 0; sleep(ctx, backoffFirst) {
		if ctx.Err() != nil {
			return false
		}
		off, err := g.c.offset(ctx, cur.topic, cur.partition, cur.next, time.Time{})
		if err == nil {
			cur.next = off
			g.processed(cur.topic, cur.partition, off)
			return true
		}
	}
	return true
}

// handleAll stops between events when the generation ends.
func (g *generation) handleAll(fetching, handling context.Context, batch []message) {
	for i := range batch {
		g.cfg.Metrics.take(place{batch[i].topic, batch[i].partition}, batch[i].time)
		if fetching.Err() != nil || !g.handleOne(fetching, handling, &batch[i]) {
			return
		}
		g.processed(batch[i].topic, batch[i].partition, batch[i].offset+1)
	}
}

// handleOne sees an event through: handled, not wanted, or a dead letter. false: not yet, the generation ended first.
func (g *generation) handleOne(fetching, handling context.Context, m *message) bool {
	d, err := m.delivered()
	if err != nil {
		return g.bury(handling, m, 1, err)
	}
	if !g.cfg.wants(d.Type) || !g.meant(m) {
		g.cfg.Metrics.Skipped.Add(1)
		return true
	}
	for wait := g.cfg.Backoff; ; wait = min(2*wait, g.cfg.MaxBackoff) {
		if err = g.call(handling, d); err == nil {
			g.cfg.Metrics.Handled.Add(1)
			return true
		}
		if handling.Err() != nil {
			return false
		}
		if d.Attempt >= g.cfg.Tries {
			return g.bury(handling, m, d.Attempt, err)
		}
		g.cfg.Metrics.Retried.Add(1)
		g.cfg.Logger.Info("an event is tried again", "group", g.cfg.Group, "event", d.ID, "type", d.Type, "attempt", d.Attempt, "err", err)
		d.Attempt++
		if !sleep(fetching, wait) {
			return false
		}
	}
}

// meant: a dead letter that was put back is for the group it came from.
func (g *generation) meant(m *message) bool {
	group := m.header(hdrReplayGroup)
	return group == "" || group == g.cfg.Group
}

func (g *generation) call(ctx context.Context, d Delivered) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("handler panicked: %v\n%s", p, debug.Stack())
		}
	}()
	return g.handle(ctx, d)
}

func (g *generation) bury(ctx context.Context, m *message, attempts int, cause error) bool {
	letter := dead(*m, deadLetter{
		Topic: m.topic, Partition: m.partition, Offset: m.offset, Group: g.cfg.Group, Attempts: attempts, Err: cause,
	})
	if g.letters.put(ctx, m.topic+DLQSuffix, letter) != nil {
		return false
	}
	g.cfg.Metrics.Dead.Add(1)
	g.cfg.Logger.Error("an event went to the dead letters", "group", g.cfg.Group, "topic", m.topic, "partition", m.partition,
		"offset", m.offset, "event", m.header(hdrID), "err", cause)
	return true
}

// processed notes how far a partition is; the commit loop takes what has gathered while the last commit ran.
func (g *generation) processed(topic string, partition int, next int64) {
	g.mu.Lock()
	t := g.pending[topic]
	if t == nil {
		t = map[int]int64{}
		g.pending[topic] = t
	}
	t[partition] = next
	g.mu.Unlock()
	select {
	case g.wake <- struct{}{}:
	default:
	}
}

// commitLoop commits as the workers go on, and once more when they are done.
func (g *generation) commitLoop(over context.Context, partitions int) {
	g.placed.Wait()
	for first := true; ; first = false {
		if err := g.commit(); err != nil {
			if !errors.Is(err, kafka.RebalanceInProgress) {
				g.cfg.Logger.Info("a commit failed; joining the group again", "group", g.cfg.Group, "err", err)
			}
			return // ends the generation: without commits its work would be lost to the next one
		}
		if first {
			g.cfg.Assigned(partitions)
		}
		select {
		case <-g.wake:
		case <-over.Done():
			g.workers.Wait()
			if err := g.commit(); err != nil {
				g.cfg.Logger.Info("the last commit failed; some events will be handled again", "group", g.cfg.Group, "err", err)
			}
			return
		}
	}
}

func (g *generation) commit() error {
	g.mu.Lock()
	offsets := g.pending
	g.pending = map[string]map[int]int64{}
	g.mu.Unlock()
	if len(offsets) == 0 {
		return nil
	}
	if err := g.gen.CommitOffsets(offsets); err != nil {
		return err
	}
	g.cfg.Metrics.Commits.Add(1)
	return nil
}
