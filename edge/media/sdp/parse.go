package sdp

import (
	"fmt"
	"net/netip"
	"strings"
)

// Bounds of what is read; real descriptions stay far below.
const (
	maxBytes   = 32 << 10
	maxMedia   = 32
	maxFormats = 64
)

// parser is where in the description we are.
type parser struct {
	s         Session
	addr      netip.Addr
	hold      bool
	direction Direction
	ptime     int
	maxPTime  int
	link      Link
}

// Parse reads a description. Unknown lines are skipped, lines may end in CRLF, LF or CR. Errors wrap ErrSyntax.
func Parse(b []byte) (Session, error) {
	if len(b) > maxBytes {
		return Session{}, fmt.Errorf("%w: longer than %d bytes", ErrSyntax, maxBytes)
	}
	lines := strings.FieldsFunc(string(b), func(r rune) bool { return r == '\r' || r == '\n' })
	if len(lines) == 0 || lines[0] != "v=0" {
		return Session{}, fmt.Errorf("%w: does not begin with v=0", ErrSyntax)
	}
	p := parser{s: Session{Time: "0 0"}}
	for n, line := range lines[1:] {
		if err := p.line(line); err != nil {
			return Session{}, fmt.Errorf("%w: line %d: %w", ErrSyntax, n+2, err)
		}
	}
	for i := range p.s.Media {
		p.s.Media[i].settle(&p.link)
	}
	return p.s, nil
}

func (p *parser) line(line string) error {
	if len(line) < 2 || line[1] != '=' {
		return fmt.Errorf("expected type=value, found %.40q", line)
	}
	if strings.IndexFunc(line, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7F }) >= 0 {
		return fmt.Errorf("control character in %.40q", line)
	}
	value := strings.TrimRight(line[2:], " \t")
	switch line[0] {
	case 'm':
		return p.media(value)
	case 'c':
		return p.connection(value)
	case 'a':
		p.attribute(value)
	case 't':
		p.time(value)
	}
	return nil
}

// time keeps the first t= line, which an answer repeats (RFC 3264 section 6).
func (p *parser) time(value string) {
	if len(p.s.Media) == 0 && p.s.Time == "0 0" && len(value) <= 42 && strings.Trim(value, "0123456789 ") == "" {
		p.s.Time = value
	}
}

// media reads "audio 49170[/2] RTP/AVP 0 8 101". What came before is the session's word for it.
func (p *parser) media(value string) error {
	f := strings.Fields(value)
	if len(f) < 4 {
		return fmt.Errorf("expected media, port, protocol and formats, found %.60q", value)
	}
	if len(p.s.Media) == maxMedia || len(f)-3 > maxFormats {
		return fmt.Errorf("more than %d media or %d formats", maxMedia, maxFormats)
	}
	first, _, _ := strings.Cut(f[1], "/")
	port := number(first, 65535)
	if port == 0 && strings.Trim(first, "0") != "" || first == "" {
		return fmt.Errorf("bad port %.20q", f[1])
	}
	m := Media{Kind: f[0], Port: port, Proto: f[2], Addr: p.addr, OnHold: p.hold, Direction: p.direction, PTime: p.ptime, MaxPTime: p.maxPTime}
	m.Formats = formats(f[3:])
	p.s.Media = append(p.s.Media, m)
	return nil
}

func formats(tokens []string) []Format {
	out := make([]Format, 0, len(tokens))
	for _, t := range tokens {
		f := Format{Token: t, Type: NoType}
		if n := number(t, 127); n > 0 || t == "0" {
			f.Type = uint8(n)
			f.setName(static(n))
		}
		out = append(out, f)
	}
	return out
}

// static payload types that need no rtpmap (RFC 3551 section 6).
func static(n int) string {
	switch n {
	case 0:
		return "PCMU/8000"
	case 8:
		return "PCMA/8000"
	case 9:
		return "G722/8000"
	}
	return ""
}

// connection reads "IN IP4 192.0.2.1". A name, a multicast group or an unknown family leaves the section without an
// address, which only matters when it is the one we would use.
func (p *parser) connection(value string) error {
	f := strings.Fields(value)
	if len(f) != 3 {
		return fmt.Errorf("expected c=IN IP4 address, found %.60q", value)
	}
	addr, hold := address(f)
	if n := len(p.s.Media); n > 0 {
		p.s.Media[n-1].Addr, p.s.Media[n-1].OnHold = addr, hold
		return nil
	}
	p.addr, p.hold = addr, hold
	return nil
}

func address(f []string) (addr netip.Addr, hold bool) {
	addr, err := netip.ParseAddr(f[2])
	if err != nil || f[0] != "IN" || addr.Zone() != "" || addr.Is4() != (f[1] == "IP4") || addr.IsMulticast() || addr == broadcast {
		return netip.Addr{}, false
	}
	return addr.Unmap(), addr.IsUnspecified()
}

var broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

func (p *parser) attribute(value string) {
	var m *Media
	if n := len(p.s.Media); n > 0 {
		m = &p.s.Media[n-1]
	}
	key, rest, _ := strings.Cut(value, ":")
	switch key {
	case "sendrecv", "sendonly", "recvonly", "inactive":
		p.setDirection(m, key)
	case "ptime", "maxptime":
		p.setPTime(m, key, number(strings.TrimSpace(rest), 10000))
	case "rtpmap":
		if m != nil {
			m.rtpmap(rest)
		}
	case "fmtp":
		if m != nil {
			m.fmtp(rest)
		}
	case "group":
		if p.s.Bundle == nil {
			p.s.Bundle = group(rest)
		}
	default:
		link := &p.link
		if m != nil {
			link = &m.Link
		}
		link.attribute(key, rest)
	}
}

func (p *parser) setDirection(m *Media, word string) {
	at := &p.direction
	if m != nil {
		at = &m.Direction
	}
	for d, name := range directions {
		if name == word {
			*at = Direction(d)
		}
	}
}

func (p *parser) setPTime(m *Media, key string, ms int) {
	at, most := &p.ptime, &p.maxPTime
	if m != nil {
		at, most = &m.PTime, &m.MaxPTime
	}
	if key == "maxptime" {
		at = most
	}
	*at = ms
}

// rtpmap reads "101 telephone-event/8000"; types that the m= line does not list are not kept.
func (m *Media) rtpmap(value string) {
	token, encoding, _ := strings.Cut(strings.TrimSpace(value), " ")
	for i := range m.Formats {
		if f := &m.Formats[i]; f.Token == token && f.Type != NoType {
			f.setName(strings.TrimSpace(encoding))
		}
	}
}

// fmtp reads "111 minptime=10;useinbandfec=1".
func (m *Media) fmtp(value string) {
	token, params, _ := strings.Cut(strings.TrimSpace(value), " ")
	for i := range m.Formats {
		if f := &m.Formats[i]; f.Token == token {
			f.Params = params
		}
	}
}

// settle takes the hold of RFC 2543 into the direction: who names no address cannot receive (RFC 3264 section 8.4). With ICE
// it only means that no candidate was known yet (RFC 8839 section 4.3.1).
func (m *Media) settle(session *Link) {
	m.Link.inherit(session)
	if m.OnHold = m.OnHold && !m.Link.ICE.Used(); m.OnHold {
		m.Direction = direction(m.Direction.Sends(), false)
	}
}
