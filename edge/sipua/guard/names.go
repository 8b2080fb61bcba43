package guard

import (
	"strings"
	"unicode/utf8"
)

// Clean tells whether a value from outside can be handed on: valid UTF-8 without control characters.
func Clean(s string) bool {
	return !HasControl(s) && utf8.ValidString(s) && !strings.Contains(s, "\u0085")
}

// HasControl tells whether a value would break out of its header line: RFC 3261 25.1 knows no control characters in one.
func HasControl[T ~string | ~[]byte](s T) bool {
	for i := range len(s) {
		if c := s[i]; c < 0x20 && c != '\t' || c == 0x7f {
			return true
		}
	}
	return false
}

// tokenByte marks the characters of a token (RFC 3261 25.1).
var tokenByte = func() (t [256]bool) {
	for c := '0'; c <= '9'; c++ {
		t[c] = true
	}
	for c := 'a'; c <= 'z'; c++ {
		t[c], t[c-'a'+'A'] = true, true
	}
	for _, c := range "-.!%*_+`'~" {
		t[c] = true
	}
	return t
}()

// IsTokenByte tells whether a character may be in a token.
func IsTokenByte(c byte) bool { return tokenByte[c] }

// IsToken tells whether that is a token.
func IsToken[T ~string | ~[]byte](s T) bool {
	for i := range len(s) {
		if !tokenByte[s[i]] {
			return false
		}
	}
	return len(s) > 0
}

// isScheme: ALPHA *( ALPHA / DIGIT / "+" / "-" / "." ), RFC 3986 3.1.
func isScheme(b []byte) bool {
	for i, c := range b {
		alpha := c|0x20 >= 'a' && c|0x20 <= 'z'
		other := c >= '0' && c <= '9' || c == '+' || c == '-' || c == '.'
		if !alpha && (i == 0 || !other) {
			return false
		}
	}
	return len(b) > 0
}

func knownScheme(b []byte) bool {
	return foldEqual(b, "sip") || foldEqual(b, "sips") || foldEqual(b, "tel")
}

// foldEqual compares ASCII without case; lower is in lower case.
func foldEqual(b []byte, lower string) bool {
	return len(b) == len(lower) && foldPrefix(b, lower)
}

func foldPrefix(b []byte, lower string) bool {
	if len(b) < len(lower) {
		return false
	}
	for i := range len(lower) {
		c := b[i]
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// rawKind knows a header by its long or compact name.
func rawKind(name []byte) rawHeader {
	if len(name) == 1 {
		return compactKind(name[0] | 0x20)
	}
	for _, k := range rawKinds {
		if foldEqual(name, k.name) {
			return k.kind
		}
	}
	return rawOther
}

var rawKinds = [...]struct {
	name string
	kind rawHeader
}{
	{"via", rawVia}, {"from", rawFrom}, {"to", rawTo}, {"call-id", rawCallID}, {"cseq", rawCSeq},
	{"max-forwards", rawMaxForwards}, {"content-length", rawContentLength}, {"contact", rawContact},
	{"route", rawRoute}, {"record-route", rawRecordRoute}, {"referred-by", rawReferredBy},
}

func compactKind(c byte) rawHeader {
	switch c {
	case 'v':
		return rawVia
	case 'f':
		return rawFrom
	case 't':
		return rawTo
	case 'i':
		return rawCallID
	case 'l':
		return rawContentLength
	case 'm':
		return rawContact
	case 'b':
		return rawReferredBy
	}
	return rawOther
}

// longName gives the long name of a compact header (RFC 3261 7.3.3 and the IANA list), or "".
func longName(name []byte) string {
	if len(name) != 1 {
		return ""
	}
	return compactNames[name[0]|0x20]
}

var compactNames = map[byte]string{
	'a': "Accept-Contact", 'b': "Referred-By", 'c': "Content-Type", 'd': "Request-Disposition", 'e': "Content-Encoding",
	'f': "From", 'i': "Call-ID", 'j': "Reject-Contact", 'k': "Supported", 'l': "Content-Length", 'm': "Contact",
	'n': "Identity-Info", 'o': "Event", 'r': "Refer-To", 's': "Subject", 't': "To", 'u': "Allow-Events", 'v': "Via",
	'x': "Session-Expires", 'y': "Identity",
}
