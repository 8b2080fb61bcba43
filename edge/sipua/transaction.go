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
// branch do not meet. ACK and CANCEL look for their INVITE's.
type serverKey struct {
	branch, sentBy, callID string
	method                 sip.RequestMethod
}

func keyOf(req *sip.Request) serverKey {
	via := req.Via()
	k := serverKey{branch: param(via.Params, "branch"), callID: req.CallID().Value(), method: req.Method}
	if k.method == sip.ACK {
		k.method = sip.INVITE
	}
	k.sentBy = via.Host
	if via.Port > 0 {
		k.sentBy += ":" + strconv.Itoa(via.Port)
	}
	if !strings.HasPrefix(k.branch, cookie) { // RFC 2543
		k.branch = tagOf(req.From().Params) + " " + strconv.Itoa(int(req.CSeq().SeqNo)) + " " + via.Value()
	}
	return k
}

// clientKey names a client transaction: RFC 3261 17.1.3.
type clientKey struct {
	branch string
	method sip.RequestMethod
}

// later doubles a retransmission interval up to T2.
func later(d time.Duration) time.Duration { return min(2*d, timerT2) }
