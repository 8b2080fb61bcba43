package edgetest

import (
	"net"
	"net/netip"
)

// mediaQueue is what an RTP socket holds: more than a second of one stream.
const mediaQueue = 64

// Socket is a UDP socket as media.Config.Listen wants it.
type Socket struct{ conn *packetConn }

// ListenUDP opens a socket for RTP; an address in use is syscall.EADDRINUSE.
func (n *Net) ListenUDP(at netip.AddrPort) (*Socket, error) {
	c, err := n.listen("udp", at, mediaQueue)
	if err != nil {
		return nil, err
	}
	return &Socket{c}, nil
}

// ReadFromUDPAddrPort waits for a packet; net.ErrClosed ends it.
func (s *Socket) ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error) {
	select {
	case p := <-s.conn.in:
		return copy(b, p.Data), p.From, nil
	case <-s.conn.done:
		return 0, netip.AddrPort{}, net.ErrClosed
	}
}

// WriteToUDPAddrPort sends a packet.
func (s *Socket) WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error) {
	select {
	case <-s.conn.done:
		return 0, net.ErrClosed
	default:
	}
	s.conn.net.Send(s.conn.addr, to, b)
	return len(b), nil
}

// Close gives the address back.
func (s *Socket) Close() error { return s.conn.Close() }

// Abandon ends the reading without giving the address back: what a program does that forgets a socket.
func (s *Socket) Abandon() { s.conn.once.Do(func() { close(s.conn.done) }) }

// Receive has f called with each packet that arrives at an address, on the goroutine that brings it: f must not block.
// nil takes it away. It is a socket without a goroutine, for networks of many scripted parties.
func (n *Net) Receive(at netip.AddrPort, f func(Packet)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if f == nil {
		delete(n.receivers, at)
		return
	}
	n.receivers[at] = f
}

// Open counts the UDP sockets that are open; receivers are none.
func (n *Net) Open() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.sockets)
}

// Listening lists the addresses of the open UDP sockets, in no order.
func (n *Net) Listening() []netip.AddrPort {
	n.mu.Lock()
	defer n.mu.Unlock()
	all := make([]netip.AddrPort, 0, len(n.sockets))
	for at := range n.sockets {
		all = append(all, at)
	}
	return all
}
