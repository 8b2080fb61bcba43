package sipua

import (
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
)

// Timers of RFC 3261 17 and RFC 6026. Those that only wait for stragglers are shorter than 64*T1, because what
// comes later still meets the dialog or its tombstone, and they decide how much memory a call leaves behind.
const (
	timerT1     = 500 * time.Millisecond
	timerT2     = 4 * time.Second
	timerB      = 64 * timerT1    // also F, H
	timerLinger = 6 * time.Second // D, I, J, K, L, M
	timerC      = 3 * time.Minute // from the last provisional response to an INVITE
)

const cookie = "z9hG4bK"

// serverKey names a server transaction: RFC 3261 17.2.3, and the Call-ID, so that senders that choose the same
// branch do not meet.
type serverKey mark

// keyOf is for a request of that method; ACK and CANCEL look for their INVITE's.
func (w *worker) keyOf(req *sip.Request, method sip.RequestMethod) serverKey {
	via := req.Via()
	branch := param(via.Params, "branch")
	if !strings.HasPrefix(branch, cookie) { // RFC 2543
		branch = tagOf(req.From().Params) + " " + strconv.Itoa(int(req.CSeq().SeqNo)) + " " + via.Value()
	}
	return serverKey(w.marker.of(branch, via.Host, strconv.Itoa(via.Port), req.CallID().Value(), string(method)))
}

// clientKey names a client transaction: RFC 3261 17.1.3.
type clientKey struct {
	branch string
	method sip.RequestMethod
}

// later doubles a retransmission interval up to T2.
func later(d time.Duration) time.Duration { return min(2*d, timerT2) }
