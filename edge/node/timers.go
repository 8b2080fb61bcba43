package node

import (
	"container/heap"
	"time"
)

// timers are the calls' timers of one worker: a heap and one runtime timer.
type timers struct {
	heap    timerHeap
	next    *time.Timer
	started uint64
}

type timer struct {
	s    *session
	id   int
	do   func() // work of the worker's own, in place of a call's input
	at   time.Time
	slot int    // index in the heap, -1 when out of it
	nth  uint64 // of those due together the one started first fires first, so that runs repeat
}

func newTimers() timers {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return timers{next: t}
}

func (t *timers) C() <-chan time.Time { return t.next.C }

func (t *timers) stop() { t.next.Stop() }

func (t *timers) start(s *session, id int, after time.Duration) *timer {
	return t.push(&timer{s: s, id: id}, after)
}

// after has the worker do something later, for a call unless s is nil.
func (t *timers) after(s *session, d time.Duration, do func()) { t.push(&timer{s: s, do: do}, d) }

func (t *timers) push(x *timer, after time.Duration) *timer {
	t.started++
	x.at, x.nth = time.Now().Add(after), t.started
	heap.Push(&t.heap, x)
	if x.slot == 0 {
		t.next.Reset(after)
	}
	return x
}

func (t *timers) cancel(x *timer) {
	if x.slot >= 0 {
		heap.Remove(&t.heap, x.slot)
	}
}

// due takes the next timer that has run out; nil sets the alarm for the one after.
func (t *timers) due(now time.Time) *timer {
	if len(t.heap) == 0 {
		return nil
	}
	if first := t.heap[0]; first.at.After(now) {
		t.next.Reset(first.at.Sub(now))
		return nil
	}
	return heap.Pop(&t.heap).(*timer)
}

type timerHeap []*timer

func (h timerHeap) Len() int { return len(h) }
func (h timerHeap) Less(i, j int) bool {
	if d := h[i].at.Compare(h[j].at); d != 0 {
		return d < 0
	}
	return h[i].nth < h[j].nth
}
func (h timerHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].slot, h[j].slot = i, j
}
func (h *timerHeap) Push(x any) {
	t := x.(*timer)
	t.slot = len(*h)
	*h = append(*h, t)
}
func (h *timerHeap) Pop() any {
	last := len(*h) - 1
	t := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	t.slot = -1
	return t
}
