package sipua

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"time"

	"golang.org/x/net/netutil"
)

const maxHeaders = 32 << 10 // bytes of a message before its body

var errFrame = errors.New("stream is not framed SIP")

// listener takes streams of one network.
type listener struct {
	t       *transports
	network string
	ln      net.Listener
	addr    netip.AddrPort
	host    string
}

func (t *transports) listenStreams(network, addr string) error {
	if (network == overTLS || network == overWSS) && t.u.cfg.Certificate == nil {
		return errNoCertificate
	}
	ln, err := t.u.cfg.ListenTCP("tcp", addr)
	if err != nil {
		return err
	}
	if network == overWS || network == overWSS {
		ln = netutil.LimitListener(ln, maxFlows) // whoever is no WebSocket yet counts too
	}
	l := &listener{t: t, network: network, ln: ln, addr: addrPort(ln.Addr())}
	l.host = t.advertised(l.addr.Addr())
	t.listeners = append(t.listeners, l)
	return nil
}

func (l *listener) serve() error {
	if l.network == overWS || l.network == overWSS {
		return l.serveWeb()
	}
	for {
		conn, err := l.ln.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			var passing net.Error
			if errors.As(err, &passing) { // out of file descriptors, or the client is gone already
				l.t.u.log.Warn("cannot accept", "addr", l.addr.String(), "error", err)
				time.Sleep(50 * time.Millisecond) // or the loop spins until descriptors come back
				continue
			}
			return fmt.Errorf("accepting on %s: %w", l.addr, err)
		}
		l.take(conn)
	}
}

// take serves a stream. TLS's handshake is the flow's, so that a client who is silent holds up nobody.
func (l *listener) take(conn net.Conn) {
	f, err := l.t.newFlow(streamTo{network: l.network, addr: addrPort(conn.RemoteAddr())})
	if err != nil {
		_ = conn.Close()
		return
	}
	f.start(l.t.life, func(ctx context.Context) (stream, error) {
		if l.network == overTLS {
			conn, err = serverTLS(ctx, conn, l.t.u.cfg.Certificate)
		}
		return f.framed(conn), err
	})
}

// framed is a stream whose messages are told apart by their Content-Length.
type framed struct {
	f    *flow
	conn net.Conn
	in   *bufio.Reader
}

func (f *flow) framed(conn net.Conn) *framed {
	return &framed{f, conn, bufio.NewReaderSize(conn, 4096)}
}

func (s *framed) close() { _ = s.conn.Close() }

func (s *framed) write(b []byte) error {
	_ = s.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
	_, err := s.conn.Write(b)
	return err
}

func (s *framed) read() ([]byte, error) {
	_ = s.conn.SetReadDeadline(time.Now().Add(s.f.idle()))
	if err := s.skipKeepAlive(); err != nil {
		return nil, err
	}
	_ = s.conn.SetReadDeadline(time.Now().Add(messageTimeout))
	return readFrame(s.in)
}

// skipKeepAlive waits for a message and answers pings, a double CRLF, with a CRLF (RFC 5626 4.4.1).
func (s *framed) skipKeepAlive() error {
	crlf := 0
	for {
		b, err := s.in.ReadByte()
		if err != nil {
			return err
		}
		switch b {
		case '\r':
		case '\n':
			if crlf++; crlf%2 != 0 {
				continue
			}
			if err := s.f.send([]byte("\r\n"), s.f.to.addr); err != nil {
				return err
			}
		default:
			return s.in.UnreadByte()
		}
	}
}

// readFrame reads one message: headers up to the empty line, then Content-Length bytes (RFC 3261 18.3).
func readFrame(r *bufio.Reader) ([]byte, error) {
	var raw []byte
	length, whole := -1, true
	for {
		line, err := r.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return nil, err
		}
		if raw = append(raw, line...); len(raw) > maxHeaders {
			return nil, fmt.Errorf("%w: headers too long", errFrame)
		}
		start := whole // of a header line; one longer than the buffer is not Content-Length
		if whole = err == nil; !start || !whole {
			continue
		}
		if len(bytes.TrimRight(line, "\r\n")) == 0 {
			break
		}
		if length, err = contentLength(line, length); err != nil {
			return nil, err
		}
	}
	if length <= 0 {
		return raw, nil
	}
	at := len(raw)
	raw = append(raw, make([]byte, length)...)
	_, err := io.ReadFull(r, raw[at:])
	return raw, err
}

// contentLength notes the header's value. Two that differ would let one message hide another. A line that begins with a space
// belongs to the header before (RFC 3261 7.3.1), whatever stands in it.
func contentLength(line []byte, before int) (int, error) {
	name, value, ok := bytes.Cut(line, []byte{':'})
	if name = bytes.TrimRight(name, " \t"); !ok || !bytes.EqualFold(name, []byte("content-length")) && !bytes.EqualFold(name, []byte("l")) {
		return before, nil
	}
	n, err := strconv.ParseUint(string(bytes.TrimSpace(value)), 10, 31)
	if err != nil || n > maxMessage || before >= 0 && int(n) != before {
		return 0, fmt.Errorf("%w: bad Content-Length", errFrame)
	}
	return int(n), nil
}
