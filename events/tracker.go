package events

import (
	"sync"

	"github.com/offhook/offhook/events/spool"
)

// tracker knows which records were forwarded, in whatever order, and up to where none is missing.
type tracker struct {
	mu      sync.Mutex
	first   uint64 // number of entries[head]
	head    int
	entries []entry
	low     spool.Pos
	done    uint64
	changed chan struct{}
}

type entry struct {
	next spool.Pos // behind the record
	at   int64     // when it happened, Unix nanoseconds
	done bool
}

func newTracker() *tracker { return &tracker{changed: make(chan struct{})} }

// add numbers a record; records are added in the spool's order.
func (t *tracker) add(next spool.Pos, at int64) uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.entries = append(t.entries, entry{next: next, at: at})
	return t.first + uint64(len(t.entries)-t.head) - 1
}

// finish marks records as forwarded; their numbers need not follow each other.
func (t *tracker) finish(numbers []uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, n := range numbers {
		t.entries[t.head+int(n-t.first)].done = true
	}
	moved := false
	for t.head < len(t.entries) && t.entries[t.head].done {
		t.low = t.entries[t.head].next
		t.head++
		t.first++
		t.done++
		moved = true
	}
	if t.head > 4096 && t.head > len(t.entries)/2 {
		t.entries = append(t.entries[:0], t.entries[t.head:]...)
		t.head = 0
	}
	if moved {
		close(t.changed)
		t.changed = make(chan struct{})
	}
}

// state gives the place before which all is forwarded, the number of such records, and those still open.
func (t *tracker) state() (low spool.Pos, done uint64, open int, changed <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.low, t.done, len(t.entries) - t.head, t.changed
}

// oldest is when the first open record happened, in Unix nanoseconds; 0: none is open.
func (t *tracker) oldest() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.head == len(t.entries) {
		return 0
	}
	return t.entries[t.head].at
}
