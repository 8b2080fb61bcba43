package sipua

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/offhook/offhook/edge/sipua/guard"
)

// maxMessage bounds one SIP message, on either transport.
const maxMessage = 65535

const defaultPort = 5060

var errTransport = errors.New("could not be sent")

// link carries messages: a UDP socket or a stream.
type link interface {
	// send never blocks for long: a stream queues, and fails when its queue is full. Its error is an errTransport
	// that says why.
	send(b []byte, to netip.AddrPort) error
	network() string // UDP, TCP, TLS, WS or WSS, as in Via
	local() (host string, port int)
	alive() bool
	token() string // names a stream among this UA's; empty for UDP
}

// path is where a message came from or goes to.
type path struct {
	link link
	to   netip.AddrPort
}

func (p path) reliable() bool { return p.link.network() != "UDP" }

func (p path) send(b []byte) error { return p.link.send(b, p.to) }

// hostPort of our end, for Via and Contact.
func (p path) hostPort() string {
	host, port := p.link.local()
	return net.JoinHostPort(host, strconv.Itoa(port))
}

// transports are the sockets and streams of a UA.
type transports struct {
	u         *UA
	udp       []*udpSocket
	listeners []*listener
	readers   sync.WaitGroup
	failed    chan error // a socket's end that nobody asked for
	refused   seldom     // pages of others
	life      context.Context
	die       context.CancelFunc

	mu    sync.Mutex
	flows map[string]*flow   // by token; guarded by mu
	peers map[streamTo]*flow // those we opened; guarded by mu
	count int                // numbers flows; guarded by mu
	shut  bool               // guarded by mu
}

func bind(u *UA) (*transports, error) {
	t := &transports{u: u, flows: map[string]*flow{}, peers: map[streamTo]*flow{}, failed: make(chan error, 1)}
	t.life, t.die = context.WithCancel(context.Background())
	for _, l := range u.cfg.Listen {
		if err := t.listen(l); err != nil {
			t.close()
			return nil, &ListenError{l, err}
		}
	}
	return t, nil
}

func (t *transports) listen(l Listen) error {
	switch l.Network {
	case "udp":
		return t.listenUDP(l.Addr)
	case "tcp", "tls", "ws", "wss":
		return t.listenStreams(strings.ToUpper(l.Network), l.Addr)
	}
	return fmt.Errorf("network %q is not one of udp, tcp, tls, ws, wss", l.Network)
}

// serve reads until ctx ends or a socket fails.
func (t *transports) serve(ctx context.Context) error {
	for _, s := range t.udp {
		t.readers.Go(func() { t.fail(s.read()) })
	}
	for _, l := range t.listeners {
		t.readers.Go(func() { t.fail(l.serve()) })
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-t.failed:
		return err
	}
}

func (t *transports) fail(err error) {
	if err == nil {
		return
	}
	select {
	case t.failed <- err:
	default: // one is enough to end Run
	}
}

// close closes everything and waits for the readers.
func (t *transports) close() {
	t.mu.Lock()
	t.shut = true
	open := make([]*flow, 0, len(t.flows))
	for _, f := range t.flows {
		open = append(open, f)
	}
	t.mu.Unlock()
	t.die() // handshakes of others
	for _, f := range open {
		f.linger()
	}
	for _, s := range t.udp {
		_ = s.conn.Close() // nothing can be done about a socket that does not close
	}
	for _, l := range t.listeners {
		_ = l.ln.Close()
	}
	t.readers.Wait()
}

func (t *transports) addrs() []string {
	var all []string
	for _, s := range t.udp {
		all = append(all, "udp:"+s.conn.LocalAddr().String())
	}
	for _, l := range t.listeners {
		all = append(all, strings.ToLower(l.network)+":"+l.ln.Addr().String())
	}
	return all
}

// deliver hands a raw message to the worker of its Call-ID. Where the parser sees another one, that worker hands it on.
func (t *transports) deliver(raw []byte, from path) {
	t.u.workers[hashString(guard.CallID(raw))%uint32(len(t.u.workers))].receive(job{raw: raw, from: from, at: time.Now()})
}

// route finds the way to an address over udp, tcp or tls; who is for TLS.
func (t *transports) route(network string, to netip.AddrPort, who trust) (path, error) {
	switch network = strings.ToUpper(network); network {
	case overTCP:
		f, err := t.connect(streamTo{network: network, addr: to})
		return path{f, to}, err
	case overTLS:
		f, err := t.connect(streamTo{network, to, who})
		return path{f, to}, err
	case overWS, overWSS:
		return path{}, fmt.Errorf("a browser cannot be called: %w", errTransport)
	}
	for _, s := range t.udp {
		if s.addr.Addr().Is4() == to.Addr().Is4() || s.addr.Addr().IsUnspecified() && s.addr.Addr().Is6() {
			return path{s, to}, nil
		}
	}
	return path{}, fmt.Errorf("no udp listener for %s: %w", to, errTransport)
}

// replyPath is where the responses to a request go, and notes in its top Via where it came from:
// RFC 3261 18.2.1 and 18.2.2, RFC 3581 4.
func replyPath(req *sip.Request, from path) path {
	via := req.Via()
	src := from.to
	at, symmetric := -1, false
	for i, kv := range via.Params {
		if strings.EqualFold(kv.K, "rport") {
			at, symmetric = i, true
		}
	}
	if symmetric {
		via.Params[at].V = strconv.Itoa(int(src.Port()))
	}
	host := strings.Trim(via.Host, "[]")
	if symmetric || host != src.Addr().String() {
		via.Params.Remove("received")
		via.Params.Add("received", src.Addr().String())
	}
	// A sender that is elsewhere than its Via says is behind a NAT (RFC 3581 1): its port is the one we see.
	if from.reliable() || symmetric || host != src.Addr().String() {
		return from
	}
	port := via.Port
	if port <= 0 || port > 65535 {
		port = defaultPort
	}
	return path{from.link, netip.AddrPortFrom(src.Addr(), uint16(port))}
}
