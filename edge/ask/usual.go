package ask

import (
	"bufio"
	"bytes"
	"net/http"
	"strconv"
	"strings"
)

var (
	lineEnd = []byte("\r\n")
	headEnd = []byte("\r\n\r\n")
)

// usual takes the answer that nearly all asks get: 200 with JSON of a length that is told, or 204, small and plain. That
// is done without the garbage that net/http makes of a response. Of all else, and of what is in any way odd, it takes
// nothing, and net/http reads it; so it must never take what net/http would refuse or understand differently.
func usual(r *bufio.Reader) (answer reply, ok bool) {
	if _, err := r.Peek(1); err != nil { // waits
		return reply{}, false
	}
	b, _ := r.Peek(r.Buffered())
	end := bytes.Index(b, headEnd)
	if end < 0 {
		return reply{}, false
	}
	h, ok := usualHead(b[:end])
	if !ok {
		return reply{}, false
	}
	all := end + len(headEnd) + h.length
	b, err := r.Peek(all) // waits too; too long: an error
	if err != nil || r.Buffered() > all {
		return reply{}, false
	}
	answer.status = h.status
	if h.length > 0 {
		answer.body = trim(bytes.Clone(b[end+len(headEnd):]))
	}
	_, _ = r.Discard(all)
	return answer, true
}

// usualFields is what counts in the head of a usual answer.
type usualFields struct {
	status, length int
	told, typed    bool // the length, the type: JSON
}

func usualHead(b []byte) (h usualFields, ok bool) {
	for _, c := range b {
		if (c < ' ' || c > '~') && c != '\r' && c != '\n' {
			return h, false
		}
	}
	line, rest, more := bytes.Cut(b, lineEnd)
	if !h.begin(line) {
		return h, false
	}
	for more {
		line, rest, more = bytes.Cut(rest, lineEnd)
		if !h.field(line) {
			return h, false
		}
	}
	if h.length == 0 && h.status == http.StatusNoContent {
		return h, true
	}
	return h, h.told && (h.length == 0 || h.typed && h.status == http.StatusOK)
}

// begin reads the status line.
func (h *usualFields) begin(line []byte) bool {
	switch {
	case bytes.HasPrefix(line, []byte("HTTP/1.1 200 ")):
		h.status = http.StatusOK
	case bytes.HasPrefix(line, []byte("HTTP/1.1 204 ")):
		h.status = http.StatusNoContent
	}
	return h.status != 0 && !odd(line)
}

// odd: an end of line that is none.
func odd(line []byte) bool {
	return bytes.IndexByte(line, '\r') >= 0 || bytes.IndexByte(line, '\n') >= 0
}

func (h *usualFields) field(line []byte) bool {
	colon := bytes.IndexByte(line, ':')
	if colon <= 0 || odd(line) || bytes.ContainsFunc(line[:colon], notOfName) {
		return false
	}
	name, value := line[:colon], bytes.TrimSpace(line[colon+1:])
	switch {
	case named(name, "Content-Length"):
		n, ok := digits(value)
		if h.told || !ok {
			return false
		}
		h.length, h.told = n, true
	case named(name, "Content-Type"):
		if h.typed || !plainJSON(string(value)) {
			return false
		}
		h.typed = true
	case named(name, "Connection"):
		return string(value) == "keep-alive"
	case named(name, "Transfer-Encoding"), named(name, "Content-Encoding"), named(name, "Trailer"), named(name, "Upgrade"):
		return false
	}
	return true
}

func named(b []byte, name string) bool {
	return len(b) == len(name) && strings.EqualFold(string(b), name)
}

func notOfName(c rune) bool {
	return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-'
}

// digits reads a length of up to four digits: more does not come at once.
func digits(b []byte) (int, bool) {
	if len(b) == 0 || len(b) > 4 {
		return 0, false
	}
	n, err := strconv.ParseUint(string(b), 10, 16)
	return int(n), err == nil
}

// plainJSON: a type as it is nearly always written.
func plainJSON(kind string) bool {
	return kind == "application/json" || kind == "application/json; charset=utf-8"
}
