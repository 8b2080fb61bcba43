package sdp

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Names of what we speak, as in rtpmap.
const (
	PCMU  = "PCMU"
	PCMA  = "PCMA"
	G722  = "G722"
	Event = "TELEPHONE-EVENT"
)

// rate is the RTP clock of all of them, also of G722, whose sound is 16 kHz (RFC 3551 section 4.5.2).
const rate = 8000

// spoken are the codecs that there are, in the order in which they are offered.
var spoken = [...]Format{
	{Token: "0", Type: 0, Name: PCMU, Rate: rate},
	{Token: "8", Type: 8, Name: PCMA, Rate: rate},
	{Token: "9", Type: 9, Name: G722, Rate: rate},
}

// Spoken names the codecs that there are, in the order in which they are offered.
func Spoken() []string {
	names := make([]string, len(spoken))
	for i, f := range spoken {
		names[i] = f.Name
	}
	return names
}

// Codecs are the payload types that were agreed on: those of Audio in the order of the offer, then Event (NoType: none).
type Codecs struct {
	Audio []Format
	Event uint8
}

// Ours is what we offer: the codecs of these names, and telephone-event at the given type.
func Ours(names []string, event uint8) Codecs {
	c := Codecs{Event: event}
	for _, name := range names {
		for _, f := range spoken {
			if f.Name == name {
				c.Audio = append(c.Audio, f)
			}
		}
	}
	return c
}

// Common is what the section has of the codecs of these names, each once and in its own order; none of Audio when there is
// no codec in common.
func (m *Media) Common(names []string) Codecs {
	c := Codecs{Event: NoType}
	for _, f := range m.Formats {
		if f.is(f.Name, rate) && slices.Contains(names, f.Name) && !c.has(f.Name) {
			c.Audio = append(c.Audio, f)
		}
	}
	if f, ok := m.Find(Event, rate); ok {
		c.Event = f.Type
	}
	return c
}

// Lead puts the codecs of these names first, in their order.
func (c *Codecs) Lead(names []string) {
	place := func(f Format) int {
		if i := slices.Index(names, f.Name); i >= 0 {
			return i
		}
		return len(names)
	}
	slices.SortStableFunc(c.Audio, func(a, b Format) int { return place(a) - place(b) })
}

// Names of Audio.
func (c Codecs) Names() []string {
	names := make([]string, len(c.Audio))
	for i, f := range c.Audio {
		names[i] = f.Name
	}
	return names
}

func (c Codecs) has(name string) bool {
	return slices.ContainsFunc(c.Audio, func(f Format) bool { return f.Name == name })
}

// Pick gives the index of the first audio section with a codec of these names that can be taken with this protection; -1 if there
// is none.
func (s *Session) Pick(names []string, p Protection) int {
	for i := range s.Media {
		if m := &s.Media[i]; m.Port != 0 && m.Allows(p) && len(m.Common(names).Audio) > 0 {
			return i
		}
	}
	return -1
}

// PickOff gives the index of the first audio section that was switched off by port 0; -1 if there is none.
func (s *Session) PickOff() int {
	for i := range s.Media {
		if m := &s.Media[i]; m.Port == 0 && m.rtp() {
			return i
		}
	}
	return -1
}

// Speaks says that some audio section has a codec of these names, however it is protected.
func (s *Session) Speaks(names []string) bool {
	for i := range s.Media {
		if m := &s.Media[i]; m.Port != 0 && m.rtp() && len(m.Common(names).Audio) > 0 {
			return true
		}
	}
	return false
}

// Local is our side of a session. Version goes up by one with each description that differs (RFC 3264 section 8).
type Local struct {
	ID, Version uint64
	Addr        netip.Addr
	Port        int
	Direction   Direction
	Codecs      Codecs
	Proto       string // of an offer; default RTP/AVP
	Link        Link
}

// Offer writes our offer.
func (l Local) Offer() []byte {
	var b strings.Builder
	l.Link.bundle = l.Link.Mid != ""
	l.head(&b, "0 0")
	l.audio(&b, cmp.Or(l.Proto, Plain.Proto(false)))
	return []byte(b.String())
}

// Answer writes the answer to an offer: as many media in the same order, all but the one at index at refused with port 0
// (RFC 3264 section 6). at -1 refuses all.
func (l Local) Answer(offer Session, at int) []byte {
	var b strings.Builder
	l.Link.join(&offer)
	l.head(&b, offer.Time)
	for i := range offer.Media {
		if m := &offer.Media[i]; i == at {
			l.audio(&b, m.Proto)
		} else {
			refuse(&b, m)
		}
	}
	return []byte(b.String())
}

func (l Local) head(b *strings.Builder, time string) {
	family := " IN IP4 "
	if l.Addr.Is6() {
		family = " IN IP6 "
	}
	write(b, "v=0\r\no=- ", strconv.FormatUint(l.ID, 10), " ", strconv.FormatUint(l.Version, 10), family, l.Addr.String(),
		"\r\ns=-\r\nc=", family[1:], l.Addr.String(), "\r\nt=", time, "\r\n")
	l.Link.session(b)
}

func (l Local) audio(b *strings.Builder, proto string) {
	write(b, "m=audio ", strconv.Itoa(l.Port), " ", proto)
	for _, f := range l.Codecs.Audio {
		write(b, " ", f.Token)
	}
	event := strconv.Itoa(int(l.Codecs.Event))
	if l.Codecs.Event != NoType {
		write(b, " ", event)
	}
	write(b, "\r\n")
	for _, f := range l.Codecs.Audio {
		write(b, "a=rtpmap:", f.Token, " ", f.Name, "/8000\r\n")
	}
	if l.Codecs.Event != NoType {
		write(b, "a=rtpmap:", event, " telephone-event/8000\r\na=fmtp:", event, " 0-15\r\n")
	}
	l.Link.section(b, l.Addr, l.Port)
	write(b, "a=ptime:20\r\na=", l.Direction.String(), "\r\n")
}

// refuse repeats the section's formats, since an m= line must have some.
func refuse(b *strings.Builder, m *Media) {
	write(b, "m=", m.Kind, " 0 ", m.Proto)
	for _, f := range m.Formats {
		write(b, " ", f.Token)
	}
	write(b, "\r\n")
	if m.Link.Mid != "" {
		write(b, "a=mid:", m.Link.Mid, "\r\n")
	}
}

func write(b *strings.Builder, parts ...string) {
	for _, p := range parts {
		b.WriteString(p)
	}
}
