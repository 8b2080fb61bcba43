package media

import (
	"fmt"
	"slices"
	"strings"

	"github.com/offhook/offhook/edge/media/opus"
	"github.com/offhook/offhook/edge/media/sdp"
)

// Prefer says what the party is to be offered, and what is taken of its offers. It counts from the next description on.
func (e *Endpoint) Prefer(p Profile) {
	e.sess.mu.Lock()
	defer e.sess.mu.Unlock()
	e.sess.prefer = p
	e.rx.expectNear(p.Near)
}

// spoken are the codecs that there are, in the order in which they are offered.
var spoken = speaks(opus.Built)

func speaks(opus bool) []string {
	return slices.DeleteFunc(sdp.Spoken(), func(name string) bool { return name == sdp.Opus && !opus })
}

// Speaks says whether there is a codec of this name.
func Speaks(name string) bool { return slices.Contains(spoken, strings.ToUpper(name)) }

// names of the codecs that are allowed, in order. A Profile that names none that there are allows all.
func (p *Profile) names() []string {
	if out := p.said(); out != nil {
		return out
	}
	return slices.Clone(spoken)
}

// said are those that the Profile names; nil: none that there are.
func (p *Profile) said() (out []string) {
	for _, name := range p.Codecs {
		if name = strings.ToUpper(name); Speaks(name) && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// order puts codecs in the order of who needs no transcoding, unless the Profile has one of its own. A browser has Opus
// first whoever it hears, for its line is the one that loses packets; others have it where the other party has.
func (p *Profile) order(c *sdp.Codecs, browser bool) {
	if p.said() == nil {
		c.Last(sdp.Opus)
	}
	c.Lead(p.Like)
	if p.said() == nil && browser {
		c.Lead([]string{sdp.Opus})
	}
}

// common is what is taken of a section of an offer.
func (p *Profile) common(m *sdp.Media, names []string, how sdp.Protection) sdp.Codecs {
	c := m.Common(names)
	p.order(&c, p.Browser || how == sdp.DTLS && m.Link.ICE.Used())
	return c
}

// offered is what an offer has: in a session that exists its codec comes first, so that it stays.
func (s *session) offered() sdp.Codecs {
	c := sdp.Ours(s.prefer.names(), s.types)
	if len(s.prefer.Codecs) == 0 {
		s.prefer.order(&c, s.prefer.Browser)
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
	at, how := p.pick(&s, names)
	if at < 0 {
		return nil, unusable(&s, names)
	}
	return p.common(&s.Media[at], names, how).Names(), nil
}
