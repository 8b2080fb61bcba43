package api

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/offhook/offhook/events"
)

func delivered(id string, at time.Time) events.Delivered {
	return events.Delivered{Event: events.Event{ID: id, Time: at}}
}

func ids(list []events.Delivered) []string {
	var all []string
	for _, d := range list {
		all = append(all, d.ID)
	}
	return all
}

// played is a log whose readings a test counts.
type played struct {
	began  chan time.Time
	end    chan error
	active atomic.Int32
}

func (p *played) read(ctx context.Context, since time.Time) error {
	p.active.Add(1)
	defer func() { p.active.Add(-1) }()
	p.began <- since
	select {
	case <-ctx.Done():
		return nil
	case err := <-p.end:
		return err
	}
}

func runFeed(t *testing.T, most int) (*Feed, *played) {
	t.Helper()
	f, p := NewFeed(most), &played{began: make(chan time.Time, 9), end: make(chan error)}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			_ = f.Run(ctx, p.read)
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
	return f, p
}

func TestALogThatNobodyWatchesIsNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, p := runFeed(t, 10)
		synctest.Wait()
		if p.active.Load() != 0 {
			t.Fatal("read before anybody looked")
		}
		f.Recent(1)
		synctest.Wait()
		if p.active.Load() != 1 {
			t.Fatal("not read although somebody looked")
		}
		if back := time.Since(<-p.began); back != feedBack {
			t.Errorf("read back %s, want %s", back, feedBack)
		}
		time.Sleep(feedIdle + feedIdle/5)
		synctest.Wait()
		if p.active.Load() != 0 {
			t.Error("still read long after the last look")
		}
		f.Recent(1)
		synctest.Wait()
		if p.active.Load() != 1 {
			t.Error("not read again at the next look")
		}
	})
}

func TestAFollowerKeepsTheLogBeingReadAndGetsOnlyWhatIsNew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, p := runFeed(t, 10)
		ctx, cancel := context.WithCancel(context.Background())
		var got []string
		done := make(chan error)
		go func() {
			done <- f.Follow(ctx, func(d events.Delivered) error { got = append(got, d.ID); return nil })
		}()
		synctest.Wait()
		now := time.Now()
		_ = f.Take(delivered("old", now.Add(-time.Second)))
		_ = f.Take(delivered("new", now.Add(time.Second)))
		time.Sleep(3 * feedIdle)
		synctest.Wait()
		if p.active.Load() != 1 {
			t.Error("no longer read while somebody follows")
		}
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Follow ended with %v", err)
		}
		if !slices.Equal(got, []string{"new"}) {
			t.Errorf("followed %v", got)
		}
		if all := ids(f.Recent(9)); !slices.Equal(all, []string{"old", "new"}) {
			t.Errorf("recent %v", all)
		}
	})
}

func TestAReadingThatFailsIsBegunAgainWithoutTellingFollowersTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, p := runFeed(t, 10)
		ctx, cancel := context.WithCancel(context.Background())
		var got []string
		done := make(chan error)
		go func() {
			done <- f.Follow(ctx, func(d events.Delivered) error { got = append(got, d.ID); return nil })
		}()
		synctest.Wait()
		first := delivered("1", time.Now())
		_ = f.Take(first)
		time.Sleep(time.Second)
		p.end <- errors.New("the broker went away")
		synctest.Wait()
		if p.active.Load() != 1 || len(p.began) != 2 {
			t.Fatalf("%d readings run, %d were begun", p.active.Load(), len(p.began))
		}
		_ = f.Take(first) // read back
		_ = f.Take(delivered("2", time.Now()))
		synctest.Wait()
		cancel()
		<-done
		if !slices.Equal(got, []string{"1", "2"}) {
			t.Errorf("followed %v", got)
		}
	})
}

func TestAFollowerThatDoesNotKeepUpIsEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, _ := runFeed(t, 10)
		block, done := make(chan struct{}), make(chan error)
		go func() {
			done <- f.Follow(context.Background(), func(events.Delivered) error { <-block; return nil })
		}()
		synctest.Wait()
		for range 3000 {
			_ = f.Take(delivered("x", time.Now()))
		}
		close(block)
		if err := <-done; !errors.Is(err, ErrSlow) {
			t.Errorf("Follow ended with %v", err)
		}
	})
}

func TestRecentAreTheNewestInOrder(t *testing.T) {
	f := NewFeed(3)
	for _, id := range []string{"1", "2", "3", "4", "5"} {
		_ = f.Take(delivered(id, time.Now()))
	}
	if got := ids(f.Recent(9)); !slices.Equal(got, []string{"3", "4", "5"}) {
		t.Errorf("recent %v", got)
	}
	if got := ids(f.Recent(2)); !slices.Equal(got, []string{"4", "5"}) {
		t.Errorf("recent two %v", got)
	}
}
