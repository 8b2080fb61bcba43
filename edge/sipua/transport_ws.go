package sipua

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/coder/websocket"
)

const (
	subprotocol  = "sip" // RFC 7118 4.1
	handshakeFor = 5 * time.Second
	pingEvery    = 30 * time.Second // proxies close what is silent for a minute
	pongWithin   = 10 * time.Second
)

// serveWeb takes WebSockets (RFC 7118) until the listener is closed. TLS's handshake is in net/http's hands, which has the
// deadline of the request's headers for it and a goroutine for each client.
func (l *listener) serveWeb() error {
	ln := l.ln
	if l.network == overWSS {
		ln = tls.NewListener(ln, &tls.Config{
			MinVersion: tls.VersionTLS12, GetCertificate: l.t.u.cfg.Certificate, NextProtos: []string{"http/1.1"},
		})
	}
	server := &http.Server{
		Handler: web{l.t, l.network}, ReadHeaderTimeout: handshakeFor, IdleTimeout: handshakeFor, MaxHeaderBytes: maxHeaders,
		ErrorLog: slog.NewLogLogger(l.t.u.log.Handler(), slog.LevelDebug),
	}
	defer func() { _ = server.Close() }()
	if err := server.Serve(ln); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// WebSocket takes SIP over WebSocket from an HTTP server that has more to serve: who comes there comes to this UA. What the
// server's own TLS hides is not seen here. The UA must run.
func (u *UA) WebSocket() http.Handler { return web{u.net, overWS} }

// web makes flows of requests. A page may ask from its own host and from the origins that were allowed (RFC 6455 10.2): a
// browser sends pages of others here too.
type web struct {
	t       *transports
	network string // WS or WSS
}

func (e web) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !offered(r.Header.Values("Sec-WebSocket-Protocol")) {
		http.Error(w, "this is SIP over WebSocket (RFC 7118): ask for the subprotocol sip", http.StatusBadRequest)
		return
	}
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		http.Error(w, "no address", http.StatusBadRequest)
		return
	}
	any := slices.Contains(e.t.u.cfg.Origins, "*")
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{
		Subprotocols: []string{subprotocol}, OriginPatterns: e.t.u.cfg.Origins, InsecureSkipVerify: any,
	})
	if err != nil {
		e.t.refused.log(e.t.u.log, "WebSocket refused", "peer", r.RemoteAddr, "error", err)
		return
	}
	f, err := e.t.newFlow(streamTo{network: e.network, addr: unmap(from)})
	if err != nil {
		_ = conn.CloseNow()
		return
	}
	f.start(context.Background(), func(context.Context) (stream, error) { return f.web(conn), nil })
}

// seldom is a warning that comes once a minute, and otherwise for who debugs.
type seldom struct{ last atomic.Int64 }

func (s *seldom) log(log *slog.Logger, what string, args ...any) {
	level := slog.LevelDebug
	if s.due(time.Now()) {
		level = slog.LevelWarn
	}
	log.Log(context.Background(), level, what, args...)
}

func (s *seldom) due(now time.Time) bool {
	at, last := now.Unix(), s.last.Load()
	return at-last >= 60 && s.last.CompareAndSwap(last, at)
}

func offered(values []string) bool {
	for _, v := range values {
		for p := range strings.SplitSeq(v, ",") {
			if strings.EqualFold(strings.TrimSpace(p), subprotocol) {
				return true
			}
		}
	}
	return false
}

// webStream is a WebSocket with one SIP message in each of its own.
type webStream struct {
	f    *flow
	conn *websocket.Conn
}

func (f *flow) web(conn *websocket.Conn) *webStream {
	conn.SetReadLimit(maxMessage)
	s := &webStream{f, conn}
	f.t.readers.Go(s.ping)
	return s
}

func (s *webStream) close() { _ = s.conn.CloseNow() }

// write sends text where it can: browsers give anything else to a page as a blob.
func (s *webStream) write(b []byte) error {
	ctx, cancel := context.WithTimeout(context.Background(), writeTimeout)
	defer cancel()
	kind := websocket.MessageText
	if !utf8.Valid(b) {
		kind = websocket.MessageBinary
	}
	return s.conn.Write(ctx, kind, b)
}

// read waits for a message and answers pings of SIP's own (RFC 5626 4.4.1, RFC 7118 6).
func (s *webStream) read() ([]byte, error) {
	for {
		raw, err := s.message()
		if err != nil {
			return nil, err
		}
		if len(bytes.Trim(raw, "\r\n")) > 0 {
			return raw, nil
		}
		if len(raw) < 4 {
			continue
		}
		if err := s.f.send([]byte("\r\n"), s.f.to.addr); err != nil {
			return nil, err
		}
	}
}

// message has the time of a stream to begin and, in however many fragments, to end.
func (s *webStream) message() ([]byte, error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	limit := time.AfterFunc(s.f.idle(), cancel)
	defer limit.Stop()
	_, r, err := s.conn.Reader(ctx)
	if err != nil {
		return nil, err
	}
	limit.Reset(messageTimeout)
	return io.ReadAll(r)
}

// ping finds out when a browser has gone without a word.
func (s *webStream) ping() {
	every := time.NewTicker(pingEvery)
	defer every.Stop()
	for {
		select {
		case <-s.f.done:
			return
		case <-every.C:
			ctx, cancel := context.WithTimeout(context.Background(), pongWithin)
			err := s.conn.Ping(ctx)
			cancel()
			if err != nil {
				s.f.close(err)
				return
			}
		}
	}
}
