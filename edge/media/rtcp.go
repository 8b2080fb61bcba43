package media

import (
	"net/netip"
	"sync"
	"time"
)

// rtcpAfter is when an endpoint takes its RTCP port. A party sends its first report after 2.5 s or later (RFC 3550 6.2), so
// calls that are shorter, or never answered, need none; opening and closing it was a twentieth of such a call's CPU.
const rtcpAfter = time.Second

// rtcp is an endpoint's odd port. What comes there is read and thrown away, so that its sender gets no ICMP errors.
type rtcp struct {
	due time.Duration // engine time

	mu     sync.Mutex
	socket socket
	over   bool // closed, or another program has the port
}

// hold takes the port when its time has come. Without it the call goes on: nothing there is listened to.
func (r *rtcp) hold(e *Engine, port int, now time.Duration) {
	if now < r.due {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over || r.socket != nil {
		return
	}
	s, err := e.net.open(netip.AddrPortFrom(e.cfg.IP, uint16(port+1)), discard{})
	if err != nil {
		r.over = true
		e.log.Debug("RTCP port not held", "port", port+1, "err", err)
		return
	}
	r.socket = s
}

func (r *rtcp) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.over = true
	if r.socket != nil {
		r.socket.close()
		r.socket = nil
	}
}
