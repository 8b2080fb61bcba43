// Package guard stands before the parser: it looks at the bytes that come from anywhere, refuses what no parser should see,
// makes plain what ours misreads, and checks what that made of it. It knows messages only: no transactions, no dialogs, no
// configuration, and it keeps nothing.
package guard

import (
	"bytes"

	"github.com/emiago/sipgo/sip"
)

// Bounds of what we read. A message over them is answered, not parsed.
const (
	maxStartLine   = 4 << 10
	maxHeaderBytes = 32 << 10
	maxHeaderLines = 160
	maxSequence    = 1<<31 - 1 // CSeq, RFC 3261 8.1.1.5
)

// rawHeader names the headers that are looked at before parsing.
type rawHeader uint8

const (
	rawOther rawHeader = iota
	rawVia
	rawFrom
	rawTo
	rawCallID
	rawCSeq
	rawMaxForwards
	rawContentLength
	rawContact
	rawRoute
	rawRecordRoute
	rawReferredBy
)

// single says that a header may stand once only (RFC 3261 7.3.1).
func (h rawHeader) single() bool { return h >= rawFrom && h <= rawContentLength }

// needed says that an answer can't be made without this header (RFC 3261 8.2.6.2).
func (h rawHeader) needed() bool { return h >= rawVia && h <= rawCSeq }

// address says that a header has URIs.
func (h rawHeader) address() bool { return h == rawFrom || h == rawTo || h >= rawContact }

// rawGuard is one pass over a message.
type rawGuard struct {
	method   []byte
	request  bool
	status   int // first fault; requests only
	broken   bool
	seen     [rawReferredBy + 1]uint8
	length   int
	headers  int
	hasBlank bool
}

// Check looks at a whole message before it is parsed, without allocating: start line, version, scheme, header
// names, sizes and counts, control characters, CSeq, Content-Length against what is there, single headers.
// ok false and reply 0: drop silently; ok false and reply 4xx or 5xx: answerable with [Answer].
func Check(data []byte) (reply int, ok bool) {
	g := rawGuard{length: -1}
	line, rest, found := cutLine(data)
	if !found || len(line) < 10 || !g.startLine(line) {
		return 0, false
	}
	body := g.headerLines(rest)
	g.bodyLength(body)
	return g.verdict()
}

func (g *rawGuard) verdict() (int, bool) {
	for h := rawVia; h.needed(); h++ {
		if g.seen[h] == 0 {
			g.broken = true
		}
	}
	switch {
	case !g.broken && g.status == 0:
		return 0, true
	case g.broken || !g.request || string(g.method) == "ACK":
		return 0, false
	}
	return g.status, false
}

func (g *rawGuard) fault(status int) {
	if g.status == 0 {
		g.status = status
	}
}

// startLine is false for what isn't SIP at all.
func (g *rawGuard) startLine(line []byte) bool {
	if foldPrefix(line, "sip/") {
		return g.statusLine(line)
	}
	g.request = true
	end := bytes.TrimRight(line, " \t")
	sp := bytes.LastIndexByte(end, ' ')
	first := bytes.IndexByte(line, ' ')
	if first <= 0 || sp <= first || !foldPrefix(end[sp+1:], "sip/") {
		return false
	}
	g.method = line[:first]
	if len(line) > maxStartLine {
		g.fault(414)
		return true
	}
	if string(end[sp+5:]) != "2.0" {
		g.fault(505) // RFC 3261 21.5.6
	}
	if !IsToken(g.method) || len(end) != len(line) || sp == first+1 {
		g.fault(400) // exactly one SP between the parts, none at the end (RFC 3261 7.1)
		return true
	}
	if !methods[sip.RequestMethod(g.method)] {
		g.fault(501) // RFC 3261 8.2.1; before the URI, which may be of that method's own kind
	}
	g.requestURI(line[first+1 : sp])
	return true
}

func (g *rawGuard) statusLine(line []byte) bool {
	// SIP/2.0 SP 3DIGIT SP phrase
	if len(line) < 12 || string(line[4:8]) != "2.0 " || line[11] != ' ' {
		return false
	}
	for _, c := range line[8:11] {
		if c < '0' || c > '9' {
			return false
		}
	}
	return line[8] >= '1' && line[8] <= '6'
}

func (g *rawGuard) requestURI(uri []byte) {
	colon := bytes.IndexByte(uri, ':')
	for _, c := range uri {
		if c <= ' ' || c >= 0x7f || c == '<' || c == '>' || c == '"' {
			g.fault(400)
			return
		}
	}
	if colon <= 0 || !isScheme(uri[:colon]) {
		g.fault(400)
		return
	}
	if !knownScheme(uri[:colon]) {
		g.fault(416) // RFC 3261 8.2.2.1
	}
}

// headerLines walks the header section and gives what follows it.
func (g *rawGuard) headerLines(data []byte) (body []byte) {
	all := len(data)
	for {
		if all-len(data) > maxHeaderBytes {
			g.fault(513)
			g.hasBlank = true
			return data
		}
		field, rest, found := cutField(data)
		if !found {
			g.fault(400) // no empty line ends the headers
			return nil
		}
		data = rest
		if len(field) == 0 {
			g.hasBlank = true
			return data
		}
		if g.headers++; g.headers > maxHeaderLines {
			g.fault(400)
			continue
		}
		g.field(field)
	}
}

func (g *rawGuard) field(field []byte) {
	colon := bytes.IndexByte(field, ':')
	if colon <= 0 {
		g.fault(400)
		return
	}
	name, value := trimLWS(field[:colon]), field[colon+1:]
	if !IsToken(name) {
		g.fault(400)
		return
	}
	kind := rawKind(name)
	if bare, escaped := controls(value); bare || escaped {
		g.fault(400)
		g.broken = g.broken || bare && kind.needed() // what can't be repeated can't be answered
	}
	if g.seen[kind] < 255 {
		g.seen[kind]++
	}
	if kind.single() && g.seen[kind] > 1 {
		g.fault(400)
		return
	}
	g.value(kind, value)
}

func (g *rawGuard) value(kind rawHeader, value []byte) {
	switch kind {
	case rawCSeq:
		_, rest, ok := leadingNumber(value, maxSequence)
		if !ok || g.request && !bytes.Equal(trimLWS(rest), g.method) {
			g.fault(400) // RFC 3261 8.1.1.5
		}
	case rawContentLength:
		number, rest, ok := leadingNumber(value, 1<<24)
		if !ok || len(trimLWS(rest)) > 0 {
			g.fault(400)
			return
		}
		g.length = number
	case rawMaxForwards:
		if _, rest, ok := leadingNumber(value, 255); !ok || len(trimLWS(rest)) > 0 {
			g.fault(400)
		}
	case rawVia, rawFrom, rawTo, rawCallID:
		if len(trimLWS(value)) == 0 {
			g.fault(400)
		}
	}
	if kind == rawVia && bytes.IndexByte(value, '"') >= 0 || kind.address() && quoteInURI(value) {
		g.fault(400)
	}
}

// quoteInURI finds a quote between angle brackets. No URI has one (RFC 3261 25.1), and of a parameter that is quoted there or
// in a Via the parser makes its name of all that follows: many of them would make megabytes of a small message.
func quoteInURI(value []byte) bool {
	open := bytes.IndexByte(value, '<')
	if open < 0 || bytes.LastIndexByte(value, '"') < open {
		return false
	}
	var s scanner
	for _, c := range value {
		if s.angle && c == '"' {
			return true
		}
		s.inside(c)
	}
	return false
}

func (g *rawGuard) bodyLength(body []byte) {
	if g.hasBlank && g.length > len(body) {
		g.fault(400) // RFC 3261 18.3
	}
}

// cutLine cuts the first line, without its CRLF.
func cutLine(data []byte) (line, rest []byte, found bool) {
	i := indexCRLF(data)
	if i < 0 {
		return nil, nil, false
	}
	return data[:i], data[i+2:], true
}

// indexCRLF looks for one byte, which is quicker than for two.
func indexCRLF(data []byte) int {
	for at := 0; ; {
		i := bytes.IndexByte(data[at:], '\n')
		if i < 0 {
			return -1
		}
		if at += i; at > 0 && data[at-1] == '\r' {
			return at - 1
		}
		at++
	}
}

// cutField cuts one header field with its folded lines (RFC 3261 7.3.1), empty at the end of the headers.
func cutField(data []byte) (field, rest []byte, found bool) {
	at := 0
	for {
		i := indexCRLF(data[at:])
		if i < 0 {
			return nil, nil, false
		}
		end := at + i
		next := end + 2
		if end == 0 || next >= len(data) || !isLWS(data[next]) {
			return data[:end], data[next:], true
		}
		at = next
	}
}

var crlf = []byte("\r\n")

func isLWS(c byte) bool { return c == ' ' || c == '\t' }

// trimLWS trims linear white space, folding included.
func trimLWS(b []byte) []byte {
	for len(b) > 0 && isBlank(b[0]) {
		b = b[1:]
	}
	for len(b) > 0 && isBlank(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// leadingNumber reads the number a value begins with.
func leadingNumber(value []byte, limit int) (number int, rest []byte, ok bool) {
	value = trimLWS(value)
	i := 0
	for ; i < len(value) && value[i] >= '0' && value[i] <= '9'; i++ {
		if number = number*10 + int(value[i]-'0'); number > limit {
			return 0, nil, false
		}
	}
	return number, value[i:], i > 0
}

// controls finds control characters other than LWS: bare ones, which no header may have, and those of quoted pairs,
// which RFC 3261 25.1 allows and we refuse.
func controls(value []byte) (bare, escaped bool) {
	for i := 0; i < len(value); i++ {
		c := value[i]
		if c >= ' ' && c != 0x7f || c == '\t' {
			continue
		}
		if c == '\r' && i+2 < len(value) && value[i+1] == '\n' && isLWS(value[i+2]) {
			i += 2 // folding
			continue
		}
		pair := i > 0 && value[i-1] == '\\' && c != '\r' && c != '\n'
		bare, escaped = bare || !pair, escaped || pair
	}
	return bare, escaped
}
