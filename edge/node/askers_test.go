package node

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestAskersAreUsedAgainAndEndWhenIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		p := &askers{do: func(asking) { <-release }}
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
		p := &askers{do: func(asking) { <-release }}
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
