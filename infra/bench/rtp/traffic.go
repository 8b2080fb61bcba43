// Package rtp sends and receives the sound of many two-party calls, and sets calls up at a relay: over rtpengine's ng
// protocol, or as SIP calls. It measures packets and delay; it plays and judges no sound.
package rtp

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/ipv4"
)

const (
	frame   = 20 * time.Millisecond
	ticks   = 20 // batches of a frame: the flows are spread over its 20 ms
	size    = 12 + 160
	batchOf = 256
)

// Party is one side of all calls: one socket that every flow comes from and goes to.
type Party struct {
	conn *net.UDPConn
	raw  *ipv4.PacketConn
	to   []netip.AddrPort // where the flow of each call is sent
	came atomic.Int64     // datagrams
	sent int              // frames of each flow in the runs before
}

// NewParty binds a port of loopback.
func NewParty() (*Party, error) {
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	_ = c.SetReadBuffer(16 << 20) // as much as the system allows
	_ = c.SetWriteBuffer(16 << 20)
	return &Party{conn: c, raw: ipv4.NewPacketConn(c)}, nil
}

// Close gives the port back.
func (p *Party) Close() { _ = p.conn.Close() }

// Addr is where it receives.
func (p *Party) Addr() netip.AddrPort { return p.conn.LocalAddr().(*net.UDPAddr).AddrPort() }

// SDP offers PCMU at its port.
func (p *Party) SDP() string {
	return fmt.Sprintf("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio %d RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=sendrecv\r\n", p.Addr().Port())
}

// SendTo adds a call: its sound goes to addr.
func (p *Party) SendTo(addr netip.AddrPort) { p.to = append(p.to, addr) }

// Result of some seconds of RTP both ways.
type Result struct {
	Sent, Received int
	Delay          []float64 // us from sending to receiving, sorted
	Late           float64   // ms that the sender was behind its schedule at worst
}

// Run sends for a time from both parties at once and counts what comes.
func Run(a, b *Party, d time.Duration) (Result, error) {
	var wg sync.WaitGroup
	runs.Add(1)
	var ra, rb Result
	var ea, eb error
	ctx, cancel := context.WithCancel(context.Background())
	wg.Go(func() { ea = a.receive(ctx, &ra) })
	wg.Go(func() { eb = b.receive(ctx, &rb) })
	sent, late, err := send(a, b, d)
	settle(a, b)
	cancel()
	wg.Wait()
	r := Result{Sent: sent, Received: ra.Received + rb.Received, Delay: append(ra.Delay, rb.Delay...), Late: float64(late.Microseconds()) / 1000}
	slices.Sort(r.Delay)
	return r, errors.Join(err, ea, eb)
}

var (
	epoch = time.Now()
	runs  atomic.Uint32 // tells the packets of a run from those of the one before that come late
)

// settle waits until nothing has come for a while: what is late is not lost.
func settle(a, b *Party) {
	const quiet = 300 * time.Millisecond
	for had := int64(-1); ; time.Sleep(quiet) {
		now := a.came.Load() + b.came.Load()
		if now == had {
			return
		}
		had = now
	}
}

// send sends every flow once a frame, on an absolute schedule.
func send(a, b *Party, d time.Duration) (sent int, late time.Duration, err error) {
	began := time.Now()
	batch := sender{run: runs.Load()}
	for tick := 0; time.Duration(tick)*frame/ticks < d; tick++ {
		due := began.Add(time.Duration(tick) * frame / ticks)
		if wait := time.Until(due); wait > 0 {
			time.Sleep(wait)
		} else {
			late = max(late, -wait)
		}
		for _, p := range []*Party{a, b} {
			n, err := batch.send(p, tick)
			if err != nil {
				return sent, late, err
			}
			sent += n
		}
	}
	for _, p := range []*Party{a, b} {
		p.sent += int((d + frame - 1) / frame)
	}
	return sent, late, nil
}

// sender builds the packets of a tick.
type sender struct {
	run      uint32
	messages []ipv4.Message
	packets  [][]byte
}

func (s *sender) send(p *Party, tick int) (int, error) {
	n := 0
	for flow := tick % ticks; flow < len(p.to); flow += ticks {
		if n == len(s.messages) {
			s.packets = append(s.packets, make([]byte, size))
			s.messages = append(s.messages, ipv4.Message{Buffers: [][]byte{s.packets[n]}, Addr: &net.UDPAddr{}})
		}
		fill(s.packets[n], s.run, flow, p.sent+tick/ticks)
		to := s.messages[n].Addr.(*net.UDPAddr)
		to.IP, to.Port = p.to[flow].Addr().AsSlice(), int(p.to[flow].Port())
		n++
	}
	for done := 0; done < n; {
		k, err := p.raw.WriteBatch(s.messages[done:min(n, done+batchOf)], 0)
		if err != nil {
			return done, fmt.Errorf("sending RTP: %w", err)
		}
		done += k
	}
	return n, nil
}

// fill makes a packet of a flow: RTP with its run and its own time in the sound.
func fill(b []byte, run uint32, flow, frame int) {
	b[0], b[1] = 0x80, 0
	binary.BigEndian.PutUint16(b[2:], uint16(frame))
	binary.BigEndian.PutUint32(b[4:], uint32(frame*160))
	binary.BigEndian.PutUint32(b[8:], uint32(flow+1)*2654435761)
	binary.BigEndian.PutUint32(b[12:], run)
	binary.BigEndian.PutUint64(b[16:], uint64(time.Since(epoch)))
}

func (p *Party) receive(ctx context.Context, r *Result) error {
	messages := make([]ipv4.Message, batchOf)
	for i := range messages {
		messages[i].Buffers = [][]byte{make([]byte, 2048)}
	}
	run := runs.Load()
	for ctx.Err() == nil {
		_ = p.conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		n, err := p.raw.ReadBatch(messages, 0)
		if err != nil {
			if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() {
				continue
			}
			return fmt.Errorf("receiving RTP: %w", err)
		}
		now := time.Since(epoch)
		p.came.Add(int64(n))
		for _, m := range messages[:n] {
			if b := m.Buffers[0][:m.N]; m.N == size && binary.BigEndian.Uint32(b[12:]) == run {
				r.Received++
				r.Delay = append(r.Delay, float64(now-time.Duration(binary.BigEndian.Uint64(b[16:])))/1000)
			}
		}
	}
	return nil
}

// mediaAddr is the address and port of a description's audio.
func mediaAddr(sdp string) (netip.AddrPort, error) {
	var host string
	port := 0
	for _, line := range splitLines(sdp) {
		if _, err := fmt.Sscanf(line, "c=IN IP4 %s", &host); err == nil {
			continue
		}
		_, _ = fmt.Sscanf(line, "m=audio %d", &port) // another line
	}
	ip, err := netip.ParseAddr(host)
	if err != nil || port == 0 {
		return netip.AddrPort{}, fmt.Errorf("no audio in %q", sdp)
	}
	return netip.AddrPortFrom(ip, uint16(port)), nil
}
