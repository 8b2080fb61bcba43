package media

import (
	"net/netip"

	"github.com/offhook/offhook/edge/media/opus"
	"github.com/offhook/offhook/edge/media/sdp"
)

func addrPort(m *sdp.Media) netip.AddrPort { return netip.AddrPortFrom(m.Addr, uint16(m.Port)) }

// agree sets what may come and from where. The same description again, as a session refresh sends it, keeps the source
// that is locked; a new one lets it be learned again. moved: it names another address than the one before.
func (r *receiver) agree(theirs, mine sdp.Codecs, said netip.AddrPort, fresh bool) (moved bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.types = [128]codec{13: comfort}
	r.allow(theirs)
	r.allow(mine)
	if r.source.ice || said.Addr().IsUnspecified() {
		return false
	}
	moved = r.source.said != said
	if fresh {
		r.source.expect(said)
	}
	return moved
}

func (r *receiver) allow(c sdp.Codecs) {
	for _, f := range c.Audio {
		r.types[f.Type&127] = codecNames[f.Name]
	}
	for _, f := range c.Events {
		r.types[f.Type&127] = eventOf(f.Rate)
	}
}

// agree sets how to send, and where when the party moved; else it is sent where it was, which behind NAT is not where the
// description says.
func (s *sender) agree(m *sdp.Media, c sdp.Codecs, moved bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := c.Audio[0]
	digits := c.Event(f.Rate)
	s.payload, s.event, s.events = f.Type, digits.Type, eventOf(digits.Rate)
	s.coder.agree(codecNames[f.Name], said(f))
	s.turn(s.coder.codec.clock())
	s.agreed = true
	if moved {
		s.dest = newDestination(addrPort(m))
	}
	s.wants = m.Direction.Receives()
	s.ready()
}

// said is what the party says of the Opus that it hears (RFC 7587 section 6.1); other codecs have no such words.
func said(f sdp.Format) opus.Options {
	if f.Name != sdp.Opus {
		return opus.Options{}
	}
	return opus.Options{FEC: f.Param("useinbandfec") == 1, MaxBitrate: f.Param("maxaveragebitrate"), MaxRate: f.Param("maxplaybackrate")}
}

// ready lets sound out when the party wants it and there is what it needs: a place to go, and keys where it is encrypted.
func (s *sender) ready() {
	s.setOpen(s.socket != nil && s.wants && s.dest.addr.IsValid() && (!s.cipher.on || s.cipher.seal != nil))
}

// setOpen lets sound out or not. What was relayed meanwhile left no gap: the mapping is made anew.
func (s *sender) setOpen(open bool) {
	if open != s.open {
		s.clock.talking, s.relay.mapped = false, false
	}
	if s.open = open; !open {
		s.digits.Clear()
	}
}

// redirect sends to the address that NAT showed from now on.
func (s *sender) redirect(to netip.AddrPort) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dest = newDestination(to)
	s.ready()
}

// shut stops sending until the next agreement.
func (s *sender) shut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wants = false
	s.ready()
}
