package spool

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/offhook/offhook/events/internal/dirlock"
)

const (
	groupRecords = 4096
	groupBytes   = 1 << 20
	linger       = 10 * time.Millisecond // between the beginnings of two groups: under load one sync serves many records
	retryFirst   = 50 * time.Millisecond
	retryMost    = 2 * time.Second
)

// Spool takes values of one type and keeps them, encoded, on the disk.
type Spool[T any] struct {
	q        *queue[T]
	st       *store
	w        writer
	alarms   *alarms
	lock     *dirlock.Lock
	encode   func([]byte, T) []byte
	buf      []byte
	written  atomic.Uint64
	failures atomic.Uint64
	found    int
}

// Open takes the directory, repairs what a crash left and makes ready. encode appends a value's bytes, size tells
// about how many there will be; both are called with a value that was put, encode by Run.
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
		q: newQueue(o.QueueBytes, size), st: st, w: writer{st: st, opt: o, next: next},
		alarms: a, lock: lock, encode: encode, found: found,
	}, nil
}

// Put takes a value without blocking. nil means that it is written soon; Flush waits for that.
// Errors: ErrFull, ErrTooLarge, ErrClosed; the value was then not taken.
func (s *Spool[T]) Put(v T) error {
	n := s.q.size(v)
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
			began := time.Now()
			s.drain(ctx)
			pause(ctx, linger-time.Since(began))
		}
	}
	s.q.close()
	for {
		if n, err := s.group(); err != nil || n == 0 {
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

// drain writes all that waits, however often the disk refuses.
func (s *Spool[T]) drain(ctx context.Context) {
	retry := retryFirst
	for ctx.Err() == nil {
		s.checkOverflow()
		space := s.st.waiter()
		n, err := s.group()
		switch {
		case err != nil:
			s.failed(err)
			wait(ctx, space, retry)
			retry = min(2*retry, retryMost)
		case n == 0:
			s.checkOverflow()
			return
		default:
			retry = retryFirst
			s.alarms.clear(AlarmBound)
			s.alarms.clear(AlarmWrite)
		}
	}
}

// group writes one group; n is the number of records in it.
func (s *Spool[T]) group() (n int, err error) {
	items := s.q.next(groupRecords)
	if len(items) == 0 {
		return 0, nil
	}
	s.buf = s.buf[:0]
	for n < len(items) && len(s.buf) < groupBytes {
		var at int
		s.buf, at = beginFrame(s.buf)
		s.buf = s.encode(s.buf, items[n])
		endFrame(s.buf, at)
		n++
	}
	if err := s.w.write(s.buf); err != nil {
		return 0, err
	}
	s.q.drop(n)
	s.written.Add(uint64(n))
	s.st.wakeAll()
	return n, nil
}

func (s *Spool[T]) failed(err error) {
	s.failures.Add(1)
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

func pause(ctx context.Context, d time.Duration) { wait(ctx, nil, d) }

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
