package sipua

import (
	"strconv"

	"github.com/emiago/sipgo/sip"
)

// busyRetry is the Retry-After of a worker whose queue is too long, in seconds.
const busyRetry = 2

// overloaded refuses a new call while draining, or when more waits than the worker may let wait: a quick 503 keeps the
// calls that are up at full speed where silence would bring everything again (RFC 3261 21.5.4).
func (w *worker) overloaded(req *sip.Request) *sip.Response {
	wait := w.u.draining.Load()
	if wait == 0 && w.waiting.Load() > int64(w.u.cfg.Queue) {
		wait = busyRetry
	}
	if wait == 0 {
		return nil
	}
	res := refuse(req, 503, "")
	res.AppendHeader(sip.NewHeader("Retry-After", strconv.FormatInt(wait, 10)))
	return res
}
