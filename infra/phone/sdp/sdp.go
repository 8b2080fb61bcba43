// Package sdp reads and writes the session descriptions of the phone: one audio stream of G.711 with digits (RFC 8866, 3264).
// It opens no ports and decides no codec.
package sdp

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Errors about SDP.
var (
	ErrSDP   = errors.New("broken SDP")
	ErrCodec = errors.New("no common codec")
)

// Static payload types (RFC 3551 section 6), and ours for digits.
const (
	PCMU   = 0
	PCMA   = 8
	Digits = 101
)

// Session is what matters of an SDP body (RFC 8866): its first audio stream.
type Session struct {
	Addr      netip.AddrPort
	Payloads  []int // in order of preference, of those we know
	Digits    int   // payload type of telephone-event at 8 kHz; -1: none
	Direction string
	Streams   []string // of all m= lines with what follows the port, for the answer
	Audio     int      // which of them is ours
}

// Held: they don't want to hear us. RFC 3264 section 8.4; the zero address is RFC 2543's way.
func (s Session) Held() bool {
	return s.Direction == "sendonly" || s.Direction == "inactive" || s.Addr.Addr().IsUnspecified()
}

// Wants: they want our sound.
func (s Session) Wants() bool {
	return (s.Direction == "sendrecv" || s.Direction == "recvonly") && s.Addr.IsValid() && !s.Addr.Addr().IsUnspecified()
}

type reader struct {
	s       Session
	media   int // number of the m= line we are below; -1: none yet
	port    uint16
	address string
	names   map[int]string // rtpmap
	listed  []int
}

// Parse reads an offer or answer. Errors: ErrSDP for what is broken, ErrCodec where no stream of ours is in it.
func Parse(body []byte) (Session, error) {
	if len(body) > 16<<10 {
		return Session{}, fmt.Errorf("%w: too long", ErrSDP)
	}
	r := reader{s: Session{Direction: "sendrecv", Digits: -1, Audio: -1}, media: -1, names: map[int]string{}}
	for line := range strings.Lines(string(body)) {
		if kind, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), "="); ok {
			r.line(kind, value)
		}
	}
	return r.finish()
}

func (r *reader) line(kind, value string) {
	ours := r.media == -1 || r.media == r.s.Audio // the session's lines, and those of our stream
	switch {
	case kind == "m":
		r.stream(value)
	case kind == "c" && ours:
		if f := strings.Fields(value); len(f) == 3 {
			r.address = f[2]
		}
	case kind == "a" && ours:
		r.attribute(value)
	}
}

func (r *reader) stream(value string) {
	r.media++
	f := strings.Fields(value)
	if len(f) < 4 {
		r.s.Streams = append(r.s.Streams, "audio 0 RTP/AVP 0")
		return
	}
	r.s.Streams = append(r.s.Streams, f[0]+" 0 "+strings.Join(f[2:], " "))
	port, err := strconv.ParseUint(strings.Split(f[1], "/")[0], 10, 16)
	if f[0] != "audio" || f[2] != "RTP/AVP" || r.s.Audio >= 0 || err != nil || port == 0 {
		return
	}
	r.s.Audio, r.port = r.media, uint16(port)
	for _, p := range f[3:] {
		if n, err := strconv.Atoi(p); err == nil && n >= 0 && n < 128 {
			r.listed = append(r.listed, n)
		}
	}
}

func (r *reader) attribute(value string) {
	switch value {
	case "sendrecv", "sendonly", "recvonly", "inactive":
		r.s.Direction = value
		return
	}
	if rest, ok := strings.CutPrefix(value, "rtpmap:"); ok {
		number, name, _ := strings.Cut(rest, " ")
		if n, err := strconv.Atoi(number); err == nil {
			r.names[n] = strings.ToLower(strings.TrimSpace(name))
		}
	}
}

func (r *reader) finish() (Session, error) {
	if r.s.Audio < 0 {
		return Session{}, fmt.Errorf("%w: no audio stream", ErrCodec)
	}
	ip, err := netip.ParseAddr(r.address)
	if err != nil {
		return Session{}, fmt.Errorf("%w: address %q", ErrSDP, r.address)
	}
	r.s.Addr = netip.AddrPortFrom(ip.Unmap(), r.port)
	for _, n := range r.listed {
		switch {
		case n == PCMU, n == PCMA:
			r.s.Payloads = append(r.s.Payloads, n)
		case strings.HasPrefix(r.names[n], "telephone-event/8000"):
			r.s.Digits = n
		}
	}
	if len(r.s.Payloads) == 0 {
		return Session{}, fmt.Errorf("%w: they have %v", ErrCodec, r.listed)
	}
	return r.s, nil
}

// Description is what our own SDP says.
type Description struct {
	Addr      netip.AddrPort
	Zero      bool // hold by address
	Version   uint64
	Payloads  []int
	Digits    int
	Direction string
}

// Names are the encoding names of the payload types.
var Names = map[int]string{PCMU: "PCMU", PCMA: "PCMA"}

// Write gives the SDP. streams are the lines of the offer it answers, audio which of them is ours; nil: an offer.
func (d Description) Write(streams []string, audio int) []byte {
	ip := d.Addr.Addr().String()
	family, zero := "IP4", "0.0.0.0"
	if d.Addr.Addr().Is6() {
		family, zero = "IP6", "::"
	}
	at := ip
	if d.Zero {
		at = zero
	}
	var b strings.Builder
	fmt.Fprintf(&b, "v=0\r\no=- %d %d IN %s %s\r\ns=offhook phone\r\nc=IN %s %s\r\nt=0 0\r\n", d.Addr.Port(), d.Version, family, ip, family, at)
	if streams == nil {
		d.stream(&b)
	}
	for i, s := range streams {
		if i == audio {
			d.stream(&b)
		} else {
			fmt.Fprintf(&b, "m=%s\r\n", s) // port 0: refused (RFC 3264 section 6)
		}
	}
	return []byte(b.String())
}

func (d Description) stream(b *strings.Builder) {
	fmt.Fprintf(b, "m=audio %d RTP/AVP", d.Addr.Port())
	for _, p := range d.Payloads {
		fmt.Fprintf(b, " %d", p)
	}
	if d.Digits >= 0 {
		fmt.Fprintf(b, " %d", d.Digits)
	}
	b.WriteString("\r\n")
	for _, p := range d.Payloads {
		fmt.Fprintf(b, "a=rtpmap:%d %s/8000\r\n", p, Names[p])
	}
	if d.Digits >= 0 {
		fmt.Fprintf(b, "a=rtpmap:%d telephone-event/8000\r\na=fmtp:%d 0-15\r\n", d.Digits, d.Digits)
	}
	fmt.Fprintf(b, "a=ptime:20\r\na=%s\r\n", d.Direction)
}

// Mirror is the direction that answers one (RFC 3264 section 6.1), while we hold them or not.
func Mirror(offered, held string) string {
	out := map[string]string{"sendrecv": "sendrecv", "sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive"}[offered]
	switch {
	case held == "":
		return out
	case held == "inactive", out == "recvonly":
		return "inactive"
	case out == "sendrecv":
		return "sendonly"
	}
	return out
}

// Common keeps theirs in order, of those that are ours too.
func Common(theirs, ours []int) []int {
	return slices.DeleteFunc(slices.Clone(theirs), func(p int) bool { return !slices.Contains(ours, p) })
}
