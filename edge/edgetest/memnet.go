// Package edgetest is what tests of the edge share: networks in memory. It opens no sockets and asserts nothing.
package edgetest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"
)

// Packet is one datagram on its way.
type Packet struct {
	From, To netip.AddrPort
	Data     []byte
	Number   int // counts the packets from From to To, beginning with 1
}

// Fate decides what becomes of a packet: one copy arrives after each of the delays; none: it is lost.
// It must depend on the packet alone (a hash of what it is, not a shared random source) so that runs repeat.
type Fate func(Packet) []time.Duration

// atOnce is the fate of every packet when there is no Fate.
var atOnce = []time.Duration{0}

// Net is a network in memory: UDP and TCP between the addresses that listen on it. Inside a testing/synctest bubble
// its delays are virtual. Its methods are safe from any goroutine.
type Net struct {
	mu        sync.Mutex
	fate      Fate
	sockets   map[netip.AddrPort]*packetConn
	listeners map[netip.AddrPort]*listener
	numbers   map[[2]netip.AddrPort]int
	receivers map[netip.AddrPort]func(Packet)
	port      uint16
}

// NewNet makes a network that delivers everything at once.
func NewNet() *Net {
	return &Net{
		sockets: map[netip.AddrPort]*packetConn{}, listeners: map[netip.AddrPort]*listener{},
		numbers: map[[2]netip.AddrPort]int{}, receivers: map[netip.AddrPort]func(Packet){}, port: 40000,
	}
}

// SetFate changes what becomes of packets from now on; nil: they arrive.
func (n *Net) SetFate(f Fate) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.fate = f
}

// queueLength of a socket; more is lost, as in a kernel.
const queueLength = 4096

type packetConn struct {
	net  *Net
	addr netip.AddrPort
	in   chan Packet
	done chan struct{}
	once sync.Once

	mu       sync.Mutex
	deadline time.Time     // guarded by mu
	changed  chan struct{} // closed when deadline changes; guarded by mu
}

// ListenPacket opens a UDP socket on ip:port; port 0 takes a free one.
func (n *Net) ListenPacket(network, addr string) (net.PacketConn, error) {
	at, err := n.free(addr)
	if err != nil {
		return nil, &net.OpError{Op: "listen", Net: network, Err: err}
	}
	return n.listen(network, at, queueLength)
}

func (n *Net) listen(network string, at netip.AddrPort, queue int) (*packetConn, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.sockets[at] != nil {
		return nil, &net.OpError{Op: "listen", Net: network, Addr: net.UDPAddrFromAddrPort(at), Err: syscall.EADDRINUSE}
	}
	c := &packetConn{net: n, addr: at, in: make(chan Packet, queue), done: make(chan struct{}), changed: make(chan struct{})}
	n.sockets[at] = c
	return c, nil
}

func (n *Net) free(addr string) (netip.AddrPort, error) {
	at, err := netip.ParseAddrPort(addr)
	if err != nil || at.Port() != 0 {
		return at, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.port++
	return netip.AddrPortFrom(at.Addr(), n.port), nil
}

func (c *packetConn) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		c.mu.Lock()
		deadline, changed := c.deadline, c.changed
		c.mu.Unlock()
		var late <-chan time.Time
		if !deadline.IsZero() {
			late = time.After(time.Until(deadline))
		}
		select {
		case p := <-c.in:
			return copy(b, p.Data), net.UDPAddrFromAddrPort(p.From), nil
		case <-c.done:
			return 0, nil, c.closed("read")
		case <-changed:
		case <-late:
			return 0, nil, &net.OpError{Op: "read", Net: "udp", Err: os.ErrDeadlineExceeded}
		}
	}
}

func (c *packetConn) closed(op string) error {
	return &net.OpError{Op: op, Net: "udp", Source: c.LocalAddr(), Err: net.ErrClosed}
}

func (c *packetConn) WriteTo(b []byte, to net.Addr) (int, error) {
	udp, ok := to.(*net.UDPAddr)
	if !ok {
		return 0, fmt.Errorf("edgetest: %T is no UDP address", to)
	}
	select {
	case <-c.done:
		return 0, c.closed("write")
	default:
	}
	ap := udp.AddrPort()
	c.net.Send(c.addr, netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()), b)
	return len(b), nil
}

// Send sends a packet without a socket. Data is copied.
func (n *Net) Send(from, to netip.AddrPort, data []byte) {
	p := Packet{From: from, To: to, Data: append([]byte(nil), data...)}
	for _, delay := range n.judge(&p) {
		if delay <= 0 {
			n.arrive(p)
			continue
		}
		time.AfterFunc(delay, func() { n.arrive(p) })
	}
}

func (n *Net) judge(p *Packet) []time.Duration {
	n.mu.Lock()
	n.numbers[[2]netip.AddrPort{p.From, p.To}]++
	p.Number = n.numbers[[2]netip.AddrPort{p.From, p.To}]
	fate := n.fate
	n.mu.Unlock()
	if fate == nil {
		return atOnce
	}
	return fate(*p)
}

func (n *Net) arrive(p Packet) {
	n.mu.Lock()
	c, receive := n.sockets[p.To], n.receivers[p.To]
	n.mu.Unlock()
	if receive != nil {
		receive(p)
		return
	}
	if c == nil {
		return
	}
	select {
	case c.in <- p:
	default:
	}
}

func (c *packetConn) Close() error {
	c.once.Do(func() {
		close(c.done)
		c.net.mu.Lock()
		delete(c.net.sockets, c.addr)
		c.net.mu.Unlock()
	})
	return nil
}

func (c *packetConn) LocalAddr() net.Addr              { return net.UDPAddrFromAddrPort(c.addr) }
func (c *packetConn) SetDeadline(t time.Time) error    { return c.SetReadDeadline(t) }
func (c *packetConn) SetWriteDeadline(time.Time) error { return nil }
func (c *packetConn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deadline = t
	close(c.changed)
	c.changed = make(chan struct{})
	return nil
}

type listener struct {
	net  *Net
	addr netip.AddrPort
	in   chan net.Conn
	done chan struct{}
	once sync.Once
}

// Listen opens a TCP listener on ip:port.
func (n *Net) Listen(network, addr string) (net.Listener, error) {
	at, err := n.free(addr)
	if err != nil {
		return nil, &net.OpError{Op: "listen", Net: network, Err: err}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.listeners[at] != nil {
		return nil, &net.OpError{Op: "listen", Net: network, Addr: net.TCPAddrFromAddrPort(at), Err: errors.New("address already in use")}
	}
	l := &listener{net: n, addr: at, in: make(chan net.Conn), done: make(chan struct{})}
	n.listeners[at] = l
	return l, nil
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.in:
		return c, nil
	case <-l.done:
		return nil, &net.OpError{Op: "accept", Net: "tcp", Err: net.ErrClosed}
	}
}

func (l *listener) Addr() net.Addr { return net.TCPAddrFromAddrPort(l.addr) }

func (l *listener) Close() error {
	l.once.Do(func() {
		close(l.done)
		l.net.mu.Lock()
		delete(l.net.listeners, l.addr)
		l.net.mu.Unlock()
	})
	return nil
}

// DialContext opens a TCP connection from a new port of 127.0.0.1.
func (n *Net) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	to, err := netip.ParseAddrPort(addr)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	from, _ := n.free("127.0.0.1:0") // it parses
	n.mu.Lock()
	l := n.listeners[to]
	n.mu.Unlock()
	if l == nil {
		return nil, &net.OpError{Op: "dial", Net: network, Addr: net.TCPAddrFromAddrPort(to), Err: errors.New("connection refused")}
	}
	ours, theirs := net.Pipe()
	near := &conn{ours, from, to}
	select {
	case l.in <- &conn{theirs, to, from}:
		return near, nil
	case <-l.done:
		err = errors.New("connection refused")
	case <-ctx.Done():
		err = ctx.Err()
	}
	_ = ours.Close() // a pipe closes without fault
	return nil, &net.OpError{Op: "dial", Net: network, Addr: net.TCPAddrFromAddrPort(to), Err: err}
}

// conn is a pipe with addresses.
type conn struct {
	net.Conn
	local, remote netip.AddrPort
}

func (c *conn) LocalAddr() net.Addr  { return net.TCPAddrFromAddrPort(c.local) }
func (c *conn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.remote) }
