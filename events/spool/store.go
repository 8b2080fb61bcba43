package spool

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
)

const suffix = ".seg"

// segment is one file. Only whole frames that are on the disk count into size.
type segment struct {
	num    uint64
	size   int64    // readable up to here
	disk   int64    // what the file takes
	sealed bool     // nothing is added any more
	f      *os.File // for reading, opened at first use
}

// store is the list of segments, shared by the writer and the readers.
type store struct {
	dir    string
	alarms *alarms

	mu      sync.Mutex
	segs    []*segment // in order
	pos     Pos        // everything before it is forwarded
	changed chan struct{}
}

func segmentName(dir string, num uint64) string {
	return filepath.Join(dir, fmt.Sprintf("%016x%s", num, suffix))
}

// segmentNumbers lists the segments of dir in order.
func segmentNumbers(dir string) ([]uint64, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var nums []uint64
	for _, e := range entries {
		hex, ok := strings.CutSuffix(e.Name(), suffix)
		num, err := strconv.ParseUint(hex, 16, 64)
		if ok && err == nil && len(hex) == 16 {
			nums = append(nums, num)
		}
	}
	slices.Sort(nums)
	return nums, nil
}

// find gives the segment num, or the first after it.
func (s *store) find(num uint64) (*segment, int) {
	i, _ := slices.BinarySearchFunc(s.segs, num, func(g *segment, n uint64) int {
		switch {
		case g.num < n:
			return -1
		case g.num > n:
			return 1
		}
		return 0
	})
	if i == len(s.segs) {
		return nil, i
	}
	return s.segs[i], i
}

// view is what a reader may read at a place.
type view struct {
	f     *os.File
	at    Pos   // the place, moved on to the next segment where one is used up
	limit int64 // readable up to this offset
}

// viewAt finds the next readable bytes at or after p. ok is false when there are none yet.
func (s *store) viewAt(p Pos) (v view, ok bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, i := s.find(p.Segment)
	for ; g != nil; i++ {
		if i == len(s.segs) {
			return view{}, false, nil
		}
		g = s.segs[i]
		if g.num != p.Segment {
			p = Pos{Segment: g.num, Offset: headerSize}
		}
		if p.Offset < g.size {
			f, err := g.open(s.dir)
			return view{f: f, at: p, limit: g.size}, err == nil, err
		}
	}
	return view{}, false, nil
}

func (g *segment) open(dir string) (*os.File, error) {
	if g.f != nil {
		return g.f, nil
	}
	f, err := os.Open(segmentName(dir, g.num))
	g.f = f
	return f, err
}

// grew makes what the writer has synced readable.
func (s *store) grew(num uint64, size int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if g, _ := s.find(num); g != nil && g.num == num && !g.sealed {
		g.size, g.disk = size, size
	}
}

// wakeAll tells whoever waits for a change.
func (s *store) wakeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.signal()
}

func (s *store) signal() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// waiter gives a channel that is closed at the next change.
func (s *store) waiter() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

func (s *store) add(num uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.segs = append(s.segs, &segment{num: num, size: headerSize, disk: headerSize})
}

// seal ends a segment; disk is what its file takes.
func (s *store) seal(num uint64, disk int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if g, _ := s.find(num); g != nil && g.num == num {
		g.sealed = true
		g.disk = max(g.disk, disk)
	}
}

// damaged ends a segment at a frame that cannot be read.
func (s *store) damaged(p Pos) {
	s.mu.Lock()
	g, _ := s.find(p.Segment)
	var lost int64
	if g != nil && g.num == p.Segment {
		lost = g.size - p.Offset
		g.size, g.sealed = p.Offset, true
	}
	s.mu.Unlock()
	s.alarms.raise(AlarmCorrupt, fmt.Errorf("segment %016x is damaged at byte %d, %d bytes cannot be read", p.Segment, p.Offset, lost))
}

func (s *store) isSealed(num uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, _ := s.find(num)
	return g == nil || g.num != num || g.sealed
}

func (s *store) bytes() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	var n int64
	for _, g := range s.segs {
		n += g.disk
	}
	return n
}

// forwarded removes the segments that are used up and remembers the place. Files go first: on a full disk
// the position cannot be written before there is room, and a position that is too old is harmless.
func (s *store) forwarded(p Pos) error {
	moved, err := s.release(p)
	if !moved {
		return err
	}
	return errors.Join(err, savePosition(s.dir, p))
}

func (s *store) release(p Pos) (moved bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.pos.Before(p) {
		return false, nil
	}
	s.pos = p
	for len(s.segs) > 0 && s.segs[0].usedUp(p) {
		if err := s.removeFirst(); err != nil {
			return true, err
		}
		s.signal()
	}
	return true, nil
}

func (g *segment) usedUp(p Pos) bool {
	return g.num < p.Segment || g.num == p.Segment && g.sealed && g.size <= p.Offset
}

func (s *store) removeFirst() error {
	g := s.segs[0]
	if err := os.Remove(segmentName(s.dir, g.num)); err != nil && !os.IsNotExist(err) {
		return err
	}
	s.segs = s.segs[1:]
	if g.f != nil {
		return g.f.Close()
	}
	return nil
}

func (s *store) close() (err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range s.segs {
		if g.f != nil {
			err = g.f.Close()
			g.f = nil
		}
	}
	return err
}
