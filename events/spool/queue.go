package spool

import "sync"

// itemOverhead stands for what an item costs beyond its own size.
const itemOverhead = 64

// queue is what waits in memory. Two slices take turns, so that a steady stream allocates nothing.
type queue[T any] struct {
	mu       sync.Mutex
	incoming []T
	writing  []T // being written, from head on
	head     int
	bytes    int64
	max      int64
	accepted uint64
	refused  uint64
	overflow bool // an item was refused since the last ask
	closed   bool
	size     func(T) int
	wake     chan struct{}
}

func newQueue[T any](max int64, size func(T) int) *queue[T] {
	return &queue[T]{max: max, size: size, wake: make(chan struct{}, 1)}
}

func (q *queue[T]) put(v T, size int) error {
	n := int64(size) + itemOverhead
	q.mu.Lock()
	switch {
	case q.closed:
		q.mu.Unlock()
		return ErrClosed
	case q.bytes+n > q.max:
		q.refused++
		first := !q.overflow
		q.overflow = true
		q.mu.Unlock()
		if first {
			q.signal()
		}
		return ErrFull
	}
	q.incoming = append(q.incoming, v)
	q.bytes += n
	q.accepted++
	first := len(q.incoming) == 1
	q.mu.Unlock()
	if first {
		q.signal()
	}
	return nil
}

func (q *queue[T]) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// next gives up to n items to write; they stay in the queue until drop.
func (q *queue[T]) next(n int) []T {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.head == len(q.writing) {
		q.writing, q.incoming = q.incoming, q.writing[:0]
		q.head = 0
	}
	return q.writing[q.head:min(q.head+n, len(q.writing))]
}

// drop forgets the first n items of next.
func (q *queue[T]) drop(n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	done := q.writing[q.head : q.head+n]
	for _, v := range done {
		q.bytes -= int64(q.size(v)) + itemOverhead
	}
	clear(done) // so that what they point to is freed
	q.head += n
}

// overflowed tells whether an item was refused since the last time, and whether there is room again.
func (q *queue[T]) overflowed() (refused, room bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	refused = q.overflow
	q.overflow = false
	return refused, q.bytes <= q.max/2
}

func (q *queue[T]) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.signal()
}

func (q *queue[T]) stats(s *Stats) {
	q.mu.Lock()
	defer q.mu.Unlock()
	s.Accepted, s.Refused, s.QueuedBytes = q.accepted, q.refused, q.bytes
	s.Queued = len(q.incoming) + len(q.writing) - q.head
}

func (q *queue[T]) taken() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.accepted
}
