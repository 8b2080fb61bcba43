package sipua

import (
	"bytes"
	"hash/maphash"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/offhook/offhook/edge/sipua/guard"
)

// Once the edge stays behind, a source has a share of each worker in each window of time: at first half as many new requests as
// the worker had messages in the window before; half of it after each window in which something was late, an eighth more after
// each in which all was in time. So it comes to what can be served, and whoever asks for less is not held up. After shareCalm
// without excess everybody has what he asks for.
const (
	shareWindow  = 100 * time.Millisecond
	shareFirst   = 32 // at least
	shareLeast   = 4
	shareMost    = 1 << 16
	shareCalm    = 10 * time.Second
	shareBuckets = 1024
)

// shares keeps one source from taking the time of all. The zero value is ready, and lets everything pass until the
// edge is late. A source has a bucket in each of two rows, and the emptier one counts. Others may have the same one; who that is, is
// drawn anew for each window.
type shares struct {
	limit int       // new requests of a source in a window; 0: no limit
	ends  time.Time // the window
	calm  time.Time // the limit ends if nothing is in excess until then
	late  bool      // something was, in this window
	seen  int       // messages in this window
	usual int       // and in the one before
	seed  maphash.Seed
	taken [2][shareBuckets]uint32
}

// observe is told of each message whether it, or the calls, are late, and whether that is more than a moment's delay.
func (s *shares) observe(late, stays bool, now time.Time) {
	s.seen++
	if late {
		s.late, s.calm = true, now.Add(shareCalm)
	}
	switch {
	case s.limit == 0 && stays:
		s.limit = max(s.usual/2, shareFirst)
	case now.Before(s.ends):
		return
	case s.limit == 0 || now.After(s.calm):
		s.limit = 0
	case s.late:
		s.limit = max(s.limit/2, shareLeast)
	default:
		s.limit = min(s.limit+max(s.limit/8, 1), shareMost)
	}
	s.next(now)
}

// next begins another window.
func (s *shares) next(now time.Time) {
	s.usual, s.seen, s.late, s.ends = s.seen, 0, false, now.Add(shareWindow)
	if s.limit > 0 {
		s.seed = maphash.MakeSeed()
		clear(s.taken[0][:])
		clear(s.taken[1][:])
	}
}

// verdict on a new request.
type verdict int

const (
	withinShare verdict = iota
	beyondShare         // its source has had its share of the window
	farBeyond           // and as many refusals
)

// judge counts a new request.
func (s *shares) judge(from path, now time.Time) verdict {
	h := s.hash(from)
	a, b := &s.taken[0][h%shareBuckets], &s.taken[1][h>>32%shareBuckets]
	n := int(min(*a, *b))
	*a++
	*b++
	if n < s.limit {
		return withinShare
	}
	if s.calm = now.Add(shareCalm); n < 2*s.limit {
		return beyondShare
	}
	return farBeyond
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
// that is up is served, and so are those whom the configuration trusts.
func (w *worker) excess(j *job, now time.Time) bool {
	if w.shares.limit == 0 {
		return false
	}
	callID := guard.CallID(j.raw)
	if w.calls[string(callID)] != nil || w.awaited(j.raw) {
		return false
	}
	v := w.shares.judge(j.from, now)
	if v == withinShare || w.trusted(j.from) {
		return false
	}
	w.u.excess.Add(1)
	if w.u.greedy.due(now) {
		w.log.Warn("a source asks for more than its share: while others wait, what it sends anew is dropped or refused",
			"source", j.from.to.String(), "network", j.from.link.network(), "per_second", w.shares.limit*int(time.Second/shareWindow)*len(w.u.workers))
	}
	if v == beyondShare {
		w.refuseExcess(j, callID)
	}
	return true
}

// awaited: an answer to a request of ours outside calls, such as a gateway's to REGISTER, is nothing new.
func (w *worker) awaited(raw []byte) bool {
	if len(w.clients) == 0 || !bytes.HasPrefix(raw, statusLine) {
		return false
	}
	branch, method := guard.Answered(raw)
	return w.clients[clientKey{string(branch), sip.RequestMethod(method)}] != nil
}

// refuseExcess answers an INVITE, or what nobody repeats since it came by a stream.
func (w *worker) refuseExcess(j *job, callID []byte) {
	if !bytes.HasPrefix(j.raw, inviteLine) && !j.from.reliable() {
		return
	}
	if _, ok := guard.Check(j.raw); ok {
		w.refuseRaw(j.raw, guard.TopVia(j.raw), callID, j.from)
	}
}

func (w *worker) trusted(from path) bool {
	return !fromPage(from.link.network()) && w.u.dir.Trusted(from.to.Addr().Unmap())
}
