package sipua

import (
	"hash/maphash"
	"time"
)

const (
	copiesFor = 8 * time.Second // how long a generation takes: within it a copy comes at 0.5, 1.5, 3.5 and 7.5 s
	maxShed   = 1 << 16         // of a generation
)

// shedCalls are the INVITEs that were refused lately without a transaction, by their topmost Via. A copy of one is refused
// too when calls are taken again (RFC 3261 8.2.7), since its caller is gone and the call would ring for nobody. They are kept
// in two generations.
type shedCalls struct {
	seed     maphash.Seed
	now, old map[uint64]struct{}
	turned   time.Duration
}

func newShedCalls() shedCalls { return shedCalls{seed: maphash.MakeSeed()} }

func (s *shedCalls) add(via []byte, now time.Duration) {
	if s.now == nil || len(s.now) >= maxShed || now-s.turned > copiesFor {
		s.old, s.now, s.turned = s.now, map[uint64]struct{}{}, now
	}
	s.now[maphash.Bytes(s.seed, via)] = struct{}{}
}

// any is false, and nothing is kept, once no copy can come any more.
func (s *shedCalls) any(now time.Duration) bool {
	if s.now != nil && now-s.turned > 2*copiesFor {
		s.now, s.old = nil, nil
	}
	return s.now != nil
}

func (s *shedCalls) has(via []byte) bool {
	key := maphash.Bytes(s.seed, via)
	_, is := s.now[key]
	if !is {
		_, is = s.old[key]
	}
	return is
}
