package sipua

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/emiago/sipgo/sip"

	"github.com/offhook/offhook/edge/sipua/guard"
)

const (
	allow       = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, REGISTER, REFER, NOTIFY, SUBSCRIBE"
	allowEvents = "refer, message-summary"
	supported   = "timer, replaces, norefersub"
	typeSDP     = "application/sdp"
)

// abilities are told to who asks (RFC 3261 11.2).
var abilities = []Header{{"Allow", allow}, {"Accept", typeSDP}, {"Supported", supported}, {"Allow-Events", allowEvents}}

var errControl = errors.New("control character in a header")

// checkText refuses what would break out of a header line.
func checkText(values ...string) error {
	for _, v := range values {
		if guard.HasControl(v) {
			return fmt.Errorf("%w: %.40q", errControl, v)
		}
	}
	return nil
}

// token keeps the characters of s that may stand in a tag or a user part.
func token(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x7f && guard.IsTokenByte(byte(r)) {
			return r
		}
		return -1
	}, s)
}

// ownHeaders are written by us alone; nobody may add them.
var ownHeaders = map[string]bool{
	"via": true, "v": true, "from": true, "f": true, "to": true, "t": true, "call-id": true, "i": true, "cseq": true,
	"contact": true, "m": true, "route": true, "record-route": true, "max-forwards": true, "content-length": true, "l": true,
	"content-type": true, "c": true, "require": true, "supported": true, "k": true, "session-expires": true, "x": true,
	"min-se": true, "privacy": true, "p-asserted-identity": true, "refer-to": true, "r": true, "replaces": true, "authorization": true, "proxy-authorization": true, "content-encoding": true, "e": true,
}

// checkHeaders refuses names that are no token or ours to write, and values with control characters.
func checkHeaders(list []Header) error {
	for _, h := range list {
		if h.Name == "" || token(h.Name) != h.Name {
			return fmt.Errorf("header name %.40q is not a token", h.Name)
		}
		if ownHeaders[strings.ToLower(h.Name)] {
			return fmt.Errorf("header %s cannot be set", h.Name)
		}
		if err := checkText(h.Value); err != nil {
			return fmt.Errorf("header %s: %w", h.Name, err)
		}
	}
	return nil
}

// quote makes a display name a quoted-string (RFC 3261 25.1). Control characters are for checkText.
func quote(name string) string {
	if strings.ContainsAny(name, `"\`) {
		name = strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(name)
	}
	return `"` + name + `"`
}

// userPart checks what comes before the @ of a URI we build: user of RFC 3261 25.1, without a password.
func userPart(s string) error {
	for i := range len(s) {
		if c := s[i]; !guard.IsTokenByte(c) && strings.IndexByte("&=+$,;?/()#", c) < 0 {
			return fmt.Errorf("%.40q cannot be the user part of a URI", s)
		}
	}
	return nil
}

// hostPart checks host[:port] of a URI we build.
func hostPart(s string) error {
	for i := range len(s) {
		if c := s[i]; !guard.IsTokenByte(c) && c != ':' && c != '[' && c != ']' {
			return fmt.Errorf("%.40q cannot be a host", s)
		}
	}
	return nil
}

// headerOf gives the value of the first of these header names (lower case) that is there.
func headerOf(m interface{ GetHeader(string) sip.Header }, names ...string) string {
	for _, n := range names {
		if h := m.GetHeader(n); h != nil {
			return h.Value()
		}
	}
	return ""
}

// listed tells whether a comma-separated header (all its lines) has this value, whatever its case.
func listed(m sip.Message, value string, names ...string) bool {
	for _, n := range names {
		for _, h := range m.GetHeaders(n) {
			for item := range strings.SplitSeq(h.Value(), ",") {
				if strings.EqualFold(strings.TrimSpace(item), value) {
					return true
				}
			}
		}
	}
	return false
}

// tagOf gives the tag parameter, whatever its case.
func tagOf(params sip.HeaderParams) string { return param(params, "tag") }

func param(params sip.HeaderParams, name string) string {
	for _, kv := range params {
		if strings.EqualFold(strings.TrimSpace(kv.K), name) {
			return strings.TrimSpace(kv.V)
		}
	}
	return ""
}

func seconds(value string) int {
	value, _, _ = strings.Cut(value, ";")
	n, err := strconv.ParseUint(strings.TrimSpace(value), 10, 31)
	if err != nil {
		return 0
	}
	return int(n)
}
