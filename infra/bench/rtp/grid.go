package rtp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"
)

// Grid is how evenly streams came.
type Grid struct {
	Streams, Packets, Lost int
	Late                   []float64 // us behind the 20 ms grid of the stream's earliest packet, sorted
}

// Listen watches what comes to parties for a time. The kernel stamps each packet as it arrives, so a reader that is late adds
// nothing; on loopback that is the moment in which it was sent.
func Listen(parties []*Party, d time.Duration) (Grid, error) {
	errs, found := make([]error, len(parties)), make([]*stamped, len(parties))
	var wg sync.WaitGroup
	until := time.Now().Add(d)
	for i, p := range parties {
		found[i] = &stamped{streams: map[origin]*stream{}}
		wg.Go(func() { errs[i] = p.stamp(found[i], until) })
	}
	wg.Wait()
	var g Grid
	for _, f := range found {
		for _, s := range f.streams {
			s.addTo(&g)
		}
	}
	slices.Sort(g.Late)
	return g, errors.Join(errs...)
}

type origin struct {
	from netip.AddrPort
	ssrc uint32
}

// stream is one SSRC from one port.
type stream struct {
	first, last uint16
	late        []int64 // ns, against the grid of the first
}

type stamped struct{ streams map[origin]*stream }

// timestamp is a control message: its header and two words (SO_TIMESTAMPNS).
const timestamp = unix.SizeofCmsghdr + 16

func (p *Party) stamp(into *stamped, until time.Time) error {
	if err := p.timestamps(); err != nil {
		return err
	}
	messages := make([]ipv4.Message, batchOf)
	for i := range messages {
		messages[i].Buffers, messages[i].OOB = [][]byte{make([]byte, 2048)}, make([]byte, timestamp)
	}
	_ = p.conn.SetReadDeadline(until)
	for time.Now().Before(until) {
		n, err := p.raw.ReadBatch(messages, 0)
		if err != nil {
			break // the time is over
		}
		for i := range messages[:n] {
			if m := &messages[i]; m.N >= 12 && m.NN == timestamp {
				into.take(m.Buffers[0], m.Addr.(addrPorter).AddrPort(), m.OOB)
			}
		}
	}
	return nil
}

type addrPorter interface{ AddrPort() netip.AddrPort }

// timestamps has the kernel stamp what comes, and hold as much as it may.
func (p *Party) timestamps() error {
	raw, err := p.conn.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 16<<20) // root alone may
		failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
	})
	if err = errors.Join(err, failed); err != nil {
		return fmt.Errorf("stamping packets: %w", err)
	}
	return nil
}

func (s *stamped) take(b []byte, from netip.AddrPort, control []byte) {
	at := (*unix.Timespec)(unsafe.Pointer(&control[unix.SizeofCmsghdr])).Nano()
	seq, key := binary.BigEndian.Uint16(b[2:]), origin{from, binary.BigEndian.Uint32(b[8:])}
	st := s.streams[key]
	if st == nil {
		st = &stream{first: seq}
		s.streams[key] = st
	}
	st.last = seq
	st.late = append(st.late, at-int64(seq-st.first)*int64(frame))
}

// addTo counts a stream: its grid is that of the packet which was the earliest.
func (s *stream) addTo(g *Grid) {
	grid := slices.Min(s.late)
	g.Streams++
	g.Packets += len(s.late)
	g.Lost += max(int(s.last-s.first)+1-len(s.late), 0)
	for _, at := range s.late {
		g.Late = append(g.Late, float64(at-grid)/1000)
	}
}

// Send has a party send its flows for a time: what a bare loop on this machine does.
func Send(from *Party, d time.Duration) error {
	_, _, err := send(from, &Party{}, d)
	return err
}
