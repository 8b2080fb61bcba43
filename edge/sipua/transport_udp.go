package sipua

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
)

// socketBuffer holds a burst while the reader is busy: some 8,000 messages.
const socketBuffer = 8 << 20

func listenPacket(network, addr string) (net.PacketConn, error) {
	conn, err := (&net.ListenConfig{}).ListenPacket(context.Background(), network, addr)
	if udp, ok := conn.(*net.UDPConn); ok {
		_ = udp.SetReadBuffer(socketBuffer) // as much as the system allows
		_ = udp.SetWriteBuffer(socketBuffer)
	}
	return conn, err
}

// udpSocket is one UDP listener; requests go out from it too.
type udpSocket struct {
	t    *transports
	conn net.PacketConn
	fast *net.UDPConn // conn, if it is one: no allocation per packet
	addr netip.AddrPort
	host string
}

func (t *transports) listenUDP(addr string) error {
	conn, err := t.u.cfg.ListenPacket("udp", addr)
	if err != nil {
		return err
	}
	s := &udpSocket{t: t, conn: conn, addr: addrPort(conn.LocalAddr())}
	s.fast, _ = conn.(*net.UDPConn)
	s.host = t.advertised(s.addr.Addr())
	t.udp = append(t.udp, s)
	return nil
}

// read hands on what comes until the socket is closed.
func (s *udpSocket) read() error {
	buf := make([]byte, maxMessage)
	for faults := 0; ; {
		n, from, err := s.readFrom(buf)
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil { // one may be about an earlier send; a row of them is the socket's end
			if faults++; faults > 100 {
				return fmt.Errorf("reading %s: %w", s.addr, err)
			}
			continue
		}
		faults = 0
		if n < 16 { // keep-alive, or nothing that could be SIP
			continue
		}
		s.t.deliver(append([]byte(nil), buf[:n]...), path{s, from})
	}
}

func (s *udpSocket) readFrom(buf []byte) (int, netip.AddrPort, error) {
	if s.fast != nil {
		n, from, err := s.fast.ReadFromUDPAddrPort(buf)
		return n, unmap(from), err
	}
	n, from, err := s.conn.ReadFrom(buf)
	if err != nil {
		return 0, netip.AddrPort{}, err
	}
	return n, addrPort(from), nil
}

func (s *udpSocket) send(b []byte, to netip.AddrPort) error {
	if len(b) > maxMessage-28 {
		return fmt.Errorf("message of %d bytes over UDP: %w", len(b), errTransport)
	}
	var err error
	if s.fast != nil {
		_, err = s.fast.WriteToUDPAddrPort(b, to)
	} else {
		_, err = s.conn.WriteTo(b, net.UDPAddrFromAddrPort(to))
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errTransport, err)
	}
	return nil
}

func (s *udpSocket) network() string      { return "UDP" }
func (s *udpSocket) local() (string, int) { return s.host, int(s.addr.Port()) }
func (s *udpSocket) alive() bool          { return true }
func (s *udpSocket) token() string        { return "" }

// advertised is the host that others shall use for a listener on ip.
func (t *transports) advertised(ip netip.Addr) string {
	if t.u.cfg.Advertise != "" {
		return t.u.cfg.Advertise
	}
	if !ip.IsUnspecified() {
		return ip.String()
	}
	// Asks the routing table; connecting a UDP socket sends nothing.
	conn, err := net.Dial("udp", "192.0.2.1:9")
	if err != nil {
		return "127.0.0.1"
	}
	defer func() { _ = conn.Close() }()
	return addrPort(conn.LocalAddr()).Addr().String()
}

// addrPort of a net.Addr; the zero value if it has none.
func addrPort(a net.Addr) netip.AddrPort {
	switch a := a.(type) {
	case *net.UDPAddr:
		return unmap(a.AddrPort())
	case *net.TCPAddr:
		return unmap(a.AddrPort())
	case nil:
		return netip.AddrPort{}
	}
	ap, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.AddrPort{}
	}
	return unmap(ap)
}

func unmap(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}
