package sipua

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"github.com/emiago/sipgo/sip"
)

var errTimeout = errors.New("no answer")

// sink is told what becomes of a request.
type sink interface {
	// response: a provisional or the final one. A 2xx to an INVITE may come more than once.
	response(tx *clientTx, res *sip.Response)
	// failed: nothing came (errTimeout) or it could not be sent (errTransport). Not called after a final response.
	failed(tx *clientTx, err error)
}

// clientTx is a client transaction (RFC 3261 17.1, RFC 6026).
type clientTx struct {
	w      *worker
	key    clientKey
	path   path
	req    *sip.Request
	raw    []byte // the request; then the ACK, to be repeated with a repeated refusal
	sink   sink
	state  clientState
	repeat timer         // A, E
	limit  timer         // B, C, D, F, K, M
	gap    time.Duration // of A or E
	end    time.Duration // a refusal that is repeated still lingers no longer than to here
}

type clientState int

const (
	calling    clientState = iota // nothing came yet
	proceeding                    // a provisional response came
	completed                     // the final one came
)

// send starts the transaction of a request that has its Via. A failure is told to the sink, never from inside send.
func (w *worker) send(req *sip.Request, to path, s sink) (*clientTx, error) {
	raw, err := renderRequest(req)
	if err != nil {
		return nil, err
	}
	tx := &clientTx{w: w, key: clientKey{param(req.Via().Params, "branch"), req.Method}, path: to, req: req, raw: raw, sink: s}
	w.clients[tx.key] = tx
	if err := to.send(raw); err != nil {
		w.soon = append(w.soon, func() { tx.fail(err) })
		return tx, nil
	}
	w.after(&tx.limit, tx, timerB)
	if !to.reliable() {
		tx.gap = timerT1
		w.after(&tx.repeat, tx, tx.gap)
	}
	return tx, nil
}

func (tx *clientTx) invite() bool { return tx.key.method == sip.INVITE }

// receive takes a response that matched.
func (tx *clientTx) receive(res *sip.Response) {
	if tx.state == completed {
		tx.repeated(res)
		return
	}
	if res.StatusCode < 200 {
		tx.provisional()
		tx.tell(res)
		return
	}
	tx.state = completed
	tx.w.timers.stop(&tx.repeat)
	tx.linger()
	tx.raw = nil
	if tx.invite() && res.StatusCode >= 300 {
		tx.ack(res)
	}
	tx.tell(res)
	if !tx.invite() || res.StatusCode >= 300 {
		tx.sink, tx.req = nil, nil
	}
}

// linger: D, K and M. A reliable transport repeats nothing, but forks may still send another 2xx.
func (tx *clientTx) linger() {
	wait := timerLinger
	if tx.path.reliable() && !tx.invite() {
		wait = 0
	}
	tx.end = tx.w.now() + timerB
	tx.w.after(&tx.limit, tx, wait)
}

func (tx *clientTx) repeated(res *sip.Response) {
	switch {
	case tx.invite() && res.StatusCode >= 200 && res.StatusCode < 300:
		tx.tell(res)
	case tx.invite() && res.StatusCode >= 300 && tx.raw != nil:
		tx.write() // the ACK again; it may get lost too, and the next copy is up to T2 away
		if wait := min(timerLinger, tx.end-tx.w.now()); wait > 0 {
			tx.w.after(&tx.limit, tx, wait)
		}
	}
}

func (tx *clientTx) provisional() {
	tx.state = proceeding
	if tx.invite() {
		tx.w.timers.stop(&tx.repeat)
		tx.w.timers.stop(&tx.limit) // from here on the dialog sets the limit, since it ends with a CANCEL
	} else if !tx.path.reliable() { // RFC 3261 17.1.2.2
		tx.gap = timerT2
		tx.w.after(&tx.repeat, tx, tx.gap)
	}
}

func (tx *clientTx) tell(res *sip.Response) {
	if tx.sink != nil {
		tx.sink.response(tx, res)
	}
}

// ack confirms a refusal: RFC 3261 17.1.1.3.
func (tx *clientTx) ack(res *sip.Response) {
	ack := sameHop(tx.req, sip.ACK)
	ack.ReplaceHeader(res.To())
	raw, err := renderRequest(ack)
	if err != nil {
		tx.w.log.Warn("cannot acknowledge", "error", err)
		return
	}
	tx.raw = raw
	tx.write()
}

func (tx *clientTx) write() {
	if err := tx.path.send(tx.raw); err != nil {
		tx.w.log.Debug("request not sent", "to", tx.path.to.String(), "error", err)
	}
}

func (tx *clientTx) expire(t *timer) {
	switch {
	case t == &tx.repeat:
		tx.write()
		if tx.gap *= 2; !tx.invite() {
			tx.gap = min(tx.gap, timerT2)
		}
		tx.w.after(&tx.repeat, tx, tx.gap)
	case tx.state == completed:
		tx.drop()
	default:
		tx.fail(errTimeout)
	}
}

// fail ends the transaction without a final response.
func (tx *clientTx) fail(err error) {
	if tx.state == completed {
		return
	}
	s := tx.sink
	tx.drop()
	tx.state = completed
	if s != nil {
		s.failed(tx, err)
	}
}

func (tx *clientTx) drop() {
	tx.sink = nil
	tx.w.timers.stop(&tx.repeat)
	tx.w.timers.stop(&tx.limit)
	delete(tx.w.clients, tx.key)
}

// flowDown fails what waits for a response on a stream that is gone.
func (w *worker) flowDown(f *flow) {
	for _, tx := range w.pending() {
		if tx.path.link == link(f) {
			w.soon = append(w.soon, func() { tx.fail(f.ended()) })
		}
	}
}

// pending lists the transactions that wait for a final response, in an order that repeats.
func (w *worker) pending() []*clientTx {
	var all []*clientTx
	for _, tx := range w.clients {
		if tx.state != completed {
			all = append(all, tx)
		}
	}
	slices.SortFunc(all, func(a, b *clientTx) int {
		return cmp.Or(cmp.Compare(a.key.branch, b.key.branch), cmp.Compare(a.key.method, b.key.method))
	})
	return all
}

// sameHop makes the ACK of a refusal or the CANCEL of an INVITE: everything that names the transaction is the
// INVITE's own (RFC 3261 9.1, 17.1.1.3).
func sameHop(invite *sip.Request, method sip.RequestMethod) *sip.Request {
	req := sip.NewRequest(method, invite.Recipient)
	for _, h := range invite.Headers() {
		switch h := h.(type) {
		case *sip.ViaHeader, *sip.RouteHeader, *sip.FromHeader, *sip.ToHeader, *sip.CallIDHeader, *sip.MaxForwardsHeader:
			req.AppendHeader(h)
		case *sip.CSeqHeader:
			req.AppendHeader(&sip.CSeqHeader{SeqNo: h.SeqNo, MethodName: method})
		}
	}
	return req
}
