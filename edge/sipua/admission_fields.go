package sipua

import (
	"strings"
	"unicode/utf8"

	"github.com/emiago/sipgo/sip"

	"github.com/offhook/offhook/edge/sipua/guard"
)

const (
	maxExtra      = 32   // X- headers of a call
	maxExtraValue = 1024 // bytes of one
)

// field is a header's value if it is clean and not over long, else "".
func field(req *sip.Request, name string, longest int) string {
	h := req.GetHeader(name)
	if h == nil || len(h.Value()) > longest || !guard.Clean(h.Value()) {
		return ""
	}
	return h.Value()
}

// numberOf is the user part of a SIP URI, unescaped once, or a tel URI's number without visual separators (RFC 3966 3).
// "" if there is none or it can't be used.
func numberOf(uri *sip.Uri) string {
	var number string
	switch uri.Scheme {
	case "sip", "sips":
		number = unescape(uri.User)
		if phone, ok := uri.UriParams.Get("user"); ok && strings.EqualFold(phone, "phone") {
			number = telNumber(number)
		}
	case "tel":
		number = telNumber(uri.Raw())
	}
	if len(number) > maxName || !guard.Clean(number) {
		return ""
	}
	return number
}

func telNumber(s string) string {
	s, _, _ = strings.Cut(s, ";")
	if strings.Trim(s, "+0123456789-.()*#ABCDabcd") != "" {
		return s
	}
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune("-.()", r) {
			return -1
		}
		return r
	}, s)
}

// displayName undoes the quoting of what stood before the URI. sipgo has taken the outer quotes off.
func displayName(s string) string {
	if strings.IndexByte(s, '\\') >= 0 {
		var b strings.Builder
		for i := 0; i < len(s); i++ {
			if s[i] == '\\' && i+1 < len(s) {
				i++
			}
			b.WriteByte(s[i])
		}
		s = b.String()
	}
	s = strings.TrimSpace(s)
	if !guard.Clean(s) {
		return ""
	}
	for len(s) > maxName { // whole runes
		_, size := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-size]
	}
	return s
}

// ours: a header in which edges of a cluster speak to each other.
func ours(name string) bool { return strings.HasPrefix(strings.ToLower(name), "x-offhook-") }

// hopsOf is Max-Forwards; RFC 3261 16.6 wants 70 where it is missing.
func hopsOf(req *sip.Request) int {
	if h := req.MaxForwards(); h != nil {
		return int(h.Val())
	}
	return 70
}

// extraHeaders are the X- headers of a call, the first of each name.
func extraHeaders(req *sip.Request) map[string]string {
	var extra map[string]string
	for _, h := range req.Headers() {
		name := h.Name()
		if len(name) < 3 || len(name) > 64 || !strings.EqualFold(name[:2], "X-") || len(extra) >= maxExtra || ours(name) {
			continue
		}
		if value := h.Value(); len(value) <= maxExtraValue && guard.Clean(value) {
			if extra == nil {
				extra = map[string]string{}
			}
			if _, twice := extra[name]; !twice {
				extra[name] = value
			}
		}
	}
	return extra
}
