package ask

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-resty/resty/v2"
)

const (
	bodyLimit     = 64 << 10
	mostRedirects = 3
	mostTries     = 2
	retryPause    = 100 * time.Millisecond
	mostPools     = 64
)

// pool is one set of connections with the client over it.
type pool struct {
	client *resty.Client
	wire   *wire // nil: another transport is asked over
	idle   func()
}

func newPool(t http.RoundTripper) *pool {
	c := resty.NewWithClient(&http.Client{
		Transport:     t,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	})
	c.SetDoNotParseResponse(true).SetLogger(silent{}).SetDisableWarn(true)
	p := &pool{client: c, idle: func() {}}
	p.wire, _ = t.(*wire)
	if closer, ok := t.(interface{ CloseIdleConnections() }); ok {
		p.idle = closer.CloseIdleConnections
	}
	return p
}

// silent drops resty's own lines: what fails is returned, and what is returned is not logged too.
type silent struct{}

func (silent) Errorf(string, ...any) {}
func (silent) Warnf(string, ...any)  {}
func (silent) Debugf(string, ...any) {}

// pools keeps one pool per set of allowed addresses. A connection that one tenant may have is never lent to
// another that may not.
type pools struct {
	lookup func(ctx context.Context, host string) ([]netip.Addr, error)
	fixed  http.RoundTripper

	mu      sync.Mutex
	byAllow map[string]*pool
	trusted *pool
}

func (s *pools) of(allow []netip.Prefix) *pool {
	var room [64]byte
	k := allowKey(room[:0], allow)
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.byAllow[string(k)]; p != nil {
		return p
	}
	p := s.make(&dialer{lookup: s.lookup, allow: slices.Clone(allow)})
	if s.byAllow == nil || len(s.byAllow) >= mostPools {
		s.forget()
		s.byAllow = make(map[string]*pool)
	}
	s.byAllow[string(k)] = p
	return p
}

func (s *pools) trust() *pool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.trusted == nil {
		s.trusted = s.make(&dialer{lookup: s.lookup, trust: true})
	}
	return s.trusted
}

func (s *pools) make(d *dialer) *pool {
	if s.fixed != nil {
		return newPool(s.fixed)
	}
	return newPool(d.transport())
}

func (s *pools) forget() {
	for _, p := range s.byAllow {
		p.idle()
	}
}

func (s *pools) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget()
	if s.trusted != nil {
		s.trusted.idle()
	}
}

func allowKey(b []byte, allow []netip.Prefix) []byte {
	for _, p := range allow {
		b = append(p.AppendTo(b), ' ')
	}
	return b
}

// ask asks t, and once more when a second try may help: the connection failed, or a proxy says 502, 503 or 504.
func (p *pool) ask(ctx context.Context, q question, t *target) (r reply, attempts int, err error) {
	if p.wire == nil { // ours needs no timer: it sets the deadline on its connection
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, q.deadline)
		defer cancel()
	}
	for attempts = 1; ; attempts++ {
		r, err = p.follow(ctx, q, t)
		f, failed := errors.AsType[*fault](err)
		if !failed || !f.retry || attempts == mostTries || !rest(ctx, q.deadline, retryPause) {
			return r, attempts, err
		}
	}
}

// rest waits, unless too little time is left for another try.
func rest(ctx context.Context, deadline time.Time, d time.Duration) bool {
	if time.Until(deadline) < 2*d {
		return false
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// follow asks t and goes along with redirects within its host. The ask is put again as a POST: a GET without the
// ask, which RFC 9110 15.4 lets a client make of a 301 or 302, would be of no use to anybody.
func (p *pool) follow(ctx context.Context, q question, t *target) (reply, error) {
	for range mostRedirects + 1 {
		resp, r, err := p.post(ctx, q, t)
		if resp == nil {
			return r, err
		}
		next, err := redirect(t.url, resp)
		if err != nil || next == nil {
			if err != nil {
				resp.Body.Close()
				return reply{}, err
			}
			return read(resp, t)
		}
		resp.Body.Close()
		t = newTarget(next)
	}
	return reply{}, faultf(CodeRedirectForbidden, "more than %d redirects", mostRedirects)
}

// post goes around resty's Request, which would parse the URL twice more and copy every header: a third of an ask's CPU.
// Without a response, the reply is it.
func (p *pool) post(ctx context.Context, q question, t *target) (resp *http.Response, r reply, err error) {
	o := own{id: q.id}
	o.timestamp, o.signature = sign(q.policy.Secrets, q.id, time.Now(), q.body)
	if p.wire != nil {
		resp, r, err = p.wire.ask(ctx, q.deadline, t, o, q.body)
	} else {
		resp, err = p.elsewhere(ctx, t, o, q.body)
	}
	if err != nil {
		return nil, reply{}, classify(err)
	}
	return resp, r, nil
}

// elsewhere posts over a transport that is not ours. Not by http.Client: redirects are followed here.
func (p *pool) elsewhere(ctx context.Context, t *target, o own, body []byte) (*http.Response, error) {
	req := request(t.url)
	o.each(req.Header.Set)
	req.ContentLength = int64(len(body))
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	req.Body, _ = req.GetBody()
	return p.client.GetClient().Transport.RoundTrip(req.WithContext(ctx))
}

// redirect is where the response leads, nil if nowhere.
func redirect(from *url.URL, resp *http.Response) (*url.URL, error) {
	switch resp.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	default:
		return nil, nil
	}
	where := resp.Header.Get("Location")
	to, err := from.Parse(where)
	if err != nil || where == "" {
		return nil, refuseRedirect(resp, "its Location %s is no URL", snippet([]byte(where)))
	}
	to.User = from.User
	if !sameHost(from, to) {
		return nil, refuseRedirect(resp, "to %s, which is another host, port or an unsafe scheme; name that URL itself in the configuration", snippet([]byte(to.Redacted())))
	}
	return to, nil
}

func refuseRedirect(resp *http.Response, format string, args ...any) *fault {
	f := faultf(CodeRedirectForbidden, "%d "+format, append([]any{resp.StatusCode}, args...)...)
	f.status = resp.StatusCode
	return f
}

// sameHost: same host and port, or from http to https at the default ports.
func sameHost(from, to *url.URL) bool {
	if !strings.EqualFold(from.Hostname(), to.Hostname()) {
		return false
	}
	if from.Scheme == to.Scheme {
		return port(from) == port(to)
	}
	return from.Scheme == "http" && to.Scheme == "https" && port(from) == "80" && port(to) == "443"
}

func port(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	if u.Scheme == "https" {
		return "443"
	}
	return "80"
}

// read takes a response's body, when it is one that can be an answer.
func read(resp *http.Response, t *target) (reply, error) {
	defer resp.Body.Close()
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return reply{}, statusFault(resp)
	}
	r := reply{status: resp.StatusCode, base: t.base}
	if resp.StatusCode == http.StatusNoContent || resp.ContentLength == 0 {
		return r, nil
	}
	if resp.ContentLength > bodyLimit {
		return reply{}, tooLarge(resp.StatusCode)
	}
	body, err := whole(resp)
	if err != nil {
		return reply{}, bodyFault(err, resp.StatusCode, len(body))
	}
	if len(body) > bodyLimit {
		return reply{}, tooLarge(resp.StatusCode)
	}
	if r.body = trim(body); len(r.body) == 0 {
		return r, nil
	}
	return r, acceptable(resp.Header, r)
}

// whole is the body, and if it is too long one byte more than it may be.
func whole(resp *http.Response) ([]byte, error) {
	if resp.ContentLength < 0 {
		return io.ReadAll(io.LimitReader(resp.Body, bodyLimit+1))
	}
	b := make([]byte, resp.ContentLength)
	n, err := io.ReadFull(resp.Body, b)
	return b[:n], err
}

func trim(b []byte) []byte {
	return bytes.TrimSpace(bytes.TrimPrefix(b, []byte("\ufeff")))
}

// statusFault quotes the beginning of the body: it often says what went wrong in the webhook.
func statusFault(resp *http.Response) *fault {
	head, err := io.ReadAll(io.LimitReader(resp.Body, 512))
	f := &fault{code: CodeStatus, status: resp.StatusCode, detail: fmt.Sprintf("%d %s", resp.StatusCode, http.StatusText(resp.StatusCode))}
	if len(head) > 0 && err == nil {
		f.detail += ": " + snippet(head)
	}
	switch resp.StatusCode {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		f.retry = true
	}
	return f
}

func bodyFault(err error, status, got int) *fault {
	f := classify(err)
	if f.code == CodeTimeout {
		f.detail = fmt.Sprintf("the answer was not complete in time: %d bytes had come", got)
	}
	f.status = status
	return f
}

func tooLarge(status int) *fault {
	f := faultf(CodeTooLarge, "the answer is longer than %d bytes", bodyLimit)
	f.status = status
	return f
}

// acceptable checks that the body says of itself that it is JSON.
func acceptable(h http.Header, r reply) error {
	if e := h.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		return typeFault(r.status, "content-encoding %s was not asked for", snippet([]byte(e)))
	}
	ct := h.Get("Content-Type")
	if plainJSON(ct) {
		return nil
	}
	kind, _, err := mime.ParseMediaType(ct)
	if err == nil && (kind == "application/json" || kind == "text/json" || strings.HasPrefix(kind, "application/") && strings.HasSuffix(kind, "+json")) {
		return nil
	}
	if ct == "" {
		return typeFault(r.status, "no content-type, expected application/json; the body begins %s", beginning(r.body))
	}
	return typeFault(r.status, "content-type %s, expected application/json; the body begins %s", snippet([]byte(ct)), beginning(r.body))
}

func typeFault(status int, format string, args ...any) *fault {
	f := faultf(CodeBadContentType, format, args...)
	f.status = status
	return f
}

// Client fetches other things (sounds) for a tenant under the rules of its asks: addresses checked, no proxy, no
// compression, at most three redirects and none from https to http. Bodies are not bounded: whoever reads bounds them.
func (k *Asker) Client(p Policy) *http.Client {
	inner := k.pools.of(p.AllowPrivate).client.GetClient().Transport
	return &http.Client{Transport: inner, Timeout: timeout(p), CheckRedirect: func(r *http.Request, via []*http.Request) error {
		if len(via) > mostRedirects {
			return faultf(CodeRedirectForbidden, "more than %d redirects", mostRedirects)
		}
		if r.URL.Scheme == "http" && via[len(via)-1].URL.Scheme == "https" {
			return faultf(CodeRedirectForbidden, "from https to http")
		}
		return nil
	}}
}
