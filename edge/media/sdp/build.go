package sdp

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Names of what we speak, as in rtpmap but for capitals.
const (
	PCMU  = "PCMU"
	PCMA  = "PCMA"
	G722  = "G722"
	Opus  = "OPUS"
	Event = "TELEPHONE-EVENT"
)

// RTP clocks: that of Opus (RFC 7587 section 4.1), and of all others, also of G722, whose sound is 16 kHz (RFC 3551 section
// 4.5.2).
const (
	rate     = 8000
	opusRate = 48000
)

// spoken are the codecs that there are, in the order in which they are offered.
var spoken = [...]Format{
	{Token: "0", Type: 0, Name: PCMU, Rate: rate},
	{Token: "8", Type: 8, Name: PCMA, Rate: rate},
	{Token: "9", Type: 9, Name: G722, Rate: rate},
	{Name: Opus, Rate: opusRate, Channels: 2},
}

// events are telephone-event by the clock of the sound that it stands beside (RFC 4733 section 2.1).
var events = [...]Format{{Name: Event, Rate: rate}, {Name: Event, Rate: opusRate}}

// Spoken names the codecs that can be written, in the order in which they are offered.
func Spoken() []string {
	names := make([]string, len(spoken))
	for i, f := range spoken {
		names[i] = f.Name
	}
	return names
}

// Codecs are the payload types that were agreed on: those of Audio in the order of the offer, then telephone-event.
type Codecs struct {
	Audio, Events []Format
}

// Ours is what we offer: the codecs of these names, and telephone-event beside them.
func Ours(names []string, types Types) (c Codecs) {
	for _, name := range names {
		for _, f := range spoken {
			if f.Name == name {
				c.Audio = append(c.Audio, types.of(f))
			}
		}
	}
	for _, f := range events {
		if c.stands(f) {
			c.Events = append(c.Events, types.of(f))
		}
	}
	return c
}

// Common is what the section has of the codecs of these names, each once and in its own order; none of Audio when there is
// no codec in common.
func (m *Media) Common(names []string) (c Codecs) {
	for _, f := range m.Formats {
		if f.spoken() && slices.Contains(names, f.Name) && !c.has(f.Name) {
			c.Audio = append(c.Audio, f)
		}
	}
	for _, e := range events {
		if i := slices.IndexFunc(m.Formats, func(f Format) bool { return f.is(e) }); i >= 0 && c.stands(e) {
			c.Events = append(c.Events, m.Formats[i])
		}
	}
	return c
}

func (f Format) spoken() bool { return slices.ContainsFunc(spoken[:], f.is) }

// stands says that telephone-event of this clock may be beside Audio. That of 8000 always is: there are phones that know no
// other, whatever they speak.
func (c Codecs) stands(event Format) bool {
	return event.Rate == rate || slices.ContainsFunc(c.Audio, func(f Format) bool { return f.Rate == event.Rate })
}

// Event is telephone-event to be sent beside sound with this clock: of the same, else of what clock there is, which some
// phones have beside Opus. Its Type is NoType when there is none.
func (c Codecs) Event(rate int) Format {
	found := Format{Type: NoType}
	for _, f := range c.Events {
		if f.Rate == rate || found.Type == NoType {
			found = f
		}
	}
	return found
}

// Last puts a codec behind all others.
func (c *Codecs) Last(name string) {
	if i := slices.IndexFunc(c.Audio, func(f Format) bool { return f.Name == name }); i >= 0 {
		f := c.Audio[i]
		c.Audio = append(slices.Delete(c.Audio, i, i+1), f)
	}
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
	for _, f := range l.Codecs.Events {
		write(b, " ", f.Token)
	}
	write(b, "\r\n")
	for _, f := range l.Codecs.Audio {
		f.describe(b)
	}
	for _, f := range l.Codecs.Events {
		write(b, "a=rtpmap:", f.Token, " telephone-event/", strconv.Itoa(f.Rate), "\r\na=fmtp:", f.Token, " 0-15\r\n")
	}
	l.Link.section(b, l.Addr, l.Port)
	write(b, "a=ptime:20\r\na=", l.Direction.String(), "\r\n")
}

// describe writes what a codec is, and of Opus what we would hear: it is decoded at 16 kHz and mono, its repetitions are used,
// and a voice needs no more than 40 kbit/s (RFC 7587 sections 6.1 and 7).
func (f Format) describe(b *strings.Builder) {
	if f.Name != Opus {
		write(b, "a=rtpmap:", f.Token, " ", f.Name, "/8000\r\n")
		return
	}
	write(b, "a=rtpmap:", f.Token, " opus/48000/2\r\na=fmtp:", f.Token, " minptime=10;useinbandfec=1;maxaveragebitrate=40000;stereo=0\r\n")
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
