package phone

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
	errSDP   = errors.New("broken SDP")
	errCodec = errors.New("no common codec")
)

// Static payload types (RFC 3551 section 6), and ours for digits.
const (
	payloadPCMU   = 0
	payloadPCMA   = 8
	payloadDigits = 101
)

// session is what matters of an SDP body (RFC 8866): its first audio stream.
type session struct {
	addr      netip.AddrPort
	payloads  []int // in order of preference, of those we know
	digits    int   // payload type of telephone-event at 8 kHz; -1: none
	direction string
	kinds     []string // of all m= lines with what follows the port, for the answer
	audio     int      // which of them is ours
}

// held: they don't want to hear us. RFC 3264 section 8.4; the zero address is RFC 2543's way.
func (s session) held() bool {
	return s.direction == "sendonly" || s.direction == "inactive" || s.addr.Addr().IsUnspecified()
}

// wants: they want our sound.
func (s session) wants() bool {
	return (s.direction == "sendrecv" || s.direction == "recvonly") && s.addr.IsValid() && !s.addr.Addr().IsUnspecified()
}

type sdpReader struct {
	s       session
	media   int // number of the m= line we are below; -1: none yet
	port    uint16
	address string
	names   map[int]string // rtpmap
	listed  []int
}

// parseSDP reads an offer or answer.
func parseSDP(body []byte) (session, error) {
	if len(body) > 16<<10 {
		return session{}, fmt.Errorf("%w: too long", errSDP)
	}
	r := sdpReader{s: session{direction: "sendrecv", digits: -1, audio: -1}, media: -1, names: map[int]string{}}
	for line := range strings.Lines(string(body)) {
		if kind, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), "="); ok {
			r.line(kind, value)
		}
	}
	return r.finish()
}

func (r *sdpReader) line(kind, value string) {
	ours := r.media == -1 || r.media == r.s.audio // the session's lines, and those of our stream
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

func (r *sdpReader) stream(value string) {
	r.media++
	f := strings.Fields(value)
	if len(f) < 4 {
		r.s.kinds = append(r.s.kinds, "audio 0 RTP/AVP 0")
		return
	}
	r.s.kinds = append(r.s.kinds, f[0]+" 0 "+strings.Join(f[2:], " "))
	port, err := strconv.ParseUint(strings.Split(f[1], "/")[0], 10, 16)
	if f[0] != "audio" || f[2] != "RTP/AVP" || r.s.audio >= 0 || err != nil || port == 0 {
		return
	}
	r.s.audio, r.port = r.media, uint16(port)
	for _, p := range f[3:] {
		if n, err := strconv.Atoi(p); err == nil && n >= 0 && n < 128 {
			r.listed = append(r.listed, n)
		}
	}
}

func (r *sdpReader) attribute(value string) {
	switch value {
	case "sendrecv", "sendonly", "recvonly", "inactive":
		r.s.direction = value
		return
	}
	if rest, ok := strings.CutPrefix(value, "rtpmap:"); ok {
		number, name, _ := strings.Cut(rest, " ")
		if n, err := strconv.Atoi(number); err == nil {
			r.names[n] = strings.ToLower(strings.TrimSpace(name))
		}
	}
}

func (r *sdpReader) finish() (session, error) {
	if r.s.audio < 0 {
		return session{}, fmt.Errorf("%w: no audio stream", errCodec)
	}
	ip, err := netip.ParseAddr(r.address)
	if err != nil {
		return session{}, fmt.Errorf("%w: address %q", errSDP, r.address)
	}
	r.s.addr = netip.AddrPortFrom(ip.Unmap(), r.port)
	for _, n := range r.listed {
		switch {
		case n == payloadPCMU, n == payloadPCMA:
			r.s.payloads = append(r.s.payloads, n)
		case strings.HasPrefix(r.names[n], "telephone-event/8000"):
			r.s.digits = n
		}
	}
	if len(r.s.payloads) == 0 {
		return session{}, fmt.Errorf("%w: they have %v", errCodec, r.listed)
	}
	return r.s, nil
}

// described is what our own SDP says.
type described struct {
	addr      netip.AddrPort
	zero      bool // hold by address
	version   uint64
	payloads  []int
	digits    int
	direction string
}

var codecNames = map[int]string{payloadPCMU: "PCMU", payloadPCMA: "PCMA"}

// write gives the SDP. streams are the lines of the offer it answers, audio which of them is ours; nil: an offer.
func (d described) write(streams []string, audio int) []byte {
	ip := d.addr.Addr().String()
	family := "IP4"
	if d.addr.Addr().Is6() {
		family = "IP6"
	}
	at := ip
	if d.zero {
		at = "0.0.0.0"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "v=0\r\no=- %d %d IN %s %s\r\ns=offhook phone\r\nc=IN %s %s\r\nt=0 0\r\n", d.addr.Port(), d.version, family, ip, family, at)
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

func (d described) stream(b *strings.Builder) {
	fmt.Fprintf(b, "m=audio %d RTP/AVP", d.addr.Port())
	for _, p := range d.payloads {
		fmt.Fprintf(b, " %d", p)
	}
	if d.digits >= 0 {
		fmt.Fprintf(b, " %d", d.digits)
	}
	b.WriteString("\r\n")
	for _, p := range d.payloads {
		fmt.Fprintf(b, "a=rtpmap:%d %s/8000\r\n", p, codecNames[p])
	}
	if d.digits >= 0 {
		fmt.Fprintf(b, "a=rtpmap:%d telephone-event/8000\r\na=fmtp:%d 0-15\r\n", d.digits, d.digits)
	}
	fmt.Fprintf(b, "a=ptime:20\r\na=%s\r\n", d.direction)
}

// mirror is the direction that answers one (RFC 3264 section 6.1), while we hold them or not.
func mirror(offered, held string) string {
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

// common keeps theirs in order, of those that are ours too.
func common(theirs, ours []int) []int {
	return slices.DeleteFunc(slices.Clone(theirs), func(p int) bool { return !slices.Contains(ours, p) })
}
