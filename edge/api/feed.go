package api

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/offhook/offhook/events"
)

// Feed reads the log once for all who watch it: it keeps the newest events and hands new ones to followers.
// It reads only while somebody watches: an edge under load would else read back all that it writes, for nobody.
type Feed struct {
	most   int
	wanted chan struct{}

	mu        sync.Mutex
	ring      []events.Delivered // the newest, oldest at next once it is full
	next      int
	began     time.Time // what is older than this is for Recent only
	looked    time.Time // when Recent was asked last
	followers map[chan events.Delivered]struct{}
}

// Times of a feed that nobody has watched.
const (
	feedBack = time.Minute      // how far it reads back when somebody begins to watch
	feedIdle = 10 * time.Minute // and how long it goes on after the last look
)

// ErrSlow ends a follower that does not keep up.
var ErrSlow = errors.New("too slow for the stream of events")

// NewFeed keeps the newest so many events.
func NewFeed(most int) *Feed {
	return &Feed{most: most, wanted: make(chan struct{}, 1), followers: map[chan events.Delivered]struct{}{}}
}

// Run has read called while somebody watches, until ctx ends: read hands over the events since a time to Take until
// its own context ends.
func (f *Feed) Run(ctx context.Context, read func(ctx context.Context, since time.Time) error) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-f.wanted:
		}
		if err := f.watch(ctx, read); err != nil {
			return err
		}
	}
}

// watch reads until nobody watches any more (nil), ctx ends or read fails.
func (f *Feed) watch(ctx context.Context, read func(ctx context.Context, since time.Time) error) error {
	reading, stop := context.WithCancel(ctx)
	defer stop()
	done := make(chan error, 1)
	since := f.begin()
	go func() { done <- read(reading, since) }()
	idle := time.NewTicker(feedIdle / 10)
	defer idle.Stop()
	for {
		select {
		case err := <-done:
			f.again()
			return errors.Join(err, ctx.Err())
		case <-idle.C:
			if f.watched() {
				continue
			}
			stop()
			<-done //nolint:errcheck // it ends because it was told to
			return ctx.Err()
		}
	}
}

// begin forgets what is old: events between it and now may be missing.
func (f *Feed) begin() (since time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ring, f.next = nil, 0
	if f.began.IsZero() {
		f.began = time.Now()
	}
	return f.began.Add(-feedBack)
}

func (f *Feed) watched() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.followers) > 0 || time.Since(f.looked) < feedIdle {
		return true
	}
	f.began = time.Time{}
	return false
}

// again lets the next try serve whoever watches; followers have had what is older than now.
func (f *Feed) again() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.began = time.Now()
	f.want()
}

// want wakes Run; f.began is the time of the first who watches.
func (f *Feed) want() {
	select {
	case f.wanted <- struct{}{}:
	default:
	}
}

// Take is given each event of the log.
func (f *Feed) Take(d events.Delivered) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.keep(d)
	if d.Time.Before(f.began) {
		return nil
	}
	for c := range f.followers {
		select {
		case c <- d:
		default:
			delete(f.followers, c)
			close(c)
		}
	}
	return nil
}

func (f *Feed) keep(d events.Delivered) {
	if len(f.ring) < f.most {
		f.ring = append(f.ring, d)
		return
	}
	f.ring[f.next] = d
	f.next = (f.next + 1) % f.most
}

// Recent are the newest events, oldest first, at most n. When nobody has watched for long the first answer may be
// empty: the log is read back for a minute from then on.
func (f *Feed) Recent(n int) []events.Delivered {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.looked = time.Now()
	f.awake()
	all := slices.Concat(f.ring[f.next:], f.ring[:f.next])
	return all[max(0, len(all)-n):]
}

// awake is want for those who hold the lock.
func (f *Feed) awake() {
	if f.began.IsZero() {
		f.began = time.Now()
		f.want()
	}
}

// Follow hands over events from now on until ctx ends, do errs, or the follower is too slow.
func (f *Feed) Follow(ctx context.Context, do func(events.Delivered) error) error {
	c := make(chan events.Delivered, 1024)
	f.mu.Lock()
	f.followers[c] = struct{}{}
	f.awake()
	f.mu.Unlock()
	defer f.leave(c)
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case d, ok := <-c:
			if !ok {
				return ErrSlow
			}
			if err := do(d); err != nil {
				return err
			}
		}
	}
}

func (f *Feed) leave(c chan events.Delivered) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.followers, c)
}
