package sipua

import (
	"bytes"
	"hash/maphash"
	"time"
)

// While the edge is behind, a source is served shareFirst new requests by a worker in each window of time, half as many after
// each window in which something was late, one more after each in which all was in time: what is served comes to what can be
// served, and whoever asks for less than his share notices nothing. After shareCalm without excess everybody has what he asks.
const (
	shareWindow  = 100 * time.Millisecond
	shareFirst   = 32
	shareLeast   = 4
	shareCalm    = 10 * time.Second
	shareBuckets = 1024
)

// shares keeps one source from taking the time of all. The zero value is ready, and lets everything pass until something is
// late. A source has a bucket in each of two rows, and the emptier one counts. Others may have the same one; who that is, is
// drawn anew for each window.
type shares struct {
	limit int       // new requests of a source in a window; 0: no limit
	ends  time.Time // the window
	calm  time.Time // the limit ends if nothing is in excess until then
	late  bool      // something was, in this window
	seed  maphash.Seed
	taken [2][shareBuckets]uint32
}

// observe is told of each message whether it, or the calls, are late.
func (s *shares) observe(late bool, now time.Time) {
	switch {
	case s.limit == 0 && !late:
		return
	case s.limit == 0:
		s.limit, s.calm = shareFirst, now.Add(shareCalm)
		s.open(now)
		return
	case late:
		s.late, s.calm = true, now.Add(shareCalm)
	case now.After(s.calm):
		s.limit = 0
		return
	}
	if now.Before(s.ends) {
		return
	}
	if s.limit++; s.late {
		s.limit = max(s.limit/2, shareLeast)
	}
	s.open(now)
}

func (s *shares) open(now time.Time) {
	s.ends, s.late, s.seed = now.Add(shareWindow), false, maphash.MakeSeed()
	clear(s.taken[0][:])
	clear(s.taken[1][:])
}

// over counts a new request, and tells whether its source has had its share of this window.
func (s *shares) over(from path, now time.Time) bool {
	h := s.hash(from)
	a, b := &s.taken[0][h%shareBuckets], &s.taken[1][h>>32%shareBuckets]
	if min(*a, *b) < uint32(s.limit) {
		*a++
		*b++
		return false
	}
	s.calm = now.Add(shareCalm)
	return true
}

// hash of a stream, or of an address; of IPv6 a site has 64 bits for itself.
func (s *shares) hash(from path) uint64 {
	if stream := from.link.token(); stream != "" {
		return maphash.String(s.seed, stream)
	}
	a, ip := from.to.Addr().As16(), from.to.Addr()
	if ip.Is4() {
		return maphash.Bytes(s.seed, a[12:])
	}
	return maphash.Bytes(s.seed, a[:8])
}

// excess drops, before it is parsed, what is new of a source that has had its share while others wait. What belongs to a call
// that is up is served, and so are those whom the configuration trusts. An INVITE, and what nobody repeats since it came by a
// stream, is refused.
func (w *worker) excess(j *job, now time.Time) bool {
	if w.shares.limit == 0 {
		return false
	}
	callID := scanCallID(j.raw)
	if w.calls[string(callID)] != nil || !w.shares.over(j.from, now) || w.trusted(j.from) {
		return false
	}
	w.u.excess.Add(1)
	if w.u.greedy.due(now) {
		w.log.Warn("a source asks for more than its share: while others wait, what it sends anew is dropped or refused",
			"source", j.from.to.String(), "network", j.from.link.network(), "per_second", w.shares.limit*int(time.Second/shareWindow)*len(w.u.workers))
	}
	if !bytes.HasPrefix(j.raw, inviteLine) && !j.from.reliable() {
		return true
	}
	if _, ok := guardRaw(j.raw); ok {
		w.refuseRaw(j.raw, callID, j.from)
	}
	return true
}

func (w *worker) trusted(from path) bool {
	return !fromPage(from.link.network()) && w.u.dir.Trusted(from.to.Addr().Unmap())
}
