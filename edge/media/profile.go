package media

import (
	"fmt"
	"slices"
	"strings"

	"github.com/offhook/offhook/edge/media/sdp"
)

// Prefer says what the party is to be offered, and what is taken of its offers. It counts from the next description on.
func (e *Endpoint) Prefer(p Profile) {
	e.sess.mu.Lock()
	defer e.sess.mu.Unlock()
	e.sess.prefer = p
	e.rx.expectNear(p.Near)
}

// names of the codecs that are allowed, in order. A Profile that names none that there are allows all.
func (p *Profile) names() []string {
	var out []string
	for _, name := range p.Codecs {
		if name = strings.ToUpper(name); slices.Contains(sdp.Spoken(), name) && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	if out == nil {
		out = sdp.Spoken()
	}
	return out
}

// offered is what an offer has: in a session that exists its codec comes first, so that it stays.
func (s *session) offered() sdp.Codecs {
	c := sdp.Ours(s.prefer.names(), s.event)
	if len(s.prefer.Codecs) == 0 {
		c.Lead(s.prefer.Like)
	}
	if s.agreed {
		c.Lead(s.codecs[:1])
	}
	return c
}

// Codecs names the codecs that were agreed on, the one that is spoken first; none before.
func (e *Endpoint) Codecs() []string {
	e.sess.mu.Lock()
	defer e.sess.mu.Unlock()
	return slices.Clone(e.sess.codecs)
}

// Common names the codecs that an offer and the Profile have in common, in the order of the offer.
func (p *Profile) Common(offer []byte) ([]string, error) {
	s, err := sdp.Parse(offer)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBadSDP, err)
	}
	names := p.names()
	at, _ := p.pick(&s, names)
	if at < 0 {
		return nil, unusable(&s, names)
	}
	return s.Media[at].Common(names).Names(), nil
}
