package sipua

import "time"

// timer is one deadline of a worker's object; the object is told by expire. The zero value is ready.
type timer struct {
	at    time.Duration // since the worker's epoch
	index int           // 1 + place in the heap, or lingering; 0: not running
	owner expirer
}

const lingering = -1

// expirer is told that one of its timers ran out; it knows by the address which.
type expirer interface{ expire(t *timer) }

func (t *timer) running() bool { return t.index != 0 }

// timers is a heap, and a queue of those that wait for timerLinger, which nearly all of a busy worker do: what began first
// ends first. There is one runtime timer per worker, however many calls there are.
type timers struct {
	heap   []*timer
	linger fifo[lingerer]
}

// lingerer is a timer in the queue, unless it was stopped or started again.
type lingerer struct {
	t  *timer
	at time.Duration
}

func (l lingerer) stale() bool { return l.t.index != lingering || l.t.at != l.at }

// lingerSlack lets a worker wake up once for all that ends in that time: stragglers may be waited for a little longer.
const lingerSlack = 50 * time.Millisecond

// startLinger is start for timers that all wait equally long.
func (q *timers) startLinger(t *timer, owner expirer, at time.Duration) {
	q.stop(t)
	t.at, t.owner, t.index = at, owner, lingering
	q.linger.push(lingerer{t, at})
}

// start (re)starts t to run out at that time.
func (q *timers) start(t *timer, owner expirer, at time.Duration) {
	q.stop(t)
	t.at, t.owner = at, owner
	q.heap = append(q.heap, t)
	t.index = len(q.heap)
	q.up(t.index - 1)
}

// stop is harmless on a timer that does not run.
func (q *timers) stop(t *timer) {
	if t.index <= 0 { // the queue sees it
		t.index, t.owner = 0, nil
		return
	}
	i, last := t.index-1, len(q.heap)-1
	t.index, t.owner = 0, nil
	moved := q.heap[last]
	q.heap[last] = nil
	q.heap = q.heap[:last]
	if i == last {
		return
	}
	q.heap[i], moved.index = moved, i+1
	q.down(i)
	q.up(i)
}

// due takes a timer that has run out.
func (q *timers) due(now time.Duration) (*timer, expirer) {
	t := q.lingered(now)
	if t == nil && len(q.heap) > 0 && q.heap[0].at <= now {
		t = q.heap[0]
	}
	if t == nil {
		return nil, nil
	}
	owner := t.owner
	q.stop(t)
	return t, owner
}

// lingered gives the first of the queue, if it has run out.
func (q *timers) lingered(now time.Duration) *timer {
	for first := q.linger.first(); first != nil && first.at <= now; first = q.linger.first() {
		l := *first
		q.linger.drop()
		if !l.stale() {
			return l.t
		}
	}
	return nil
}

// next tells when due is to be asked again; ok false: none runs.
func (q *timers) next() (at time.Duration, ok bool) {
	if first := q.linger.first(); first != nil {
		at, ok = first.at+lingerSlack, true
	}
	if len(q.heap) > 0 && (!ok || q.heap[0].at < at) {
		at, ok = q.heap[0].at, true
	}
	return at, ok
}

func (q *timers) swap(i, j int) {
	q.heap[i], q.heap[j] = q.heap[j], q.heap[i]
	q.heap[i].index, q.heap[j].index = i+1, j+1
}

func (q *timers) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if q.heap[parent].at <= q.heap[i].at {
			return
		}
		q.swap(i, parent)
		i = parent
	}
}

func (q *timers) down(i int) {
	for {
		least := i
		for c := 2*i + 1; c <= 2*i+2 && c < len(q.heap); c++ {
			if q.heap[c].at < q.heap[least].at {
				least = c
			}
		}
		if least == i {
			return
		}
		q.swap(i, least)
		i = least
	}
}

// fifo is a queue that uses its memory again.
type fifo[T any] struct {
	items []T
	head  int
}

func (f *fifo[T]) push(v T) { f.items = append(f.items, v) }

// first is nil if there is none.
func (f *fifo[T]) first() *T {
	if f.head == len(f.items) {
		return nil
	}
	return &f.items[f.head]
}

// drop takes the first away.
func (f *fifo[T]) drop() {
	var none T
	f.items[f.head] = none
	if f.head++; 2*f.head < len(f.items) {
		return
	}
	n := copy(f.items, f.items[f.head:])
	clear(f.items[n:])
	f.items, f.head = f.items[:n], 0
}
