package sipua

import (
	"bytes"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/offhook/offhook/edge/load"
	"github.com/offhook/offhook/edge/sipua/guard"
)

// busyRetry is the Retry-After of a worker whose queue is too long, in seconds.
const busyRetry = 2

// overloaded refuses a new call while draining, or when more waits than the worker may let wait: a quick 503 keeps the
// calls that are up at full speed where silence would bring everything again (RFC 3261 21.5.4). While sources have shares,
// much of what waits may be one's excess, which goes in no time.
func (w *worker) overloaded(req *sip.Request) *sip.Response {
	wait := w.u.draining.Load()
	if wait == 0 && (w.late.Level() == load.Full || w.shares.limit == 0 && w.waiting.Load() > int64(w.u.cfg.Queue)) {
		wait = busyRetry
	}
	if wait == 0 {
		return nil
	}
	w.u.refused.Add(1)
	res := refuse(req, 503, "")
	res.AppendHeader(sip.NewHeader("Retry-After", strconv.FormatInt(wait, 10)))
	return res
}

// backlog is what a worker knows of what waits for it.
type backlog struct {
	late   load.Queue
	shares shares
	hasty  hasty
	gone   shedCalls
	scraps []byte // see scrap
}

var inviteLine, ackLine, statusLine = []byte("INVITE "), []byte("ACK "), []byte("SIP/2.0 ")

// rested: nothing waits, so nothing stands.
func (w *worker) rested() {
	w.late.Rest()
	w.hasty.wanted.Store(false)
}

// hasty are INVITEs that pass all that waits since they are likely to be refused: a refusal that comes at once is not asked
// for again. It is safe beside a copy that waits still: a copy comes T1 later, so all up to that one is late, and it gets
// the very same refusal.
type hasty struct {
	wanted atomic.Bool // the queue stands
	count  atomic.Int32
	mu     sync.Mutex
	jobs   []job // guarded by mu
}

func (h *hasty) take() []job {
	if h.count.Load() == 0 {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	jobs := h.jobs
	h.jobs = nil
	h.count.Store(0)
	return jobs
}

func (w *worker) hasten(j job) {
	w.hasty.mu.Lock()
	w.hasty.jobs = append(w.hasty.jobs, j)
	w.hasty.count.Add(1)
	w.hasty.mu.Unlock()
	w.rouse()
}

// refuseHasty refuses what was hastened. What is no new call, or comes when nothing stands any more, takes its turn.
func (w *worker) refuseHasty() {
	for _, j := range w.hasty.take() {
		w.guarded(func() {
			if !w.excess(&j, time.Now()) {
				if _, ok := guard.Check(j.raw); !ok || !w.shed(j.raw, j.from) {
					w.put(j)
					return
				}
			}
			w.waiting.Add(-1)
		})
	}
}

// shed refuses a new call before it is parsed while the queue stands or who handles calls is full: what is refused must
// cost little, or the calls that are up pay for it. Copies of an INVITE that was taken are not new. Where the answer would
// have to go elsewhere than to where the INVITE came from, it is parsed and refused in the usual way.
func (w *worker) shed(raw []byte, from path) bool {
	if !bytes.HasPrefix(raw, inviteLine) {
		return false
	}
	full := w.late.Level() == load.Full || w.u.load() == load.Full
	if !full && !w.gone.any(w.now()) {
		return false
	}
	via := guard.TopVia(raw)
	if !full && !w.gone.has(via) {
		return false
	}
	callID := guard.CallID(raw)
	if len(callID) == 0 || w.calls[string(callID)] != nil || !w.refuseRaw(raw, via, callID, from) {
		return false
	}
	w.u.refused.Add(1)
	return true
}

// refuseRaw tells false where the answer has to go elsewhere than to where the request came from, or there is none.
func (w *worker) refuseRaw(raw, via, callID []byte, from path) bool {
	if !from.reliable() && !wantsAnswerAt(via, from.to) {
		return false
	}
	res := guard.Answer(w.scrap(from), raw, from.to, 503, phrase(503), w.ids.rawTag(string(callID), ""))
	if res == nil {
		return false
	}
	if !from.reliable() {
		w.gone.add(via, w.now())
	}
	w.write(from, append(bytes.TrimSuffix(res, []byte("\r\n")), retrySoon...))
	return true
}

// wantsAnswerAt: a Via asks for the answer where the request came from (RFC 3581 4), or names that very place. The Vias below
// it are others' business.
func wantsAnswerAt(via []byte, from netip.AddrPort) bool {
	var at [64]byte
	sentBy, _, _ := bytes.Cut(via, []byte{';'})
	return bytes.Contains(via, []byte(";rport")) || bytes.HasSuffix(bytes.TrimSpace(sentBy), from.AppendTo(at[:0]))
}

var retrySoon = "Retry-After: " + strconv.Itoa(busyRetry) + "\r\n\r\n"

// scrap is memory for a message that nobody keeps once it is sent; a stream does.
func (w *worker) scrap(to path) []byte {
	if to.reliable() {
		return make([]byte, 0, scrapSize)
	}
	if w.scraps == nil {
		w.scraps = make([]byte, 0, scrapSize)
	}
	return w.scraps
}

const scrapSize = 2 << 10

// unawaited knows, unparsed, the ACK of a refusal without a transaction: one comes with each call that is refused, and nobody
// waits for it. Its To has the tag that such a refusal gave, and its Call-ID has no dialog, nor one that ended lately and
// left a transaction.
func (w *worker) unawaited(raw []byte) bool {
	if !bytes.HasPrefix(raw, ackLine) {
		return false
	}
	id := guard.CallID(raw)
	if len(id) == 0 || w.calls[string(id)] != nil {
		return false
	}
	from, to := guard.Tags(raw)
	if len(from) == 0 || len(to) == 0 {
		return false
	}
	callID, tag := string(id), string(from)
	if _, ended := w.tombs.find(tombKey{callID, tag, true}); ended {
		return false
	}
	return bytes.Equal(to, w.ids.rawTag(callID, "")) || bytes.Equal(to, w.ids.rawTag(callID, tag))
}
