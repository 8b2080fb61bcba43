package media

import (
	"net/netip"

	"github.com/offhook/offhook/edge/media/dtls"
	"github.com/offhook/offhook/edge/media/ice"
)

// component is one of the two ports of an endpoint (RFC 8445 section 4): where RTP, and RTCP too when it is there, comes
// to, and where RTCP alone does.
type component int

const (
	rtpComponent component = iota
	rtcpComponent
)

// beside takes what comes beside RTP and RTCP (RFC 7983): checks of ICE and handshakes. Others' are refused.
func (e *Endpoint) beside(b []byte, from netip.AddrPort, c component) {
	ok := false
	switch {
	case ice.Is(b):
		ok = e.checked(b, from, c)
	case dtls.Is(b):
		ok = e.rx.mayBe(from) && e.dtls.take(c, b, from)
	}
	switch {
	case ok:
	case c == rtcpComponent:
		e.rtcp.refuse(e.eng)
	default:
		e.rx.refuse(e.eng)
	}
}

// checked answers a check. Who has our password is the party; it is sent to where it nominates, and before that to where it
// was seen first (RFC 8445 sections 7.3.1.5 and 12.1).
func (e *Endpoint) checked(b []byte, from netip.AddrPort, c component) bool {
	reply, nominated, err := e.rx.answerer().Answer(b, from)
	if err == nil {
		e.rx.found(from)
		if c == rtcpComponent {
			e.rtcp.found(from)
		} else {
			e.tx.found(from, nominated)
		}
	}
	if reply != nil {
		e.sendBeside(reply, from, c)
	}
	return err == nil
}

// sendBeside sends what is neither RTP nor RTCP.
func (e *Endpoint) sendBeside(b []byte, to netip.AddrPort, c component) {
	dest := newDestination(to)
	if c == rtcpComponent {
		e.rtcp.mu.Lock()
		defer e.rtcp.mu.Unlock()
		if e.rtcp.socket != nil {
			_ = e.rtcp.socket.send(b, &dest)
		}
		return
	}
	e.tx.mu.Lock()
	defer e.tx.mu.Unlock()
	if e.tx.socket != nil {
		_ = e.tx.socket.send(b, &dest)
	}
}

// check says who answers checks from now on, and whether they, and not the SDP, show where the party is; begun: they did
// not before.
func (r *receiver) check(a ice.Agent, on bool) (begun bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.agent = a
	if on == r.source.ice {
		return false
	}
	r.source = source{ice: on, near: r.source.near}
	return on
}

func (r *receiver) answerer() ice.Agent {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.agent
}

func (r *receiver) found(from netip.AddrPort) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.source.path(from)
}

func (r *receiver) mayBe(from netip.AddrPort) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.source.may(from, r.learn)
}

func (r *receiver) refuse(e *Engine) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refused++
	e.refused.Add(1)
}

// lock hears the address that proved itself by a handshake; with ICE that is shown by checks.
func (r *receiver) lock(from netip.AddrPort) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.source.ice {
		return false
	}
	r.source.locked = from
	return true
}

func (r *receiver) usesICE() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.source.ice
}

// found is where the party was seen.
func (s *sender) found(at netip.AddrPort, nominated bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dest.addr == at || s.dest.addr.IsValid() && !nominated {
		return
	}
	s.dest = newDestination(at)
	s.ready()
}

// forget the place that a description said.
func (s *sender) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dest = destination{}
	s.ready()
}

func (s *sender) aim() netip.AddrPort {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dest.addr
}

// place is where RTCP goes when RTP goes there; invalid when that is not known.
func (c *control) place(rtp netip.AddrPort) netip.AddrPort {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.aim(rtp) {
		return netip.AddrPort{}
	}
	return c.dest.addr
}

func (c *control) refuse(e *Engine) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refused++
	e.reportsRefused.Add(1)
}

func (c *control) found(at netip.AddrPort) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.from = at
}
