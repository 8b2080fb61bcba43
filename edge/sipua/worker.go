package sipua

import (
	"bytes"
	"context"
	"log/slog"
	"maps"
	"math"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/offhook/offhook/edge/load"
)

// hardLimit times Config.Queue messages may wait; what comes then is dropped, and its sender repeats it.
const hardLimit = 8

// job is one input of a worker: bytes from the wire, a message another worker parsed, or something to do.
type job struct {
	raw  []byte
	msg  sip.Message
	from path
	at   time.Time // when it was read from the wire
	fn   func()
	of   *Dialog // fn is for it alone, and not done once it is over; nil: it is for none
}

// worker owns every transaction and dialog of its Call-IDs and takes their inputs strictly in order of arrival.
// All of its fields but the queue are touched by its own goroutine only.
type worker struct {
	u       *UA
	log     *slog.Logger
	ids     ids
	epoch   time.Time
	timers  timers
	servers map[serverKey]*serverTx
	clients map[clientKey]*clientTx
	calls   map[string]*Dialog // by Call-ID; dialogs of the same one are linked
	tombs   tombs
	marker  marker
	subs    map[tombKey]*subscription
	busy    *Dialog   // whose input is being handled
	heard   time.Time // when the message being handled was read
	backlog
	soon []func()

	waiting atomic.Int64 // messages from the wire in the queues
	wake    chan struct{}
	mu      sync.Mutex
	queue   []job // guarded by mu
	over    bool  // guarded by mu
}

func newWorker(u *UA) *worker {
	return &worker{
		u: u, log: u.log, ids: newIDs(u.cfg.Secret, u.cfg.Node), epoch: time.Now(),
		servers: map[serverKey]*serverTx{}, clients: map[clientKey]*clientTx{},
		calls: map[string]*Dialog{}, tombs: newTombs(), marker: newMarker(), subs: map[tombKey]*subscription{}, wake: make(chan struct{}, 1),
		backlog: backlog{gone: newShedCalls()},
	}
}

// post hands over something to do; it never blocks. After the end it does nothing and tells false.
func (w *worker) post(fn func()) bool { return w.put(job{fn: fn}) }

// receive hands over a message from the wire; it is dropped when too many wait already.
func (w *worker) receive(j job) {
	if w.waiting.Load() >= int64(hardLimit*w.u.cfg.Queue) {
		w.u.dropped.Add(1)
		return
	}
	w.waiting.Add(1)
	if bytes.HasPrefix(j.raw, inviteLine) && (w.hasty.wanted.Load() || w.u.load() == load.Full) {
		w.hasten(j)
		return
	}
	w.put(j)
}

func (w *worker) put(j job) bool {
	w.mu.Lock()
	if w.over {
		w.mu.Unlock()
		return false
	}
	w.queue = append(w.queue, j)
	first := len(w.queue) == 1
	w.mu.Unlock()
	if first {
		w.rouse()
	}
	return true
}

func (w *worker) rouse() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (w *worker) now() time.Duration { return time.Since(w.epoch) }

func (w *worker) after(t *timer, owner expirer, d time.Duration) {
	if d == timerLinger {
		w.timers.startLinger(t, owner, w.now()+d)
		return
	}
	w.timers.start(t, owner, w.now()+d)
}

// run works until ctx ends, then ends what is left.
func (w *worker) run(ctx context.Context) {
	clock, rings := time.NewTimer(time.Hour), w.now()+time.Hour
	defer clock.Stop()
	var batch []job
	for {
		batch = w.take(batch)
		if len(batch) == 0 {
			w.rested()
		}
		for i := range batch {
			w.refuseHasty()
			w.do(&batch[i])
			batch[i] = job{}
		}
		w.refuseHasty()
		if at := w.expired(); at < rings { // that it rings too early, once, costs less than to set it each time
			clock.Reset(at - w.now())
			rings = at
		}
		select {
		case <-w.wake:
		case <-clock.C:
			rings = math.MaxInt64
		case <-ctx.Done():
			w.shutdown()
			return
		}
	}
}

// take swaps the queue for an empty one.
func (w *worker) take(spare []job) []job {
	w.mu.Lock()
	defer w.mu.Unlock()
	batch := w.queue
	w.queue = spare[:0]
	return batch
}

// expired tells the owners of timers that ran out, and when it is to be asked again.
func (w *worker) expired() time.Duration {
	now := w.now()
	for t, owner := w.timers.due(now); t != nil; t, owner = w.timers.due(now) {
		w.safely(func() { owner.expire(t) })
	}
	w.tombs.bury(now)
	if at, ok := w.timers.next(); ok {
		return at
	}
	return now + tombstone
}

func (w *worker) do(j *job) {
	if j.fn == nil {
		w.waiting.Add(-1)
		w.heard = j.at
		if !j.at.IsZero() && w.surplus(j) {
			return
		}
	}
	w.safely(func() {
		switch {
		case j.of != nil && j.of.state == over:
		case j.fn != nil:
			w.busy = j.of
			j.fn()
		case j.msg != nil:
			w.handle(j.msg, j.from)
		default:
			w.parse(j.raw, j.from)
		}
	})
}

// surplus notes how long a message waited, and tells whether it is dropped.
func (w *worker) surplus(j *job) bool {
	now := time.Now()
	level := w.late.Waited(now.Sub(j.at), now)
	w.hasty.wanted.Store(level == load.Full)
	behind := w.u.load() != load.InTime
	w.shares.observe(behind || w.late.Late(), behind || level != load.InTime, now)
	return j.raw != nil && w.excess(j, now)
}

// safely runs fn and what it put off. A panic ends the dialog it happened in, and no other.
func (w *worker) safely(fn func()) {
	w.busy = nil
	w.guarded(fn)
	for len(w.soon) > 0 {
		next := w.soon[0]
		w.soon = w.soon[1:]
		w.guarded(next)
	}
}

func (w *worker) guarded(fn func()) {
	defer func() {
		if r := recover(); r != nil {
			w.panicked(r)
		}
	}()
	fn()
}

func (w *worker) panicked(reason any) {
	d := w.busy
	w.log.Error("panic in signalling", "panic", reason, "stack", string(debug.Stack()))
	if d == nil {
		return
	}
	defer func() {
		if r := recover(); r != nil {
			w.log.Error("panic while ending a dialog", "panic", r)
		}
	}()
	d.abandon(500, EndCause{Why: EndLost, Code: 500})
}

// shutdown does what is waiting, then says good-bye to every dialog left, so that each has its Ended.
func (w *worker) shutdown() {
	w.mu.Lock()
	last := w.queue
	w.over, w.queue = true, nil
	w.mu.Unlock()
	for i := range last {
		w.do(&last[i])
	}
	for _, callID := range slices.Sorted(maps.Keys(w.calls)) {
		for d := w.calls[callID]; d != nil; {
			next := d.next
			w.safely(func() {
				w.busy = d
				d.abandon(503, EndCause{Why: EndTransport})
			})
			d = next
		}
	}
	for _, tx := range w.pending() {
		w.safely(func() { tx.fail(errTransport) })
	}
}
