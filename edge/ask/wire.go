package ask

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"syscall"
	"time"
)

const (
	tlsTimeout     = 2 * time.Second
	mostHeader     = 32 << 10
	mostIdleOfHost = 2048 // connections kept
	mostIdle       = 8192
	idleTime       = 60 * time.Second
	mostInterims   = 5 // 1xx responses before the response
	unlimited      = 1 << 62
	connectionSize = 4 << 10 // of each buffer
)

// wire is HTTP/1.1 over kept connections, with the asking goroutine itself writing and reading. net/http's Transport has
// two more goroutines at each connection; waking them is a sixth of an ask's CPU, the server's included, and each can wait
// behind other work while a caller waits. Responses are read by net/http all the same, but for those to asks that are usual,
// and it writes what asks of a URL have in common.
type wire struct {
	dial func(ctx context.Context, network, addr string) (net.Conn, error)
	tls  *tls.Config

	mu    sync.Mutex
	idle  map[string][]*wireConn // by scheme and address, the last used at the end
	kept  int                    // in all
	sweep *time.Timer            // closes what was idle for too long; nil: nothing is
}

// wireConn is one connection.
type wireConn struct {
	net.Conn
	cut   func()              // ends what is under way
	look  func() (quiet bool) // nil in tests: not looked at before use
	r     *bufio.Reader
	w     *bufio.Writer
	left  int64 // that may be read
	got   int64 // that was read since the last request
	err   error // of reading: it is the same for all who read on
	since time.Time
}

var errLongHeader = errors.New("the response's header is too long")

func (c *wireConn) Read(b []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	if c.left <= 0 {
		return 0, errLongHeader
	}
	n, err := c.Conn.Read(b[:min(int64(len(b)), c.left)])
	c.left -= int64(n)
	c.got += int64(n)
	c.err = err
	return n, err
}

// allGiven: TLS has not read ahead what nobody asked for. It would be taken for the next response, and each after it for the
// one before.
func (c *wireConn) allGiven() bool {
	if _, secure := c.Conn.(*tls.Conn); !secure {
		return true
	}
	if c.SetReadDeadline(time.Unix(1, 0)) != nil { // nothing is waited for
		return false
	}
	var b [1]byte
	n, err := c.Conn.Read(b[:])
	return n == 0 && isTimeout(err)
}

// exchange is a request and its response.
type exchange struct {
	ctx      context.Context
	deadline time.Time // zero: none
	url      *url.URL
	key      string // of its connections

	request *http.Request // nil: an ask
	sent    bool          // once
	to      *target       // of an ask
	own     own
	body    []byte
	reply   reply // to an ask, when there is no response for net/http to read
}

// RoundTrip makes one request.
func (t *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	x := exchange{ctx: req.Context(), url: req.URL, key: connections(req.URL), request: req}
	x.deadline, _ = x.ctx.Deadline()
	return t.do(&x)
}

// ask posts an ask; without a response, the reply is it. ctx needs no deadline, and so no timer.
func (t *wire) ask(ctx context.Context, deadline time.Time, to *target, o own, body []byte) (*http.Response, reply, error) {
	x := exchange{ctx: ctx, deadline: deadline, url: to.url, key: to.key, to: to, own: o, body: body}
	resp, err := t.do(&x)
	return resp, x.reply, err
}

// write puts the request into w, a second time too.
func (x *exchange) write(w *bufio.Writer) (err error) {
	if x.request == nil {
		return x.to.write(w, x.own, x.body)
	}
	if x.sent && x.request.Body != nil {
		if x.request.Body, err = x.request.GetBody(); err != nil {
			return err
		}
	}
	x.sent = true
	return x.request.Write(w)
}

// do replaces a kept connection that turns out to be closed once.
func (t *wire) do(x *exchange) (*http.Response, error) {
	for kept := true; ; kept = false {
		var c *wireConn
		if kept {
			c = t.take(x)
		}
		if kept = c != nil; !kept {
			var err error
			if c, err = t.connect(x); err != nil {
				return nil, err
			}
		}
		resp, err := t.on(c, x)
		if err == nil || !kept || c.got > 0 || x.ctx.Err() != nil || isTimeout(err) {
			return resp, err
		}
	}
}

func (t *wire) connect(x *exchange) (*wireConn, error) {
	ctx, host := x.ctx, x.url.Hostname()
	if !x.deadline.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, x.deadline)
		defer cancel()
	}
	conn, err := t.dial(ctx, "tcp", net.JoinHostPort(host, port(x.url)))
	if err != nil {
		return nil, err
	}
	c := &wireConn{Conn: conn}
	c.cut = func() { _ = c.SetDeadline(time.Unix(1, 0)) }
	if s, ok := conn.(syscall.Conn); ok {
		if raw, err := s.SyscallConn(); err == nil {
			c.look = looker(raw)
		}
	}
	if x.url.Scheme == "https" {
		cfg := t.tls.Clone()
		cfg.ServerName = host
		secure := tls.Client(conn, cfg)
		ctx, cancel := context.WithTimeout(ctx, tlsTimeout)
		defer cancel()
		if err := secure.HandshakeContext(ctx); err != nil {
			_ = conn.Close()
			return nil, err
		}
		c.Conn = secure
	}
	c.r, c.w = bufio.NewReaderSize(c, connectionSize), bufio.NewWriterSize(c.Conn, connectionSize)
	return c, c.SetDeadline(x.deadline)
}

// on writes the request and reads the response's header; reading its body to the end gives the connection back. No response
// and no error: the reply to an ask was taken as a whole.
func (t *wire) on(c *wireConn, x *exchange) (*http.Response, error) {
	stop := context.AfterFunc(x.ctx, c.cut)
	c.left, c.got = mostHeader, 0
	written := x.write(c.w)
	if written == nil {
		written = c.w.Flush()
	}
	if x.request == nil && written == nil {
		var ok bool
		if x.reply, ok = usual(c.r); ok {
			x.reply.base = x.to.base
			t.done(c, x.key, stop())
			return nil, nil
		}
	}
	b := &wireBody{t: t, c: c, ctx: x.ctx, deadline: x.deadline, key: x.key, stop: stop}
	resp, err := c.response(x.request) // also after a failure: it may say why
	if err != nil {
		if written != nil {
			err = written
		}
		return nil, b.fail(err)
	}
	c.left = unlimited
	b.keep = written == nil && !resp.Close && resp.StatusCode != http.StatusSwitchingProtocols
	if resp.Body == http.NoBody {
		b.end(b.keep)
		return resp, nil
	}
	b.body, resp.Body = resp.Body, b
	return resp, nil
}

// response skips what is only provisional.
func (c *wireConn) response(req *http.Request) (*http.Response, error) {
	for range mostInterims {
		resp, err := http.ReadResponse(c.r, req)
		if err != nil || resp.StatusCode >= 200 || resp.StatusCode == http.StatusSwitchingProtocols {
			return resp, err
		}
	}
	return nil, errors.New("too many provisional responses")
}

// wireBody is a response's body.
type wireBody struct {
	t    *wire
	c    *wireConn
	ctx  context.Context
	key  string
	body io.ReadCloser
	stop func() bool
	keep bool
	over bool

	deadline time.Time
}

func (b *wireBody) Read(p []byte) (int, error) {
	if b.over {
		return 0, io.EOF
	}
	n, err := b.body.Read(p)
	switch {
	case errors.Is(err, io.EOF):
		b.end(b.keep)
	case err != nil:
		err = b.fail(err)
	}
	return n, err
}

// Close before the end closes the connection: reading on could take for ever.
func (b *wireBody) Close() error {
	b.end(false)
	return nil
}

// fail ends it; when the time was up or the ask given up, that is the reason.
func (b *wireBody) fail(err error) error {
	b.end(false)
	if b.ctx.Err() != nil {
		return b.ctx.Err()
	}
	if !b.deadline.IsZero() && !time.Now().Before(b.deadline) {
		return context.DeadlineExceeded
	}
	return err
}

func (b *wireBody) end(keep bool) {
	if b.over {
		return
	}
	b.over = true
	stopped := b.stop()
	b.t.done(b.c, b.key, keep && stopped)
}

func (t *wire) done(c *wireConn, key string, keep bool) {
	if keep && c.r.Buffered() == 0 {
		t.put(key, c)
		return
	}
	_ = c.Close() // nothing is waited for any more
}

// take gives the connection that was used last, if the other side has not closed it or said something unasked.
func (t *wire) take(x *exchange) *wireConn {
	for {
		t.mu.Lock()
		list := t.idle[x.key]
		if len(list) == 0 {
			t.mu.Unlock()
			return nil
		}
		c := list[len(list)-1]
		list[len(list)-1] = nil
		t.idle[x.key] = list[:len(list)-1]
		t.kept--
		t.mu.Unlock()
		if c.allGiven() && c.SetDeadline(x.deadline) == nil && (c.look == nil || c.look()) {
			return c
		}
		_ = c.Close()
	}
}

func (t *wire) put(key string, c *wireConn) {
	c.since = time.Now()
	t.mu.Lock()
	full := t.kept >= mostIdle || len(t.idle[key]) >= mostIdleOfHost
	if !full {
		t.kept++
		if t.idle == nil {
			t.idle = make(map[string][]*wireConn)
		}
		t.idle[key] = append(t.idle[key], c)
		if t.sweep == nil {
			t.sweep = time.AfterFunc(idleTime, func() { t.closeIdle(idleTime) })
		}
	}
	t.mu.Unlock()
	if full {
		_ = c.Close()
	}
}

// CloseIdleConnections closes what is not in use.
func (t *wire) CloseIdleConnections() { t.closeIdle(0) }

// closeIdle closes what was not used for so long.
func (t *wire) closeIdle(than time.Duration) {
	now := time.Now()
	var old []*wireConn
	t.mu.Lock()
	for key, list := range t.idle {
		n := 0
		for n < len(list) && now.Sub(list[n].since) >= than {
			n++
		}
		old = append(old, list[:n]...)
		t.kept -= n
		if t.idle[key] = append([]*wireConn(nil), list[n:]...); n == len(list) {
			delete(t.idle, key)
		}
	}
	if t.sweep != nil {
		t.sweep.Stop()
		t.sweep = nil
	}
	if len(t.idle) > 0 {
		t.sweep = time.AfterFunc(idleTime/4, func() { t.closeIdle(idleTime) })
	}
	t.mu.Unlock()
	for _, c := range old {
		_ = c.Close()
	}
}
