package sipua

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"sync"
	"time"
)

const (
	maxFlows       = 20000            // streams at once
	flowQueue      = 256              // messages waiting for a stream before it is given up
	connectTimeout = 5 * time.Second  // to open a stream, with TLS's handshake
	writeTimeout   = 10 * time.Second // for one message
	messageTimeout = 30 * time.Second // from a message's first byte to its last
)

var errFull = errors.New("the peer does not read")

// Networks of streams, as Via has them.
const (
	overTCP = "TCP"
	overTLS = "TLS"
	overWS  = "WS"
	overWSS = "WSS"
)

// transportParam is what a URI of ours says of a network: RFC 3261 19.1.1, and RFC 7118 5 for both WebSockets.
func transportParam(network string) string {
	switch network {
	case overTCP:
		return ";transport=tcp"
	case overTLS:
		return ";transport=tls"
	case overWS, overWSS:
		return ";transport=ws"
	}
	return ""
}

// stream is an open one, which carries messages.
type stream interface {
	read() ([]byte, error) // waits for the next message
	write(b []byte) error
	close() // wakes the reader
}

// streamTo is whom a stream of ours leads to.
type streamTo struct {
	network string // TCP, TLS
	addr    netip.AddrPort
	trust   trust
}

// flow is one stream (RFC 5626 calls it a flow): a reader and a writer, so that a slow peer holds up nobody.
type flow struct {
	t    *transports
	id   string
	to   streamTo
	host string
	port int
	out  chan []byte
	done chan struct{}
	once sync.Once
	err  error // why it ended, if we know; to be read once done is closed
}

// newFlow registers a stream. It must be started.
func (t *transports) newFlow(to streamTo) (*flow, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.shut || len(t.flows) >= maxFlows {
		return nil, fmt.Errorf("too many streams: %w", errTransport)
	}
	t.count++
	f := &flow{
		t: t, id: t.u.cfg.Node + "-" + strconv.Itoa(t.count), to: to,
		out: make(chan []byte, flowQueue), done: make(chan struct{}),
	}
	f.host, f.port = t.streamHost(to.network)
	t.flows[f.id] = f
	t.readers.Add(1) // under mu: who waits for the readers has set shut before
	return f, nil
}

// streamHost is where new streams to us go: the network's listener, or failing that the first socket's host.
func (t *transports) streamHost(network string) (string, int) {
	for _, l := range t.listeners {
		if l.network == network {
			return l.host, int(l.addr.Port())
		}
	}
	if len(t.udp) > 0 {
		return t.udp[0].host, int(t.udp[0].addr.Port())
	}
	return t.listeners[0].host, int(t.listeners[0].addr.Port())
}

// connect gives the stream to somebody, opening it if there is none. Messages wait until it is open.
func (t *transports) connect(to streamTo) (*flow, error) {
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
	f.start(context.Background(), func(ctx context.Context) (stream, error) {
		conn, err := t.u.cfg.DialTCP(ctx, "tcp", to.addr.String())
		if err == nil && to.network == overTLS {
			conn, err = clientTLS(ctx, conn, to.trust)
		}
		if err != nil {
			return nil, err
		}
		return f.framed(conn), nil
	})
	return f, nil
}

// reopen gives a stream of the same kind as one that is gone. A page cannot be called: it comes back by itself.
func (t *transports) reopen(gone link, to netip.AddrPort) (path, error) {
	f, ok := gone.(*flow)
	switch {
	case !ok || f.to.network == overTCP:
		return t.route(overTCP, to, trust{})
	case f.to.network == overTLS:
		return t.route(overTLS, to, f.to.trust)
	}
	return path{}, fmt.Errorf("stream %s is gone: %w", f.id, errTransport)
}

// flow finds a stream by its token.
func (t *transports) flow(token string) (*flow, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f, ok := t.flows[token]
	return f, ok
}

// start opens the stream and serves it.
func (f *flow) start(ctx context.Context, open func(context.Context) (stream, error)) {
	go func() {
		defer f.t.readers.Done()
		ctx, cancel := context.WithTimeout(ctx, connectTimeout)
		w, err := open(ctx)
		cancel()
		if err == nil {
			f.t.readers.Go(func() { f.write(w) })
			err = f.read(w)
		}
		f.t.u.log.Debug("stream closed", "network", f.to.network, "peer", f.to.addr.String(), "error", err)
		f.close(err)
	}()
}

// close marks the end and tells the workers, whose requests on it have failed.
func (f *flow) close(err error) {
	f.once.Do(func() {
		f.err = err
		close(f.done)
		f.t.mu.Lock()
		delete(f.t.flows, f.id)
		if f.t.peers[f.to] == f {
			delete(f.t.peers, f.to)
		}
		f.t.mu.Unlock()
		for i, w := range f.t.u.workers {
			w.post(func() {
				w.flowDown(f)
				if f.to.network != overWS && f.to.network != overWSS {
					return
				}
				w.adrift(f)
				if i == 0 {
					f.t.u.bindings.leave(f.id)
				}
			})
		}
	})
}

// linger closes the stream once what waits is written.
func (f *flow) linger() {
	select {
	case f.out <- nil:
	default:
		f.close(nil)
	}
}

func (f *flow) write(w stream) {
	defer w.close()
	for {
		select {
		case <-f.done:
			return
		case b := <-f.out:
			if b == nil {
				f.close(nil)
				return
			}
			if err := w.write(b); err != nil {
				f.close(err)
				return
			}
		}
	}
}

func (f *flow) read(w stream) error {
	for {
		raw, err := w.read()
		if err != nil {
			return err
		}
		f.t.deliver(raw, path{f, f.to.addr})
	}
}

// ended is why requests on it have failed.
func (f *flow) ended() error {
	if f.err == nil || errors.Is(f.err, io.EOF) {
		return fmt.Errorf("stream closed: %w", errTransport)
	}
	return fmt.Errorf("%w: %w", errTransport, f.err)
}

// idle is how long a stream may say nothing.
func (f *flow) idle() time.Duration { return f.t.u.cfg.MaxExpires + time.Minute }

func (f *flow) send(b []byte, _ netip.AddrPort) error {
	if !f.alive() {
		return f.ended()
	}
	select {
	case f.out <- b:
		return nil
	default: // the peer does not read
		f.t.u.log.Warn("stream given up: its queue is full", "peer", f.to.addr.String())
		f.close(errFull)
		return f.ended()
	}
}

func (f *flow) network() string      { return f.to.network }
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
