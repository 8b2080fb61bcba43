package node

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestAskersAreUsedAgainAndEndWhenIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		p := &askers{under: t.Context(), do: func(context.Context, asking) { <-release }}
		idle := func(want int) (last *asker) {
			t.Helper()
			synctest.Wait()
			p.mu.Lock()
			defer p.mu.Unlock()
			if len(p.idle) != want {
				t.Fatalf("%d idle, want %d", len(p.idle), want)
			}
			if want > 0 {
				last = p.idle[want-1]
			}
			return last
		}
		p.put(asking{})
		release <- struct{}{}
		first := idle(1)
		for range 5 {
			p.put(asking{})
			idle(0)
			release <- struct{}{}
			if idle(1) != first {
				t.Fatal("another goroutine")
			}
		}
		p.put(asking{})
		p.put(asking{})
		release <- struct{}{}
		idle(1)
		time.Sleep(askerIdle / 2)
		release <- struct{}{}
		idle(2)
		time.Sleep(askerIdle / 2)
		idle(1) // the younger one is kept
		time.Sleep(askerIdle)
		idle(0)
		p.put(asking{})
		release <- struct{}{}
		idle(1)
		p.stop()
	})
}

func TestStopWaitsForAskers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		p := &askers{under: t.Context(), do: func(context.Context, asking) { <-release }}
		p.put(asking{})
		p.put(asking{})
		release <- struct{}{} // one is idle now
		stopped := false
		go func() { p.stop(); stopped = true }()
		if synctest.Wait(); stopped {
			t.Error("it did not wait for an ask under way")
		}
		close(release)
		if synctest.Wait(); !stopped || len(p.idle) != 0 {
			t.Errorf("stopped: %t, %d idle", stopped, len(p.idle))
		}
	})
}

func TestOnlyTheAskThatIsMeantIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release, ended := make(chan struct{}), make(chan error, 1)
		p := &askers{under: t.Context(), do: func(ctx context.Context, _ asking) {
			select {
			case <-release:
			case <-ctx.Done():
			}
			ended <- ctx.Err()
		}}
		over := p.put(asking{})
		release <- struct{}{}
		if err := <-ended; err != nil {
			t.Error(err)
		}
		synctest.Wait()
		second := p.put(asking{})
		if second.at != over.at {
			t.Fatal("another goroutine")
		}
		over.giveUp()
		synctest.Wait()
		select {
		case err := <-ended:
			t.Fatalf("the ask after it ended: %v", err)
		default:
		}
		second.giveUp()
		if err := <-ended; err == nil {
			t.Error("not given up")
		}
		synctest.Wait()
		p.put(asking{})
		release <- struct{}{}
		if err := <-ended; err != nil {
			t.Errorf("the ask after one that was given up: %v", err)
		}
		p.stop()
	})
}
