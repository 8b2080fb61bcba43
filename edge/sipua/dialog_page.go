package sipua

import (
	"time"

	"github.com/emiago/sipgo/sip"
)

// A page in a browser loses its WebSocket and comes back, registers and goes on with its call; RFC 7118 leaves open what
// becomes of requests meanwhile. One inside the dialog waits for it, as long as it would be repeated over UDP.
const (
	pageBack = timerB
	pageLook = 250 * time.Millisecond // how often it is looked for
	mostInfo = 16                     // digits that wait, of a dialog
)

// awaited are the requests of a dialog that wait for its page, the oldest first.
type awaited struct {
	d    *Dialog
	list []*demand
	look timer
}

// ofPage: the other side is a user's page, which is reached over the WebSocket that it opens itself.
func (d *Dialog) ofPage() bool { return d.user != "" && fromPage(d.peer.path.link.network()) }

// reached is where the other side is reached without a new stream, or was last.
func (d *Dialog) reached() (way path, ok bool) {
	if !d.peer.path.link.alive() {
		if way, ok = d.w.u.bindings.back(aor{d.tenant, d.user}, d.peer.target); !ok {
			return d.peer.path, false
		}
		d.peer.path = way
	}
	return d.peer.path, true
}

// await keeps a request until the page is back; false: nobody comes back, it is too late, or the page must not do it twice.
// The end of a dialog does not wait with its BYE.
func (a *demand) await() bool {
	d, now := a.d, a.d.w.now()
	if a.until == 0 {
		a.until = now + pageBack
	}
	if !d.ofPage() || now >= a.until || a.sent && (a.req.Method == sip.INFO || a.req.Method == sip.REFER) {
		return false
	}
	if d.awaited == nil {
		d.awaited = &awaited{d: d}
	}
	if !d.awaited.add(a) {
		return false
	}
	if a.req.Method == sip.BYE && d.state != over {
		a.then = func(*sip.Response) {}
		d.finish(*d.end)
	}
	return true
}

func (x *awaited) add(a *demand) bool {
	if a.req.Method == sip.INFO && len(x.list) >= mostInfo {
		return false
	}
	x.list = append(x.list, a)
	if !x.look.running() {
		x.d.w.after(&x.look, x, pageLook)
	}
	return true
}

// expire looks for the page.
func (x *awaited) expire(*timer) {
	list := x.list
	x.list, x.d.w.busy = nil, x.d
	way, ok := x.d.reached()
	for _, a := range list {
		switch {
		case x.d.state != confirmed && a.req.Method != sip.BYE: // the dialog has ended meanwhile
			a.then(nil)
		case ok:
			a.resend(way)
		case !a.await():
			a.then(nil)
		}
	}
}

// resend makes a new request of it, where the page is now.
func (a *demand) resend(way path) {
	a.req = a.d.again(a.req)
	a.d.w.stamp(a.req.Via(), way, param(a.req.Via().Params, "branch"))
	if _, err := a.d.w.send(a.req, way, a); err != nil {
		a.then(nil)
	}
}
