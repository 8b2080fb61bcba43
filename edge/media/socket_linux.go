package media

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	maxReaders = 8
	eventBatch = 128
	trafficEF  = 46 << 2 // DSCP expedited forwarding (RFC 3246) for voice
)

// epollNet reads thousands of sockets with a few goroutines.
type epollNet struct {
	readers []*epoll
}

func newNetwork(clock func() time.Duration) (network, error) {
	n := &epollNet{}
	for range min(runtime.GOMAXPROCS(0), maxReaders) {
		p, err := newEpoll(clock)
		if err != nil {
			return nil, err
		}
		n.readers = append(n.readers, p)
	}
	return n, nil
}

func (n *epollNet) open(addr netip.AddrPort, h handler) (socket, error) {
	// By pairs: taken in turns, RTP would all go to one reader of two, and RTCP to the other.
	return n.readers[int(addr.Port()/2)%len(n.readers)].open(addr, h)
}

func (n *epollNet) run(ctx context.Context) error {
	var wg sync.WaitGroup
	errs := make([]error, len(n.readers))
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for i, p := range n.readers {
		wg.Go(func() {
			defer cancel() // one that fails ends all
			errs[i] = p.run(ctx)
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// epoll is one reader. Its own descriptor is watched by Go's poller, so a reader with nothing to read holds no thread.
type epoll struct {
	fd    int
	file  *os.File
	conn  syscall.RawConn
	clock func() time.Duration

	mu    sync.Mutex
	socks map[uint64]*epollSocket // by the id that epoll gives back
	last  uint64
	ended bool // fd is not ours any more
}

func newEpoll(clock func() time.Duration) (*epoll, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("media: epoll: %w", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("media: epoll: %w", err)
	}
	p := &epoll{fd: fd, file: os.NewFile(uintptr(fd), "epoll"), clock: clock, socks: map[uint64]*epollSocket{}}
	if p.conn, err = p.file.SyscallConn(); err != nil {
		_ = p.file.Close()
		return nil, fmt.Errorf("media: epoll: %w", err)
	}
	return p, nil
}

// epollSocket is one port. Its lock keeps the descriptor from being closed, and given to another, during a read.
type epollSocket struct {
	p      *epoll
	id     uint64
	h      handler
	mu     sync.Mutex
	fd     int
	closed bool
}

func (p *epoll) open(addr netip.AddrPort, h handler) (socket, error) {
	fd, err := bind(addr)
	if err != nil {
		return nil, fmt.Errorf("media: %v: %w", addr, err)
	}
	s := &epollSocket{p: p, h: h, fd: fd}
	if err := p.add(s); err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("media: %v: %w", addr, err)
	}
	return s, nil
}

func bind(addr netip.AddrPort) (int, error) {
	family := unix.AF_INET
	if addr.Addr().Is6() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	mark(fd, family)
	if err := unix.Bind(fd, sockaddr(addr)); err != nil {
		_ = unix.Close(fd)
		return 0, err
	}
	return fd, nil
}

// mark asks routers for low delay; a system that refuses still carries the sound.
func mark(fd, family int) {
	if family == unix.AF_INET6 {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_TCLASS, trafficEF)
		return
	}
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_TOS, trafficEF)
}

func sockaddr(addr netip.AddrPort) unix.Sockaddr {
	if addr.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(addr.Port()), Addr: addr.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(addr.Port()), Addr: addr.Addr().As16()}
}

func (p *epoll) add(s *epollSocket) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return ErrClosed
	}
	p.last++
	s.id = p.last
	ev := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(uint32(s.id)), Pad: int32(uint32(s.id >> 32))}
	if err := unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, s.fd, &ev); err != nil {
		return err
	}
	p.socks[s.id] = s
	return nil
}

func (s *epollSocket) close() {
	s.p.mu.Lock()
	delete(s.p.socks, s.id)
	s.p.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.closed = true
		_ = unix.Close(s.fd) // leaves the epoll set with it
	}
}

// run reads until ctx ends.
func (p *epoll) run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, p.end)
	defer stop()
	var (
		events [eventBatch]unix.EpollEvent
		ready  [eventBatch]*epollSocket
		n      int
		failed error
	)
	wait := func(fd uintptr) bool {
		n, failed = epollNow(int(fd), events[:])
		return n > 0 || failed != nil
	}
	sc := new(scratch)
	for {
		err := p.conn.Read(wait)
		if ctx.Err() != nil {
			return nil
		}
		if err = errors.Join(err, failed); err != nil {
			return fmt.Errorf("media: epoll: %w", err)
		}
		p.serve(sc, p.find(events[:n], ready[:0]))
	}
}

// end wakes run for the last time.
func (p *epoll) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = true
	_ = p.file.Close()
}

// epollNow gives what is ready without waiting, and without telling Go's scheduler of a call that cannot block.
func epollNow(fd int, events []unix.EpollEvent) (int, error) {
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(fd), uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), 0, 0, 0)
		if errno == unix.EINTR {
			continue
		}
		if errno != 0 {
			return 0, errno
		}
		return int(n), nil
	}
}

// find gives the sockets of the events; one that was closed meanwhile is not found, whoever has its descriptor now.
func (p *epoll) find(events []unix.EpollEvent, ready []*epollSocket) []*epollSocket {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range events {
		id := uint64(uint32(events[i].Fd)) | uint64(uint32(events[i].Pad))<<32
		if s := p.socks[id]; s != nil {
			ready = append(ready, s)
		}
	}
	return ready
}

// serve takes one packet of each: what is left makes the socket ready again, so a flooded port delays no other.
func (p *epoll) serve(sc *scratch, ready []*epollSocket) {
	now := p.clock()
	for _, s := range ready {
		if n, from, ok := s.read(sc.in[:]); ok {
			s.h.packet(sc, sc.in[:n], from, now)
		}
	}
}

func (s *epollSocket) read(b []byte) (int, netip.AddrPort, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return 0, netip.AddrPort{}, false
	}
	return recvfrom(s.fd, b)
}

func (s *epollSocket) send(b []byte, to *destination) error { return sendto(s.fd, b, &to.raw) }
