package api

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/offhook/offhook/events"
)

// Feed reads the log once for all who watch it: it keeps the newest events and hands new ones to followers.
type Feed struct {
	most int

	mu        sync.Mutex
	recent    []events.Delivered
	followers map[chan events.Delivered]struct{}
}

// ErrSlow ends a follower that does not keep up.
var ErrSlow = errors.New("too slow for the stream of events")

// NewFeed keeps the newest so many events.
func NewFeed(most int) *Feed {
	return &Feed{most: most, followers: map[chan events.Delivered]struct{}{}}
}

// Take is given each event of the log.
func (f *Feed) Take(d events.Delivered) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.recent = append(f.recent, d)
	if len(f.recent) >= 2*f.most { // cut seldom, so that the copy is cheap
		f.recent = slices.Clone(f.recent[len(f.recent)-f.most:])
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

// Recent are the newest events, oldest first, at most n.
func (f *Feed) Recent(n int) []events.Delivered {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.recent[max(0, len(f.recent)-n):])
}

// Follow hands over events from now on until ctx ends, do errs, or the follower is too slow.
func (f *Feed) Follow(ctx context.Context, do func(events.Delivered) error) error {
	c := make(chan events.Delivered, 1024)
	f.mu.Lock()
	f.followers[c] = struct{}{}
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
