package media

import (
	"cmp"
	"crypto/rand"

	"github.com/offhook/offhook/edge/media/dtls"
	"github.com/offhook/offhook/edge/media/ice"
	"github.com/offhook/offhook/edge/media/sdp"
	"github.com/offhook/offhook/edge/media/srtp"
)

// security is how the sound of a session is protected and found, as offers and answers say; the session's lock guards it.
type security struct {
	how   sdp.Protection // of our last offer, or agreed on
	proto string
	ours  srtp.Key   // SDES: ours in force,
	tag   int        // and its name;
	lines []srtp.Key // those of our last offer, by tag from
	from  int        // this one on
	role  sdp.Setup  // DTLS: ours
	agent ice.Agent  // none: no ICE
	peer  sdp.ICE
	mux   bool
	mid   string
}

// terms are what one description of theirs agrees on.
type terms struct {
	how          sdp.Protection
	proto        string
	ours, theirs srtp.Key   // SDES
	tag          int        // of ours
	lines        []srtp.Key // what we say of ours: from this tag on
	prints       []sdp.Fingerprint
	role         sdp.Setup
	agent        ice.Agent
	peer         sdp.ICE
	mux          bool
	mid          string
}

var protections = map[Encryption]sdp.Protection{Plain: sdp.Plain, SDES: sdp.SDES, DTLS: sdp.DTLS}

// takes lists what may be taken of an offer, the best first.
func (p *Profile) takes() []sdp.Protection {
	if p.Encryption == Auto {
		return []sdp.Protection{sdp.DTLS, sdp.SDES, sdp.Plain}
	}
	return []sdp.Protection{protections[p.Encryption]}
}

// offers is what a party that nothing is agreed on with is offered.
func (p *Profile) offers() sdp.Protection {
	if p.Encryption == Auto && p.Browser {
		return sdp.DTLS
	}
	return protections[cmp.Or(p.Encryption, Plain)]
}

// pick gives the section of an offer to take, and how; at is -1 when there is none.
func (p *Profile) pick(theirs *sdp.Session, names []string) (at int, how sdp.Protection) {
	for _, how := range p.takes() {
		if at := theirs.Pick(names, how); at >= 0 {
			return at, how
		}
	}
	return -1, sdp.Plain
}

// unusable says why an offer cannot be taken.
func unusable(theirs *sdp.Session, names []string) error {
	if theirs.Speaks(names) {
		return ErrNoEncryption
	}
	return ErrNoCodec
}

// checks says that ICE shows where the party is. Of two lite agents none checks: the addresses said are used.
func checks(m *sdp.Media) bool { return m.Link.ICE.Used() && !m.Link.ICE.Lite }

// propose is what our offer says; in a session that exists, what was agreed on.
func (e *Endpoint) propose() sdp.Link {
	s := &e.sess
	x := &s.secure
	switch {
	case !s.agreed:
		s.first()
		if x.agent.Ufrag != "" {
			e.rx.check(x.agent, true) // checks may be faster than the answer
		}
	case x.how == sdp.SDES:
		x.lines, x.from = []srtp.Key{x.ours}, x.tag
	}
	return e.link(terms{how: x.how, lines: x.lines, tag: x.from, role: sdp.Actpass, agent: x.agent, mux: x.mux, mid: x.mid})
}

// first decides how a session is offered. RTCP on a port of its own would need a handshake of its own, too.
func (s *session) first() {
	x := &s.secure
	x.how = s.prefer.offers()
	x.proto = x.how.Proto(s.prefer.Browser)
	x.mux = s.prefer.Browser || x.how == sdp.DTLS
	if s.prefer.Browser && x.agent.Ufrag == "" {
		x.agent, x.mid = ice.New(), "0"
	}
	if x.how == sdp.SDES && x.lines == nil {
		for _, suite := range srtp.Suites {
			x.lines = append(x.lines, newKey(suite))
		}
		x.from = 1
	}
}

func newKey(suite *srtp.Suite) srtp.Key {
	k := srtp.Key{Suite: suite, Master: make([]byte, suite.Size())}
	_, _ = rand.Read(k.Master) // never fails
	return k
}

// link writes terms as our description has them.
func (e *Endpoint) link(t terms) sdp.Link {
	l := sdp.Link{Mux: t.mux, Mid: t.mid}
	switch t.how {
	case sdp.SDES:
		for i, k := range t.lines {
			l.Crypto = append(l.Crypto, sdp.Crypto{Tag: t.tag + i, Suite: k.Suite.Name, Key: k.Master})
		}
	case sdp.DTLS:
		l.Prints, l.Setup = []sdp.Fingerprint{e.eng.identity.Fingerprint()}, t.role
	}
	if t.agent.Ufrag != "" {
		l.ICE = sdp.ICE{Ufrag: t.agent.Ufrag, Pwd: t.agent.Pwd, Lite: true}
	}
	return l
}

// terms gives the terms of a section of their offer that was picked.
func (s *session) terms(m *sdp.Media, how sdp.Protection) terms {
	t := terms{how: how, proto: m.Proto, mux: m.Link.Mux, mid: m.Link.Mid}
	switch how {
	case sdp.SDES:
		s.choose(&t, m.Link.Crypto)
	case sdp.DTLS:
		t.prints, t.role = m.Link.Prints, s.roleFor(m.Link.Setup)
	}
	if m.Link.ICE.Used() {
		t.peer, t.agent = m.Link.ICE, s.secure.agent
		// Other names of theirs begin ICE anew, and ours must change with them (RFC 8839 section 4.4.1.1.1).
		if t.agent.Ufrag == "" || s.agreed && s.secure.peer != t.peer {
			t.agent = ice.New()
		}
	}
	return t
}

// choose takes the best suite. Our own key stays while its suite does: only the side that changes its key says so.
func (s *session) choose(t *terms, lines []sdp.Crypto) {
	for _, suite := range srtp.Suites {
		for _, c := range lines {
			if c.Suite != suite.Name {
				continue
			}
			t.tag, t.theirs = c.Tag, srtp.Key{Suite: suite, Master: c.Key, MKI: c.MKI}
			if t.ours = s.secure.ours; t.ours.Suite != suite {
				t.ours = newKey(suite)
			}
			t.lines = []srtp.Key{t.ours}
			return
		}
	}
}

// roleFor answers who begins DTLS. We wait unless the other side does (RFC 5763 section 5), and stay with the role that we
// have (RFC 8842 section 5.3).
func (s *session) roleFor(theirs sdp.Setup) sdp.Setup {
	switch {
	case theirs == sdp.Passive:
		return sdp.Active
	case theirs == sdp.Actpass && s.agreed && s.secure.how == sdp.DTLS:
		return s.secure.role
	}
	return sdp.Passive
}

// accepted gives the terms of their answer to our offer.
func (s *session) accepted(m *sdp.Media) (terms, error) {
	x := &s.secure
	t := terms{how: x.how, proto: cmp.Or(x.proto, m.Proto), mux: x.mux && m.Link.Mux, mid: x.mid}
	if !m.Allows(x.how) {
		return t, ErrNoEncryption
	}
	if m.Link.ICE.Used() && x.agent.Ufrag != "" {
		t.peer, t.agent = m.Link.ICE, x.agent
	}
	switch x.how {
	case sdp.SDES:
		return t, t.chosen(x, m.Link.Crypto)
	case sdp.DTLS:
		t.prints, t.role = m.Link.Prints, sdp.Passive
		if m.Link.Setup == sdp.Passive {
			t.role = sdp.Active
		}
	}
	return t, nil
}

// chosen: the answer has one of our lines with its own key (RFC 4568 section 5.1.3).
func (t *terms) chosen(x *security, lines []sdp.Crypto) error {
	for _, c := range lines {
		i := c.Tag - x.from
		if i >= 0 && i < len(x.lines) && x.lines[i].Suite.Name == c.Suite {
			t.tag, t.ours = c.Tag, x.lines[i]
			t.theirs = srtp.Key{Suite: t.ours.Suite, Master: c.Key, MKI: c.MKI}
			return nil
		}
	}
	return ErrNoEncryption
}

// enforce puts terms in force.
func (e *Endpoint) enforce(t terms, m *sdp.Media) {
	x := &e.sess.secure
	keep := e.sess.agreed && x.how == t.how
	x.how, x.proto, x.ours, x.tag, x.role = t.how, t.proto, t.ours, t.tag, t.role
	x.agent, x.peer, x.mux, x.mid = t.agent, t.peer, t.mux, t.mid
	e.place(t, m)
	if t.how != sdp.DTLS {
		e.dtls.end()
	}
	e.require(t.how != sdp.Plain, keep)
	switch t.how {
	case sdp.SDES:
		_ = e.keyRTP(t.ours, t.theirs) // keys of a known size do not fail
		_ = e.keyReports(t.ours, t.theirs)
	case sdp.DTLS:
		e.associate(dtls.Association{Identity: e.eng.identity, Prints: t.prints, Client: t.role == sdp.Active}, t.mux, addrPort(m))
	}
}

// place says on which ports and by which checks the party is found.
func (e *Endpoint) place(t terms, m *sdp.Media) {
	if e.rx.check(t.agent, checks(m)) {
		e.tx.forget()
	}
	c := &e.rtcp
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mux = t.mux
	c.muxed = c.muxed || t.mux
	c.said = uint16(m.Link.RTCP)
	if own := t.agent.Ufrag != "" || t.how == sdp.DTLS; own && !t.mux && c.socket == nil && !c.denied && !c.over {
		c.hold(e) // checks and handshakes come here too, at once
	}
}

func (s *session) count(st *Stats) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.agreed {
		return
	}
	st.Encryption = [...]Encryption{Plain, SDES, DTLS}[s.secure.how]
}
