package sipua

import "time"

// timer is one deadline of a worker's object; the object is told by expire. The zero value is ready.
type timer struct {
	at    time.Duration // since the worker's epoch
	index int           // 1 + place in the heap; 0: not running
	owner expirer
}

// expirer is told that one of its timers ran out; it knows by the address which.
type expirer interface{ expire(t *timer) }

func (t *timer) running() bool { return t.index > 0 }

// timers is a heap: one runtime timer per worker, however many calls there are.
type timers struct{ heap []*timer }

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
	if t.index == 0 {
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

// due takes the next timer that has run out.
func (q *timers) due(now time.Duration) (*timer, expirer) {
	if len(q.heap) == 0 || q.heap[0].at > now {
		return nil, nil
	}
	t := q.heap[0]
	owner := t.owner
	q.stop(t)
	return t, owner
}

// next tells when the next one runs out; ok false: none runs.
func (q *timers) next() (at time.Duration, ok bool) {
	if len(q.heap) == 0 {
		return 0, false
	}
	return q.heap[0].at, true
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
