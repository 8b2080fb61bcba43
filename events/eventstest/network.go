package eventstest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"
)

// Network is a network in memory for TCP, so that broker and clients run inside a testing/synctest bubble.
// Give Listen to the broker and Dial to events.Kafka.
type Network struct {
	mu        sync.Mutex
	listeners map[string]*pipeListener
	conns     map[net.Conn]struct{}
	down      bool
	next      int
}

// NewNetwork makes an empty network.
func NewNetwork() *Network {
	return &Network{listeners: map[string]*pipeListener{}, conns: map[net.Conn]struct{}{}, next: 40000}
}

// Listen opens a port; port 0 is a free one.
func (n *Network) Listen(_, address string) (net.Listener, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if port == "0" {
		n.next++
		address = fmt.Sprintf("%s:%d", host, n.next)
	}
	if n.listeners[address] != nil {
		return nil, &net.OpError{Op: "listen", Net: "tcp", Err: syscall.EADDRINUSE}
	}
	l := &pipeListener{n: n, address: address, conns: make(chan net.Conn), closed: make(chan struct{})}
	n.listeners[address] = l
	return l, nil
}

// Dial connects to a listener.
func (n *Network) Dial(ctx context.Context, _, address string) (net.Conn, error) {
	n.mu.Lock()
	l, down := n.listeners[address], n.down
	n.mu.Unlock()
	if l == nil || down {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	client, server := net.Pipe()
	select {
	case l.conns <- &pipeConn{Conn: server, n: n, address: address}:
		return n.keep(&pipeConn{Conn: client, n: n, address: address})
	case <-l.closed:
		return nil, errors.Join(&net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}, client.Close(), server.Close())
	case <-ctx.Done():
		return nil, errors.Join(ctx.Err(), client.Close(), server.Close())
	}
}

func (n *Network) keep(c net.Conn) (net.Conn, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.down {
		return nil, errors.Join(syscall.ECONNRESET, c.Close())
	}
	n.conns[c] = struct{}{}
	return c, nil
}

// Cut breaks every connection and refuses new ones, until Mend.
func (n *Network) Cut() {
	n.mu.Lock()
	conns := n.conns
	n.conns, n.down = map[net.Conn]struct{}{}, true
	n.mu.Unlock()
	for c := range conns {
		_ = c.Close() // its users see it
	}
}

// Mend ends Cut.
func (n *Network) Mend() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.down = false
}

type pipeListener struct {
	n       *Network
	address string
	conns   chan net.Conn
	closed  chan struct{}
	once    sync.Once
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() {
		close(l.closed)
		l.n.mu.Lock()
		defer l.n.mu.Unlock()
		delete(l.n.listeners, l.address)
	})
	return nil
}

func (l *pipeListener) Addr() net.Addr { return pipeAddr(l.address) }

type pipeAddr string

func (pipeAddr) Network() string  { return "tcp" }
func (a pipeAddr) String() string { return string(a) }

// pipeConn has an address, which brokers and clients look at.
type pipeConn struct {
	net.Conn
	n       *Network
	address string
}

func (c *pipeConn) LocalAddr() net.Addr  { return pipeAddr(c.address) }
func (c *pipeConn) RemoteAddr() net.Addr { return pipeAddr(c.address) }

func (c *pipeConn) Close() error {
	c.n.mu.Lock()
	delete(c.n.conns, c)
	c.n.mu.Unlock()
	return c.Conn.Close()
}
