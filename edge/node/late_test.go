package node

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/offhook/offhook/edge/load"
)

func TestAWorkerThatStaysBehindRefusesNewCallsUntilItHasCaughtUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &Node{cfg: Config{Queue: 10, Calls: 10}}
		w := newWorker(n)
		handled := func(after time.Duration) bool {
			w.put(message{do: func() {}})
			time.Sleep(after)
			w.handle(w.take())
			_, full := n.full(w)
			return full
		}
		for i, tt := range []struct {
			after time.Duration
			full  bool
		}{{load.After, false}, {load.Patience - 1, false}, {load.After, true}, {time.Second, true}, {0, false}, {time.Second, false}} {
			if full := handled(tt.after); full != tt.full {
				t.Errorf("%d: full %v", i, full)
			}
		}
		handled(time.Second)
		if w.take(); w.full() {
			t.Error("behind with nothing to do")
		}
	})
}
