package media

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"
)

// PacketSocket is what an endpoint needs of UDP; *net.UDPConn is one.
type PacketSocket interface {
	ReadFromUDPAddrPort(b []byte) (n int, from netip.AddrPort, err error)
	WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error)
	Close() error
}

// handler is given what a socket received. b is only valid during the call.
type handler interface {
	packet(sc *scratch, b []byte, from netip.AddrPort, now time.Duration)
}

// socket is an open port. send must not be called after close.
type socket interface {
	send(b []byte, to *destination) error
	close()
}

// network opens sockets and reads them while run runs.
type network interface {
	open(addr netip.AddrPort, h handler) (socket, error)
	run(ctx context.Context) error
}

// destination is where packets go, with the form that the platform's send needs made once.
type destination struct {
	addr netip.AddrPort
	raw  rawAddr
}

func newDestination(addr netip.AddrPort) destination {
	return destination{addr: addr, raw: newRawAddr(addr)}
}

// pump is the network with a goroutine for each socket: for tests and for systems without epoll.
type pump struct {
	listen func(netip.AddrPort) (PacketSocket, error)
	clock  func() time.Duration
	wg     sync.WaitGroup
}

func (p *pump) open(addr netip.AddrPort, h handler) (socket, error) {
	s, err := p.listen(addr)
	if err != nil {
		return nil, err
	}
	p.wg.Go(func() { p.read(s, h) })
	return pumpSocket{s}, nil
}

// read ends when the socket is closed; any other error is one packet's, such as an ICMP refusal.
func (p *pump) read(s PacketSocket, h handler) {
	sc := new(scratch)
	for {
		n, from, err := s.ReadFromUDPAddrPort(sc.in[:])
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			h.packet(sc, sc.in[:n], unmap(from), p.clock())
		}
	}
}

func unmap(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }

// run waits for the readers; the engine closes their sockets.
func (p *pump) run(ctx context.Context) error {
	<-ctx.Done()
	p.wg.Wait()
	return nil
}

type pumpSocket struct{ s PacketSocket }

func (p pumpSocket) send(b []byte, to *destination) error {
	_, err := p.s.WriteToUDPAddrPort(b, to.addr)
	return err
}

func (p pumpSocket) close() { _ = p.s.Close() }
