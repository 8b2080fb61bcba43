package sipua

import (
	"time"

	"github.com/emiago/sipgo/sip"
)

// serverTx is a server transaction (RFC 3261 17.2, RFC 6026). It absorbs retransmissions and repeats the answer.
type serverTx struct {
	w      *worker
	key    serverKey
	invite bool
	path   path          // where responses go
	last   []byte        // repeated when the request comes again; nil: nothing to say
	tag    string        // our To tag
	dialog *Dialog       // until the final response
	final  int           // its code
	repeat timer         // G
	limit  timer         // H, I, J, L
	gap    time.Duration // of G
}

// serve makes the transaction of a request that is no retransmission.
func (w *worker) serve(req *sip.Request, to path, tag string) *serverTx {
	tx := &serverTx{w: w, key: w.keyOf(req, req.Method), invite: req.Method == sip.INVITE, path: to, tag: tag}
	w.servers[tx.key] = tx
	return tx
}

// reply sends a response that was rendered, provisional or final.
func (tx *serverTx) reply(code int, raw []byte) {
	if tx.final != 0 {
		return
	}
	tx.last = raw
	tx.send()
	if code < 200 {
		return
	}
	tx.final, tx.dialog = code, nil
	switch {
	case !tx.invite:
		tx.w.after(&tx.limit, tx, tx.straggle()) // J
	case code < 300:
		tx.last = nil                          // the dialog repeats a 2xx until its ACK (13.3.1.4)
		tx.w.after(&tx.limit, tx, timerLinger) // L
	default:
		tx.w.after(&tx.limit, tx, timerB) // H
		if !tx.path.reliable() {
			tx.gap = timerT1
			tx.w.after(&tx.repeat, tx, tx.gap) // G
		}
	}
}

// straggle is how long repeated requests may still come.
func (tx *serverTx) straggle() time.Duration {
	if tx.path.reliable() {
		return 0
	}
	return timerLinger
}

func (tx *serverTx) send() {
	if tx.last == nil {
		return
	}
	if err := tx.path.send(tx.last); err != nil {
		tx.w.log.Debug("response not sent", "to", tx.path.to.String(), "error", err)
	}
}

// again is called when the request, or the ACK of a refused INVITE, matches.
func (tx *serverTx) again(req *sip.Request) {
	if req.Method != sip.ACK {
		tx.send()
		if tx.final != 0 && tx.final < 300 || tx.final != 0 && !tx.invite {
			tx.w.after(&tx.limit, tx, timerLinger) // as long as it comes again
		}
		return
	}
	if tx.final >= 300 {
		tx.w.timers.stop(&tx.repeat)
		tx.last = nil
		tx.w.after(&tx.limit, tx, tx.straggle()) // I
	}
}

func (tx *serverTx) expire(t *timer) {
	if t == &tx.limit {
		tx.drop()
		return
	}
	tx.send()
	tx.gap = later(tx.gap)
	tx.w.after(&tx.repeat, tx, tx.gap)
}

func (tx *serverTx) drop() {
	tx.w.timers.stop(&tx.repeat)
	tx.w.timers.stop(&tx.limit)
	delete(tx.w.servers, tx.key)
}
