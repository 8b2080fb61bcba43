package spool

import (
	"slices"
	"sync"
)

const (
	itemOverhead = 64 // stands for what a record costs beyond its own size
	spareBlocks  = 4  // memory kept when nothing waits
)

// block is records that are written together, in the form that the disk gets.
type block struct {
	frames  []byte
	records int
	bytes   int64 // what it counts of the queue's bound
}

// queue is what waits in memory. A value is encoded when it is put: nothing of it is kept, and who put it may use its
// memory again. So is that of a block, and a steady stream allocates nothing.
type queue[T any] struct {
	mu       sync.Mutex
	blocks   []*block // in order; the last one grows
	spare    []*block
	writing  bool // the first block is being written and does not grow
	bytes    int64
	max      int64
	queued   int
	accepted uint64
	refused  uint64
	overflow bool // a record was refused since the last ask
	closed   bool
	encode   func([]byte, T) []byte
	wake     chan struct{}
}

func newQueue[T any](max int64, encode func([]byte, T) []byte) *queue[T] {
	return &queue[T]{max: max, encode: encode, wake: make(chan struct{}, 1)}
}

func (q *queue[T]) put(v T, size int) error {
	n := int64(size) + itemOverhead
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed:
		return ErrClosed
	case q.bytes+n > q.max:
		q.refused++
		if !q.overflow {
			q.overflow = true
			q.signal()
		}
		return ErrFull
	}
	b := q.room(size)
	frames, at := beginFrame(b.frames)
	frames = q.encode(frames, v)
	endFrame(frames, at)
	b.frames = frames
	b.records++
	b.bytes += n
	q.bytes += n
	q.queued++
	q.accepted++
	if b.records == 1 {
		q.signal()
	}
	return nil
}

// room is the block for one more record of that size.
func (q *queue[T]) room(size int) *block {
	if n := len(q.blocks); n > 1 || n == 1 && !q.writing {
		if b := q.blocks[n-1]; b.records < groupRecords && len(b.frames)+frameHeader+size <= groupBytes {
			return b
		}
	}
	var b *block
	if n := len(q.spare); n > 0 {
		b, q.spare = q.spare[n-1], q.spare[:n-1]
	} else {
		b = &block{frames: make([]byte, 0, max(groupBytes, frameHeader+size))}
	}
	q.blocks = append(q.blocks, b)
	return b
}

func (q *queue[T]) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// next gives the block to write; it stays in the queue until drop. nil: there is none.
func (q *queue[T]) next() *block {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.blocks) == 0 {
		return nil
	}
	q.writing = true
	return q.blocks[0]
}

// drop forgets the block that next gave, and tells how many records it had.
func (q *queue[T]) drop() (records int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	b := q.blocks[0]
	records = b.records
	q.blocks = slices.Delete(q.blocks, 0, 1)
	q.writing = false
	q.bytes -= b.bytes
	q.queued -= records
	if len(q.spare) < spareBlocks && cap(b.frames) <= groupBytes { // what a long record took is freed
		*b = block{frames: b.frames[:0]}
		q.spare = append(q.spare, b)
	}
	return records
}

// overflowed tells whether a record was refused since the last time, and whether there is room again.
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
	s.Accepted, s.Refused, s.QueuedBytes, s.Queued = q.accepted, q.refused, q.bytes, q.queued
}

func (q *queue[T]) taken() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.accepted
}
