package spool

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/offhook/offhook/events/internal/dirlock"
)

const (
	groupRecords = 4096
	groupBytes   = 1 << 20
	retryFirst   = 50 * time.Millisecond
	retryMost    = 2 * time.Second

	// linger is the least time between the beginnings of two groups: a sync costs the CPU half a millisecond however much
	// there is, so under load it serves many records. Nobody waits for it: a record after a rest is written at once, and
	// Flush ends it. What comes in this time is what a crash may take.
	linger = 25 * time.Millisecond
)

// Spool takes values of one type and keeps them, encoded, on the disk.
type Spool[T any] struct {
	q        *queue[T]
	st       *store
	w        writer
	alarms   *alarms
	lock     *dirlock.Lock
	size     func(T) int
	hurry    chan struct{} // somebody waits in Flush
	written  atomic.Uint64
	failures atomic.Uint64
	stuck    atomic.Int64 // unix ns: since when the disk takes nothing; 0: it does
	found    int
}

// Open takes the directory, repairs what a crash left and makes ready. encode appends a value's bytes, size tells
// about how many there will be; both are called by Put only.
// Errors: the directory is in use (dirlock.ErrHeld) or cannot be read.
func Open[T any](dir string, encode func([]byte, T) []byte, size func(T) int, o Options) (*Spool[T], error) {
	o = o.withDefaults()
	lock, err := dirlock.Acquire(dir)
	if err != nil {
		return nil, err
	}
	a := newAlarms(o.Alarm)
	st, found, err := recoverStore(dir, a)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("spool %s: %w", dir, err), lock.Release())
	}
	next := st.pos.Segment + 1
	if n := len(st.segs); n > 0 {
		next = max(next, st.segs[n-1].num+1)
	}
	return &Spool[T]{
		q: newQueue(o.QueueBytes, encode), st: st, w: writer{st: st, opt: o, next: next},
		alarms: a, lock: lock, size: size, hurry: make(chan struct{}, 1), found: found,
	}, nil
}

// Put takes a value without blocking and keeps nothing of it. nil means that it is written soon; Flush waits for that.
// Errors: ErrFull, ErrTooLarge, ErrClosed; the value was then not taken.
func (s *Spool[T]) Put(v T) error {
	n := s.size(v)
	if n > MaxRecord {
		return ErrTooLarge
	}
	return s.q.put(v, n)
}

// Run writes what is put until ctx ends, then what is left, and takes nothing any more.
// The error says how many records could not be written.
func (s *Spool[T]) Run(ctx context.Context) error {
	defer s.w.close()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-s.q.wake:
			runtime.Gosched() // calls go first
			began := time.Now()
			if s.drain(ctx) {
				wait(ctx, s.hurry, linger-time.Since(began))
			}
		}
	}
	s.q.close()
	for {
		if wrote, err := s.group(); err != nil || !wrote {
			return s.leftover(err)
		}
	}
}

func (s *Spool[T]) leftover(err error) error {
	var now Stats
	if s.q.stats(&now); now.Queued > 0 {
		return fmt.Errorf("%d records could not be spooled: %w", now.Queued, err)
	}
	return nil
}

// drain writes what waits by now, however often the disk refuses. What comes meanwhile is for the next time, or a steady
// stream would be synced without a rest. wrote: there was something.
func (s *Spool[T]) drain(ctx context.Context) (wrote bool) {
	retry, target := retryFirst, s.q.taken()
	for s.checkOverflow(); ctx.Err() == nil && s.written.Load() < target; s.checkOverflow() {
		wrote = true
		space := s.st.waiter()
		if _, err := s.group(); err != nil {
			s.failed(err)
			wait(ctx, space, retry)
			retry = min(2*retry, retryMost)
			continue
		}
		retry = retryFirst
		s.stuck.Store(0)
		s.alarms.clear(AlarmBound)
		s.alarms.clear(AlarmWrite)
	}
	s.checkOverflow()
	return wrote
}

// group writes one group; wrote is false when nothing waits.
func (s *Spool[T]) group() (wrote bool, err error) {
	b := s.q.next()
	if b == nil {
		return false, nil
	}
	if err := s.w.write(b.frames); err != nil {
		return false, err
	}
	s.written.Add(uint64(s.q.drop()))
	s.st.wakeAll()
	return true, nil
}

func (s *Spool[T]) failed(err error) {
	s.failures.Add(1)
	s.stuck.CompareAndSwap(0, time.Now().UnixNano())
	if errors.Is(err, errBound) {
		s.alarms.raise(AlarmBound, err)
		return
	}
	s.alarms.raise(AlarmWrite, err)
}

func (s *Spool[T]) checkOverflow() {
	refused, room := s.q.overflowed()
	if refused {
		s.alarms.raise(AlarmFull, ErrFull)
	} else if room {
		s.alarms.clear(AlarmFull)
	}
}

// Flush waits until all that was put before is on the disk. Run must be running. The error is ctx's.
func (s *Spool[T]) Flush(ctx context.Context) error {
	target := s.q.taken()
	for {
		changed := s.st.waiter()
		if s.written.Load() >= target {
			return nil
		}
		select {
		case s.hurry <- struct{}{}:
		default:
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-changed:
		}
	}
}

// Reader gives a reader that begins behind what was forwarded.
func (s *Spool[T]) Reader() *Reader {
	s.st.mu.Lock()
	defer s.st.mu.Unlock()
	p := s.st.pos
	if p.Offset < headerSize {
		p.Offset = headerSize
	}
	return &Reader{st: s.st, pos: p, ahead: readAhead}
}

// ReadAt gives a reader that begins at a record's place, to read one again that was not yet forwarded.
func (s *Spool[T]) ReadAt(p Pos) (Record, error) {
	r := Reader{st: s.st, pos: p, ahead: readOne}
	rec, err := r.Next()
	if err == nil && rec.At != p {
		return Record{}, fmt.Errorf("no record at %016x:%d", p.Segment, p.Offset)
	}
	return rec, err
}

// Changed gives a channel that is closed at the next change: more to read, or segments removed.
func (s *Spool[T]) Changed() <-chan struct{} { return s.st.waiter() }

// Forwarded says that everything before p need not be kept. Segments that are used up are removed.
// The error says that the place could not be saved or a file not removed; after a crash records may then come twice.
func (s *Spool[T]) Forwarded(p Pos) error { return s.st.forwarded(p) }

// Stats reads the gauges.
func (s *Spool[T]) Stats() Stats {
	out := Stats{Written: s.written.Load(), Failures: s.failures.Load(), Recovered: s.found, DiskBytes: s.st.bytes()}
	s.q.stats(&out)
	if ns := s.stuck.Load(); ns != 0 {
		out.Stuck = time.Unix(0, ns)
	}
	s.st.mu.Lock()
	defer s.st.mu.Unlock()
	out.Segments = len(s.st.segs)
	return out
}

// Close gives the directory back. Run must have returned.
func (s *Spool[T]) Close() error {
	s.q.close()
	return errors.Join(s.st.close(), s.lock.Release())
}

// wait returns after d, at a change, or at the end of ctx.
func wait(ctx context.Context, changed <-chan struct{}, d time.Duration) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-changed:
	case <-t.C:
	}
}
