// Package sdp reads and writes session descriptions of telephone audio (RFC 4566, RFC 8866) and answers offers (RFC 3264).
// Keys, fingerprints and ICE are words to it: it knows no sockets, no SRTP, no DTLS and no video. What it does not know it
// refuses, never guesses.
package sdp

import (
	"errors"
	"net/netip"
	"strings"
)

// ErrSyntax is wrapped by every error of Parse.
var ErrSyntax = errors.New("sdp: not a usable session description")

// Direction of a stream, as the side says that wrote the description.
type Direction uint8

// Directions (RFC 8866 section 6.7).
const (
	SendRecv Direction = iota
	SendOnly
	RecvOnly
	Inactive
)

var directions = [...]string{"sendrecv", "sendonly", "recvonly", "inactive"}

func (d Direction) String() string { return directions[d&3] }

// Sends and Receives say what the writer of the description does.
func (d Direction) Sends() bool { return d == SendRecv || d == SendOnly }

// Receives is the other half of Sends.
func (d Direction) Receives() bool { return d == SendRecv || d == RecvOnly }

// Reverse is the direction that answers d (RFC 3264 section 6.1).
func (d Direction) Reverse() Direction {
	switch d {
	case SendOnly:
		return RecvOnly
	case RecvOnly:
		return SendOnly
	}
	return d
}

// direction of a side that does or does not send and receive.
func direction(sends, receives bool) Direction {
	switch {
	case sends && receives:
		return SendRecv
	case sends:
		return SendOnly
	case receives:
		return RecvOnly
	}
	return Inactive
}

// Session is a parsed description.
type Session struct {
	Time   string // the value of its first t= line, "0 0" if none
	Media  []Media
	Bundle []string // mids of its first group BUNDLE (RFC 9143)
}

// Media is one m= section with what the session level says for it.
type Media struct {
	Kind      string // audio, video ...
	Port      int    // 0: refused or switched off
	Proto     string
	Formats   []Format
	Addr      netip.Addr // zero when there is no usable c= line
	OnHold    bool       // c=0.0.0.0 or ::, the hold of RFC 2543
	Direction Direction  // as it is meant: OnHold is taken into account
	PTime     int        // ms, 0: not said
	MaxPTime  int
	Link      Link // with what the session level says for all
}

// Format is one payload format of an m= line with its rtpmap.
type Format struct {
	Token    string // as written
	Type     uint8  // payload type; 255 when Token is none
	Name     string // encoding name in capitals, static types filled in; "" if unknown
	Rate     int
	Channels int
	Params   string // its fmtp
}

// NoType marks a payload type that is not there.
const NoType uint8 = 255

// Held says whether the writer put us on hold.
func (m *Media) Held() bool {
	return m.OnHold || m.Port == 0 || m.Direction == SendOnly || m.Direction == Inactive
}

// is says that it is the same coding.
func (f Format) is(o Format) bool {
	return f.Type != NoType && f.Name == o.Name && f.Rate == o.Rate && max(f.Channels, 1) == max(o.Channels, 1)
}

// Param is the number that a parameter of the fmtp has, such as "minptime=10;useinbandfec=1"; 0: it is not there, or none.
func (f Format) Param(name string) int {
	for p := range strings.SplitSeq(f.Params, ";") {
		if key, value, _ := strings.Cut(strings.TrimSpace(p), "="); strings.EqualFold(key, name) {
			return number(value, 1<<20)
		}
	}
	return 0
}

// setName takes "PCMU/8000" or "opus/48000/2".
func (f *Format) setName(encoding string) {
	name, rest, _ := strings.Cut(encoding, "/")
	rate, channels, _ := strings.Cut(rest, "/")
	f.Name, f.Rate, f.Channels = strings.ToUpper(name), number(rate, 1<<20), number(channels, 255)
}

// number reads digits up to limit; anything else is 0.
func number(s string, limit int) int {
	n := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0
		}
		if n = n*10 + int(s[i]-'0'); n > limit {
			return 0
		}
	}
	return n
}
