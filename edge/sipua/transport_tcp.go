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
	"sync"
	"time"
)

const (
	maxFlows       = 20000            // streams at once
	maxHeaders     = 32 << 10         // bytes of a message before its body
	flowQueue      = 256              // messages waiting for a stream before it is given up
	connectTimeout = 5 * time.Second  // to open a stream
	writeTimeout   = 10 * time.Second // for one message
	messageTimeout = 30 * time.Second // from a message's first byte to its last
)

var errFrame = errors.New("stream is not framed SIP")

type tcpListener struct {
	t    *transports
	ln   net.Listener
	addr netip.AddrPort
	host string
}

func (t *transports) listenTCP(addr string) error {
	ln, err := t.u.cfg.ListenTCP("tcp", addr)
	if err != nil {
		return err
	}
	l := &tcpListener{t: t, ln: ln, addr: addrPort(ln.Addr())}
	l.host = t.advertised(l.addr.Addr())
	t.listeners = append(t.listeners, l)
	return nil
}

func (l *tcpListener) accept() error {
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
		f, err := l.t.newFlow(addrPort(conn.RemoteAddr()))
		if err != nil {
			_ = conn.Close()
			continue
		}
		f.start(func(context.Context) (net.Conn, error) { return conn, nil })
	}
}

// flow is one TCP stream (RFC 5626 calls it a flow): a reader and a writer, so that a slow peer holds up nobody.
type flow struct {
	t      *transports
	id     string
	remote netip.AddrPort
	host   string
	port   int
	out    chan []byte
	done   chan struct{}
	once   sync.Once
}

// newFlow registers a stream to remote.
func (t *transports) newFlow(remote netip.AddrPort) (*flow, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.shut || len(t.flows) >= maxFlows {
		return nil, fmt.Errorf("too many streams: %w", errTransport)
	}
	t.count++
	f := &flow{
		t: t, id: t.u.cfg.Node + "-" + strconv.Itoa(t.count), remote: remote,
		out: make(chan []byte, flowQueue), done: make(chan struct{}),
	}
	f.host, f.port = t.streamHost()
	t.flows[f.id] = f
	return f, nil
}

// streamHost is where new streams to us go: the TCP listener, or failing that the first socket's host.
func (t *transports) streamHost() (string, int) {
	if len(t.listeners) > 0 {
		return t.listeners[0].host, int(t.listeners[0].addr.Port())
	}
	return t.udp[0].host, int(t.udp[0].addr.Port())
}

// connect gives the stream to an address, opening it if there is none. Messages wait until it is open.
func (t *transports) connect(to netip.AddrPort) (*flow, error) {
	t.mu.Lock()
	f := t.peers[to]
	t.mu.Unlock()
	if f != nil && f.alive() {
		return f, nil
	}
	f, err := t.newFlow(to)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	t.peers[to] = f
	t.mu.Unlock()
	f.start(func(ctx context.Context) (net.Conn, error) {
		return t.u.cfg.DialTCP(ctx, "tcp", to.String())
	})
	return f, nil
}

// flow finds a stream by its token.
func (t *transports) flow(token string) (*flow, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f, ok := t.flows[token]
	return f, ok
}

// start opens the stream and serves it.
func (f *flow) start(open func(context.Context) (net.Conn, error)) {
	f.t.readers.Go(func() {
		defer f.close()
		ctx, cancel := context.WithTimeout(context.Background(), connectTimeout)
		conn, err := open(ctx)
		cancel()
		if err != nil {
			f.t.u.log.Debug("stream failed", "peer", f.remote.String(), "error", err)
			return
		}
		f.t.readers.Go(func() { f.write(conn) })
		f.read(conn)
	})
}

// close marks the end and tells the workers, whose requests on it have failed.
func (f *flow) close() {
	f.once.Do(func() {
		close(f.done)
		f.t.mu.Lock()
		delete(f.t.flows, f.id)
		if f.t.peers[f.remote] == f {
			delete(f.t.peers, f.remote)
		}
		f.t.mu.Unlock()
		for _, w := range f.t.u.workers {
			w.post(func() { w.flowDown(f) })
		}
	})
}

// linger closes the stream once what waits is written.
func (f *flow) linger() {
	select {
	case f.out <- nil:
	default:
		f.close()
	}
}

func (f *flow) write(conn net.Conn) {
	defer func() { _ = conn.Close() }() // wakes the reader
	for {
		select {
		case <-f.done:
			return
		case b := <-f.out:
			if b == nil {
				f.close()
				return
			}
			_ = conn.SetWriteDeadline(time.Now().Add(writeTimeout))
			if _, err := conn.Write(b); err != nil {
				f.close()
				return
			}
		}
	}
}

func (f *flow) read(conn net.Conn) {
	r := bufio.NewReaderSize(conn, 4096)
	for {
		_ = conn.SetReadDeadline(time.Now().Add(f.t.u.cfg.MaxExpires + time.Minute))
		if !f.skipKeepAlive(r) {
			return
		}
		_ = conn.SetReadDeadline(time.Now().Add(messageTimeout))
		raw, err := readFrame(r)
		if err != nil {
			f.t.u.log.Debug("stream closed", "peer", f.remote.String(), "error", err)
			return
		}
		f.t.deliver(raw, path{f, f.remote})
	}
}

// skipKeepAlive waits for a message and answers pings, a double CRLF, with a CRLF (RFC 5626 4.4.1).
func (f *flow) skipKeepAlive(r *bufio.Reader) bool {
	crlf := 0
	for {
		b, err := r.ReadByte()
		if err != nil {
			return false
		}
		switch b {
		case '\r':
		case '\n':
			if crlf++; crlf%2 == 0 && f.send([]byte("\r\n"), f.remote) != nil {
				return false
			}
		default:
			return r.UnreadByte() == nil
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

// contentLength notes the header's value. Two that differ would let one message hide another.
func contentLength(line []byte, before int) (int, error) {
	name, value, ok := bytes.Cut(line, []byte{':'})
	if name = bytes.TrimSpace(name); !ok || !bytes.EqualFold(name, []byte("content-length")) && !bytes.EqualFold(name, []byte("l")) {
		return before, nil
	}
	n, err := strconv.ParseUint(string(bytes.TrimSpace(value)), 10, 31)
	if err != nil || n > maxMessage || before >= 0 && int(n) != before {
		return 0, fmt.Errorf("%w: bad Content-Length", errFrame)
	}
	return int(n), nil
}

func (f *flow) send(b []byte, _ netip.AddrPort) error {
	if !f.alive() {
		return errTransport
	}
	select {
	case f.out <- b:
		return nil
	default: // the peer does not read
		f.t.u.log.Warn("stream given up: its queue is full", "peer", f.remote.String())
		f.close()
		return errTransport
	}
}

func (f *flow) network() string      { return "TCP" }
func (f *flow) local() (string, int) { return f.host, f.port }
func (f *flow) token() string        { return f.id }

func (f *flow) alive() bool {
	select {
	case <-f.done:
		return false
	default:
		return true
	}
}
