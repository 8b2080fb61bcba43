package ask

import (
	"bufio"
	"bytes"
	"net/http"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
	"sync"
)

const (
	mostTargets   = 512     // in one generation
	longestTarget = 2 << 10 // of a URL that is kept
)

// common are the header fields that all asks have.
var common = http.Header{"User-Agent": {"offhook"}, "Accept": {"application/json"}, "Content-Type": {"application/json"}}

// target is a URL with what all asks of it have in common. It is not changed once made.
type target struct {
	url  *url.URL
	key  string // of its connections
	base string // what relative URLs in the answer begin at: the same user asks them
	head []byte // of the request, but for what is each ask's own; ends with a line
	bad  error  // why there is no head
}

func newTarget(u *url.URL) *target {
	t := &target{url: u, key: connections(u), base: u.String()}
	t.head, t.bad = head(u)
	return t
}

// connections names those that requests of u may share.
func connections(u *url.URL) string { return u.Scheme + " " + u.Hostname() + ":" + port(u) }

// request is an ask of u but for what is its own.
func request(u *url.URL) *http.Request {
	req := &http.Request{Method: http.MethodPost, URL: u, Host: u.Host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: common.Clone()}
	if u.User != nil {
		password, _ := u.User.Password()
		req.SetBasicAuth(u.User.Username(), password)
	}
	return req
}

// head is as net/http writes it, with all that it takes care of and refuses, once for many asks.
func head(u *url.URL) ([]byte, error) {
	var b bytes.Buffer
	if err := request(u).Write(&b); err != nil {
		return nil, err
	}
	whole := bytes.Replace(b.Bytes(), []byte("\r\nContent-Length: 0\r\n"), []byte("\r\n"), 1)
	return bytes.Clone(bytes.TrimSuffix(whole, []byte("\r\n"))), nil
}

// own are the fields of one ask.
type own struct{ id, timestamp, signature string }

// each gives the fields by name.
func (o own) each(field func(name, value string)) {
	field("Webhook-Id", o.id)
	field("Webhook-Timestamp", o.timestamp)
	field("Idempotency-Key", o.id) // also lets net/http send again when a kept connection had been closed
	if o.signature != "" {
		field("Webhook-Signature", o.signature)
	}
}

// newlines: as net/http does, a value keeps to its line.
var newlines = strings.NewReplacer("\n", " ", "\r", " ")

// write puts an ask of t into w, whose Flush tells what went wrong.
func (t *target) write(w *bufio.Writer, o own, body []byte) error {
	if t.bad != nil {
		return t.bad
	}
	_, _ = w.Write(t.head)
	o.each(func(name, value string) {
		_, _ = w.WriteString(name)
		_, _ = w.WriteString(": ")
		_, _ = w.WriteString(textproto.TrimString(newlines.Replace(value)))
		_, _ = w.WriteString("\r\n")
	})
	_, _ = w.WriteString("Content-Length: ")
	_, _ = w.Write(strconv.AppendInt(w.AvailableBuffer(), int64(len(body)), 10))
	_, _ = w.WriteString("\r\n\r\n")
	_, err := w.Write(body)
	return err
}

// targets keeps those that were asked.
type targets struct {
	mu sync.Mutex
	lately[string, target]
}

func (s *targets) get(to string) (*target, error) {
	s.mu.Lock()
	t := s.find(to, mostTargets)
	s.mu.Unlock()
	if t != nil {
		return t, nil
	}
	u, err := parse(to)
	if err != nil {
		return nil, err
	}
	t = newTarget(u)
	if len(to) <= longestTarget {
		s.mu.Lock()
		s.keep(to, t, mostTargets)
		s.mu.Unlock()
	}
	return t, nil
}

func parse(to string) (*url.URL, error) {
	u, err := url.Parse(to)
	switch {
	case err != nil:
		return nil, faultf(CodeBadURL, "%s", plain(err))
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, faultf(CodeBadURL, "scheme %q; http, https and fn: can be asked", clip(u.Scheme, 20))
	case u.Hostname() == "":
		return nil, faultf(CodeBadURL, "no host in %s", snippet([]byte(to)))
	}
	return u, nil
}
