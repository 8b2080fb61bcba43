//go:build linux

package real

import (
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Tap sees UDP on loopback as it goes by: a Capture that can be looked at meanwhile. It needs root.
type Tap struct {
	mu   sync.Mutex
	seen []Packet
}

// NewTap listens until the test ends.
func NewTap(t *testing.T) *Tap {
	t.Helper()
	const ip = 0x0008 // ETH_P_IP, as the wire has it
	s, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, ip)
	must(t, err)
	must(t, unix.SetsockoptInt(s, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 4<<20))
	must(t, unix.SetsockoptTimeval(s, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 100000}))
	tap, stop, done := &Tap{}, make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		defer unix.Close(s)
		tap.listen(s, stop)
	}()
	t.Cleanup(func() { close(stop); <-done })
	return tap
}

func (p *Tap) listen(s int, stop chan struct{}) {
	frame := make([]byte, 65536+64)
	for {
		select {
		case <-stop:
			return
		default:
		}
		n, from, err := unix.Recvfrom(s, frame, 0)
		if err != nil {
			continue // nothing came for a while
		}
		if link, ok := from.(*unix.SockaddrLinklayer); ok && link.Pkttype == unix.PACKET_OUTGOING {
			continue // loopback shows each packet twice
		}
		packet, ok := udp(frame[:n])
		if !ok {
			continue
		}
		packet.At, packet.Payload = time.Now(), append([]byte(nil), packet.Payload...)
		p.mu.Lock()
		p.seen = append(p.seen, packet)
		p.mu.Unlock()
	}
}

// Packets are those that were seen so far.
func (p *Tap) Packets() []Packet {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen[:len(p.seen):len(p.seen)]
}
