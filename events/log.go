package events

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/offhook/offhook/events/spool"
)

// Errors of Publish, beside ErrInvalid.
var (
	ErrSpoolFull = spool.ErrFull     // the bound is reached; the event was not taken
	ErrClosed    = spool.ErrClosed   // the log is shut down
	ErrTooLarge  = spool.ErrTooLarge // more than spool.MaxRecord bytes
)

// Config says where events wait and where they go.
type Config struct {
	Dir        string // the spool's folder; one process at a time
	Kafka      Kafka
	Logger     *slog.Logger      // nil: none
	MaxBytes   int64             // of the spool on disk; 0: 1 GiB
	QueueBytes int64             // in memory, waiting for the disk; 0: 32 MiB
	Grace      time.Duration     // how long Run still forwards after its ctx ended; 0: 3 s, negative: not at all
	Alarm      func(spool.Alarm) // called beside being logged; must not block
	// CreateSegment makes the spool's files; nil: the file system. Tests give a disk that fails.
	CreateSegment func(name string) (spool.File, error)
}

// Log is a process's way to the event log: Publish, a spool, one forwarder.
type Log struct {
	cfg   Config
	log   *slog.Logger
	spool *spool.Spool[Event]
	kafka *client
	fwd   *forwarder
	close func() error
}

// Open takes the spool's folder and repairs it; it does not connect yet.
// Errors: the folder is in use by another process or cannot be read, or the broker's address is wrong.
func Open(cfg Config) (*Log, error) {
	l := &Log{cfg: cfg, log: cfg.Logger}
	if l.log == nil {
		l.log = slog.New(slog.DiscardHandler)
	}
	if l.cfg.Grace == 0 {
		l.cfg.Grace = 3 * time.Second
	}
	k, err := cfg.Kafka.open()
	if err != nil {
		return nil, err
	}
	s, err := spool.Open(cfg.Dir, encodeEvent, eventSize, spool.Options{
		MaxBytes: cfg.MaxBytes, QueueBytes: cfg.QueueBytes, Create: cfg.CreateSegment, Alarm: l.alarm,
	})
	if err != nil {
		k.Close()
		return nil, fmt.Errorf("event spool: %w", err)
	}
	l.spool, l.kafka, l.fwd = s, k, newForwarder(s, k, l.log)
	l.close = sync.OnceValue(func() error {
		k.Close()
		return s.Close()
	})
	return l, nil
}

func (l *Log) alarm(a spool.Alarm) {
	if a.Cleared {
		l.log.Info("over: "+a.Meaning(), "alarm", a.Code)
	} else {
		l.log.Error(a.Meaning(), "alarm", a.Code, "err", a.Err)
	}
	if l.cfg.Alarm != nil {
		l.cfg.Alarm(a)
	}
}

// Publish takes an event without blocking and keeps nothing of Data. Missing topic, key and time become
// TopicCalls, the subject and now. Errors: ErrInvalid, ErrTooLarge, ErrSpoolFull, ErrClosed; the event was not taken.
func (l *Log) Publish(e Event) error {
	e.setDefaults()
	if err := e.Validate(); err != nil {
		return err
	}
	if !ownTopic(e.Topic) {
		return fmt.Errorf("%w: topic %q", ErrInvalid, e.Topic)
	}
	return l.spool.Put(e)
}

func (e *Event) setDefaults() {
	if e.Topic == "" {
		e.Topic = TopicCalls
	}
	if e.Key == "" {
		e.Key = e.Subject
	}
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
}

func ownTopic(t string) bool {
	return t == TopicCalls || t == TopicState
}

// Run writes and forwards until ctx ends, then writes what is left, forwards it for up to Grace, and gives the folder
// back. What was not forwarded is forwarded after the next Open. It is called once.
// The error says that events which Publish took could not be written.
func (l *Log) Run(ctx context.Context) error {
	forwarding, stop := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.fwd.run(forwarding)
	}()
	err := l.spool.Run(ctx)
	if l.cfg.Grace > 0 {
		grace, cancel := context.WithTimeout(forwarding, l.cfg.Grace)
		if l.Drain(grace) != nil {
			l.log.Warn("events are left in the spool; they are forwarded after the next start", "events", l.Stats().Backlog)
		}
		cancel()
	}
	stop()
	<-done
	l.fwd.savePlace()
	return errors.Join(err, l.close())
}

// Close gives the folder back when Run is never called. Afterwards, or called again, it does nothing.
func (l *Log) Close() error { return l.close() }

// Flush waits until every event that Publish took before is safe on the local disk. The error is ctx's.
func (l *Log) Flush(ctx context.Context) error { return l.spool.Flush(ctx) }

// Drain waits until every event that Publish took before is in Kafka. The error is ctx's.
func (l *Log) Drain(ctx context.Context) error {
	s := l.spool.Stats()
	target := uint64(s.Recovered) + s.Accepted
	for {
		_, done, _, changed := l.fwd.track.state()
		if done >= target {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-changed:
		}
	}
}

// Stats is a reading of the log's gauges and counters, since Open.
type Stats struct {
	Published uint64        // events taken
	Refused   uint64        // ErrSpoolFull
	Spooled   uint64        // of those taken, on the local disk
	Forwarded uint64        // in Kafka, with those found at Open
	Backlog   uint64        // taken or found, and not yet in Kafka
	Oldest    time.Time     // when the first event of the backlog happened; zero: nothing is on its way
	Lag       time.Duration // since Oldest
	Retries   uint64        // produce requests that failed and were tried again
	Poisoned  uint64        // events that the broker refuses for good, now dead letters
	Damaged   uint64        // events that could not be read from the spool
	Failures  uint64        // writes to the local disk that failed and were tried again
	DiskBytes int64
	Queued    int // events in memory, waiting for the disk
}

// Stats reads the gauges.
func (l *Log) Stats() Stats {
	s := l.spool.Stats()
	_, done, _, _ := l.fwd.track.state()
	out := Stats{
		Published: s.Accepted, Refused: s.Refused, Spooled: s.Written, Forwarded: done,
		Backlog: uint64(s.Recovered) + s.Accepted - min(done, uint64(s.Recovered)+s.Accepted),
		Retries: l.fwd.retries.Load(), Poisoned: l.fwd.poisoned.Load(), Damaged: l.fwd.damaged.Load(),
		Failures: s.Failures, DiskBytes: s.DiskBytes, Queued: s.Queued,
	}
	if ns := l.fwd.track.oldest(); ns != 0 {
		out.Oldest = time.Unix(0, ns)
	}
	if !s.Stuck.IsZero() && (out.Oldest.IsZero() || s.Stuck.Before(out.Oldest)) {
		out.Oldest = s.Stuck // what waits for the disk is not on its way yet
	}
	if !out.Oldest.IsZero() {
		out.Lag = time.Since(out.Oldest)
	}
	return out
}
