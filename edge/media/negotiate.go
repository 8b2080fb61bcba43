package media

import (
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"sync"

	"github.com/offhook/offhook/edge/media/sdp"
)

var seed = maphash.MakeSeed()

// session is the state of offers and answers.
type session struct {
	mu      sync.Mutex
	prefer  Profile
	id      uint64
	version uint64
	ours    string       // our last description
	theirs  uint64       // their last description, as a hash
	layout  *sdp.Session // theirs, when it has more media than our one
	at      int          // index of the audio in it
	types   sdp.Types    // payload types that this session has
	agreed  bool
	codecs  []string // that were agreed on, the one that is spoken first
	secure  security
}

func (s *session) begin() {
	s.id, s.version, s.types = rand.Uint64()>>2, 1, sdp.FirstTypes
}

// local is our side of a description.
func (e *Endpoint) local(d sdp.Direction, c sdp.Codecs, link sdp.Link) sdp.Local {
	return sdp.Local{
		ID: e.sess.id, Version: e.sess.version, Addr: e.eng.cfg.Advertise, Port: e.port, Direction: d, Codecs: c,
		Proto: e.sess.secure.proto, Link: link,
	}
}

// say raises the version when a description differs from the one before (RFC 3264 section 8).
func (s *session) say(l sdp.Local, write func(sdp.Local) []byte) []byte {
	text := write(l)
	if s.ours != "" && string(text) != s.ours {
		s.version++
		l.Version = s.version
		text = write(l)
	}
	s.ours = string(text)
	return text
}

// Offer gives our offer: the codecs of the Profile, telephone-event, sendrecv. In a session that exists it keeps the codec,
// the payload types and the place of the audio among the media (RFC 3264 section 8).
func (e *Endpoint) Offer() []byte {
	e.sess.mu.Lock()
	defer e.sess.mu.Unlock()
	link := e.propose()
	return e.sess.say(e.local(sdp.SendRecv, e.sess.offered(), link), e.sess.offer)
}

func (s *session) offer(l sdp.Local) []byte {
	if s.layout != nil {
		return l.Answer(*s.layout, s.at)
	}
	return l.Offer()
}

// Answer takes an offer and gives the answer to it. Errors: ErrBadSDP, ErrNoCodec, ErrNoEncryption; nothing has changed then.
func (e *Endpoint) Answer(offer []byte) (answer []byte, n Negotiated, err error) {
	e.sess.mu.Lock()
	defer e.sess.mu.Unlock()
	theirs, err := sdp.Parse(offer)
	if err != nil {
		return nil, Negotiated{}, fmt.Errorf("%w: %w", ErrBadSDP, err)
	}
	names := e.sess.prefer.names()
	at, how := e.sess.prefer.pick(&theirs, names)
	if at < 0 {
		return e.answerOff(theirs)
	}
	m := &theirs.Media[at]
	if err := e.reachable(m); err != nil {
		return nil, Negotiated{}, err
	}
	codecs := e.sess.prefer.common(m, names, how)
	t := e.sess.terms(m, how)
	e.sess.place(theirs, at)
	e.enforce(t, m)
	e.apply(m, codecs, codecs, offer)
	answer = e.sess.say(e.local(m.Direction.Reverse(), codecs, e.link(t)), func(l sdp.Local) []byte { return l.Answer(theirs, at) })
	return answer, e.sess.negotiated(m), nil
}

// answerOff answers an offer that switches the audio of a session off by port 0, which some phones do to hold.
func (e *Endpoint) answerOff(theirs sdp.Session) ([]byte, Negotiated, error) {
	at := theirs.PickOff()
	if at < 0 || !e.sess.agreed {
		return nil, Negotiated{}, unusable(&theirs, e.sess.prefer.names())
	}
	e.sess.place(theirs, at)
	e.sess.theirs = 0
	e.tx.shut()
	e.watch(false)
	answer := e.sess.say(e.local(sdp.Inactive, sdp.Codecs{}, sdp.Link{}), func(l sdp.Local) []byte { return l.Answer(theirs, -1) })
	return answer, Negotiated{Held: true, Codec: e.sess.codecs[0]}, nil
}

// Accept takes the answer to our Offer; of several branches of a fork the last one counts. Errors: ErrBadSDP,
// ErrNoCodec, ErrNoEncryption; nothing has changed then.
func (e *Endpoint) Accept(answer []byte) (Negotiated, error) {
	e.sess.mu.Lock()
	defer e.sess.mu.Unlock()
	theirs, err := sdp.Parse(answer)
	if err != nil {
		return Negotiated{}, fmt.Errorf("%w: %w", ErrBadSDP, err)
	}
	if e.sess.at >= len(theirs.Media) {
		return Negotiated{}, fmt.Errorf("%w: the answer has fewer media than the offer", ErrBadSDP)
	}
	m := &theirs.Media[e.sess.at]
	codecs := m.Common(e.sess.prefer.names())
	if m.Port == 0 || len(codecs.Audio) == 0 {
		return Negotiated{}, ErrNoCodec
	}
	t, err := e.sess.accepted(m)
	if err != nil {
		return Negotiated{}, err
	}
	if err := e.reachable(m); err != nil {
		return Negotiated{}, err
	}
	e.enforce(t, m)
	e.apply(m, codecs, e.sess.offered(), answer)
	return e.sess.negotiated(m), nil
}

// reachable: the address is one that our socket can send to. With ICE it is not the address that counts.
func (e *Endpoint) reachable(m *sdp.Media) error {
	if checks(m) {
		return nil
	}
	if !m.Addr.IsValid() || m.Addr.Is4() != e.eng.cfg.IP.Is4() {
		return fmt.Errorf("%w: no usable address", ErrBadSDP)
	}
	return nil
}

// place remembers the media of a session with more than audio: later offers must keep them.
func (s *session) place(theirs sdp.Session, at int) {
	s.layout, s.at = nil, at
	if len(theirs.Media) > 1 {
		kept := theirs // else each would be on the heap
		s.layout = &kept
	}
}

func (s *session) negotiated(m *sdp.Media) Negotiated {
	return Negotiated{Held: m.Held(), Codec: s.codecs[0]}
}

// apply puts an agreement into force. theirs are the types to send with, mine the types that may come.
func (e *Endpoint) apply(m *sdp.Media, theirs, mine sdp.Codecs, text []byte) {
	was := e.sess.theirs
	e.sess.theirs = maphash.Bytes(seed, text)
	e.sess.agreed, e.sess.codecs = true, theirs.Names()
	e.sess.types.Learn(theirs)
	if clock := codecNames[theirs.Audio[0].Name].clock(); e.tx.turns(clock) {
		e.rtcp.turn(e, e.eng.now())
	}
	moved := e.rx.agree(theirs, mine, addrPort(m), e.sess.theirs != was)
	e.tx.agree(m, theirs, moved)
	e.watch(m.Direction == sdp.SendRecv)
}
