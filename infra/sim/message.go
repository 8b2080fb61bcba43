package sim

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// message is a SIP message as the phones see it: just enough of RFC 3261 for what our edge sends, and written apart
// from the edge's own parser.
type message struct {
	method string // of a request
	uri    string
	code   int // of a response
	names  []string
	values []string
	body   string
}

var errMessage = errors.New("not a SIP message")

func parse(raw []byte) (*message, error) {
	head, body, ok := strings.Cut(string(raw), "\r\n\r\n")
	if !ok {
		return nil, errMessage
	}
	first, rest, _ := strings.Cut(head, "\r\n")
	m := &message{body: body}
	parts := strings.SplitN(first, " ", 3)
	if len(parts) < 3 {
		return nil, errMessage
	}
	if parts[0] == "SIP/2.0" {
		m.code, _ = strconv.Atoi(parts[1])
	} else {
		m.method, m.uri = parts[0], parts[1]
	}
	for line := range strings.SplitSeq(rest, "\r\n") {
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return nil, fmt.Errorf("%w: header %q", errMessage, line)
		}
		m.names = append(m.names, strings.ToLower(strings.TrimSpace(name)))
		m.values = append(m.values, strings.TrimSpace(value))
	}
	return m, nil
}

// get gives the first header of a name.
func (m *message) get(name string) string {
	for i, n := range m.names {
		if n == name {
			return m.values[i]
		}
	}
	return ""
}

// start is the start line without what differs between runs.
func (m *message) start() string {
	if m.method != "" {
		return m.method
	}
	return strconv.Itoa(m.code)
}

func (m *message) cseq() (n int, method string) {
	number, method, _ := strings.Cut(m.get("cseq"), " ")
	n, _ = strconv.Atoi(number)
	return n, method
}

// param gives a ;parameter of a header.
func param(value, name string) string {
	_, rest, ok := strings.Cut(value, ";"+name+"=")
	if !ok {
		return ""
	}
	if i := strings.IndexAny(rest, ";>, \""); i >= 0 {
		rest = rest[:i]
	}
	return rest
}

// tag is the tag of a From or To: a parameter of the header, not of the URI in it.
func tag(value string) string {
	if _, after, ok := strings.Cut(value, ">"); ok {
		return param(after, "tag")
	}
	return param(value, "tag")
}

// uriOf is what stands between < and >.
func uriOf(value string) string {
	if _, after, ok := strings.Cut(value, "<"); ok {
		uri, _, _ := strings.Cut(after, ">")
		return uri
	}
	uri, _, _ := strings.Cut(value, ";")
	return uri
}

// reply renders a response of a phone.
func reply(req *message, code int, toTag, contact, headers, body string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "SIP/2.0 %d Whatever\r\n", code)
	for i, n := range req.names {
		switch n {
		case "via":
			fmt.Fprintf(&b, "Via: %s\r\n", req.values[i])
		case "record-route":
			fmt.Fprintf(&b, "Record-Route: %s\r\n", req.values[i])
		}
	}
	to := req.get("to")
	if tag(to) == "" && toTag != "" && code > 100 {
		to += ";tag=" + toTag
	}
	fmt.Fprintf(&b, "From: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %s\r\n", req.get("from"), to, req.get("call-id"), req.get("cseq"))
	if contact != "" {
		fmt.Fprintf(&b, "Contact: <%s>\r\n", contact)
	}
	finish(&b, headers, body)
	return b.String()
}

func finish(b *strings.Builder, headers, body string) {
	b.WriteString(headers)
	if body != "" && !strings.Contains(headers, "Content-Type") {
		b.WriteString("Content-Type: application/sdp\r\n")
	}
	fmt.Fprintf(b, "Content-Length: %d\r\n\r\n%s", len(body), body)
}
