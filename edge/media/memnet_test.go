package media

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtp"
)

var local = netip.MustParseAddr("127.0.0.1")

// memNet is UDP in memory: nothing is lost, nothing is late.
type memNet struct {
	mu    sync.Mutex
	socks map[netip.AddrPort]*memSock
}

type memSock struct {
	net    *memNet
	addr   netip.AddrPort
	in     chan datagram
	closed chan struct{}
	once   sync.Once
}

type datagram struct {
	b    []byte
	from netip.AddrPort
	at   time.Time
}

func newMemNet() *memNet { return &memNet{socks: map[netip.AddrPort]*memSock{}} }

func (n *memNet) listen(addr netip.AddrPort) (*memSock, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.socks[addr] != nil {
		return nil, fmt.Errorf("%v: %w", addr, syscall.EADDRINUSE)
	}
	s := &memSock{net: n, addr: addr, in: make(chan datagram, 4096), closed: make(chan struct{})}
	n.socks[addr] = s
	return s, nil
}

func (n *memNet) hook(addr netip.AddrPort) (PacketSocket, error) { return n.listen(addr) }

func (s *memSock) ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error) {
	select {
	case d := <-s.in:
		return copy(b, d.b), d.from, nil
	case <-s.closed:
		return 0, netip.AddrPort{}, net.ErrClosed
	}
}

func (s *memSock) WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error) {
	s.net.mu.Lock()
	peer := s.net.socks[to]
	s.net.mu.Unlock()
	if peer != nil {
		select {
		case peer.in <- datagram{append([]byte(nil), b...), s.addr, time.Now()}:
		default:
		}
	}
	return len(b), nil
}

func (s *memSock) Close() error {
	s.once.Do(func() {
		s.net.mu.Lock()
		delete(s.net.socks, s.addr)
		s.net.mu.Unlock()
		close(s.closed)
	})
	return nil
}

// rig is an engine on a memNet, in a bubble of virtual time.
type rig struct {
	*testing.T
	net *memNet
	eng *Engine
	n   int // phones
}

// inBubble runs a test with an engine that runs, and ends it.
func inBubble(t *testing.T, change func(*Config), test func(*rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := &rig{T: t, net: newMemNet()}
		cfg := Config{IP: local, MinPort: 20000, MaxPort: 20099, Listen: r.net.hook}
		if change != nil {
			change(&cfg)
		}
		eng, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		r.eng = eng
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- eng.Run(ctx) }()
		defer func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		}()
		test(r)
	})
}

// phone is a party with its own socket.
type phone struct {
	r    *rig
	sock *memSock
	end  *Endpoint
	peer netip.AddrPort
	ssrc uint32
	seq  uint16
	ts   uint32
	pt   uint8

	mu     sync.Mutex
	events []Event
}

func (p *phone) notify(ev Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.events = append(p.events, ev)
}

// told gives the events so far, and forgets them.
func (p *phone) told() []Event {
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	ev := p.events
	p.events = nil
	return ev
}

const (
	bothCodecs = "m=audio %d RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\n"
	onlyU      = "m=audio %d RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n"
	onlyA      = "m=audio %d RTP/AVP 8 96\r\na=rtpmap:96 telephone-event/8000\r\n"
	onlyW      = "m=audio %d RTP/AVP 9 101\r\na=rtpmap:101 telephone-event/8000\r\n"
	onlyO      = "m=audio %d RTP/AVP 111 110\r\na=rtpmap:111 opus/48000/2\r\na=fmtp:111 useinbandfec=1\r\na=rtpmap:110 telephone-event/48000\r\n"
	noEvents   = "m=audio %d RTP/AVP 0\r\n"
)

// sdpOf is a phone's description; media has one %d for the port.
func (p *phone) sdpOf(media string, attributes ...string) []byte {
	return []byte("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n" +
		fmt.Sprintf(media, p.sock.addr.Port()) + strings.Join(attributes, ""))
}

// phone opens an endpoint with a party that offered media.
func (r *rig) phone(media string) *phone {
	r.Helper()
	r.n++
	sock, err := r.net.listen(netip.AddrPortFrom(local, uint16(40000+2*r.n)))
	if err != nil {
		r.Fatal(err)
	}
	p := &phone{r: r, sock: sock, ssrc: uint32(1000 * r.n), seq: 65530, ts: 4294967000}
	if p.end, err = r.eng.Open(p.notify); err != nil {
		r.Fatal(err)
	}
	p.peer = netip.AddrPortFrom(local, uint16(p.end.Port()))
	p.offer(p.sdpOf(media))
	switch {
	case strings.Contains(media, "AVP 8"):
		p.pt = 8
	case strings.Contains(media, "AVP 9"):
		p.pt = 9
	case strings.Contains(media, "AVP 111"):
		p.pt = 111
	}
	return p
}

func (p *phone) offer(sdp []byte) Negotiated {
	p.r.Helper()
	_, n, err := p.end.Answer(sdp)
	if err != nil {
		p.r.Fatal(err)
	}
	return n
}

// send sends one packet and lets it be handled.
func (p *phone) send(h rtp.Header, payload []byte) {
	p.r.Helper()
	h.Version = 2
	b, err := (&rtp.Packet{Header: h, Payload: payload}).Marshal()
	if err != nil {
		p.r.Fatal(err)
	}
	_, _ = p.sock.WriteToUDPAddrPort(b, p.peer)
	synctest.Wait()
}

// say sends one frame, the payload full of v, and moves on to the next one's number and time.
func (p *phone) say(v byte) {
	p.r.Helper()
	payload := make([]byte, frameSize)
	for i := range payload {
		payload[i] = v
	}
	p.send(rtp.Header{PayloadType: p.pt, SequenceNumber: p.seq, Timestamp: p.ts, SSRC: p.ssrc}, payload)
	p.seq++
	p.ts += frameSize
}

// talk says n frames, one every 20 ms.
func (p *phone) talk(v byte, n int) {
	p.r.Helper()
	for range n {
		p.say(v)
		time.Sleep(20 * time.Millisecond)
	}
}

// heard is a packet that a phone got.
type heard struct {
	rtp.Packet
	at time.Time
}

// hears gives what came since the last time.
func (p *phone) hears() (out []heard) {
	p.r.Helper()
	synctest.Wait()
	for {
		select {
		case d := <-p.sock.in:
			h := heard{at: d.at}
			if err := h.Unmarshal(d.b); err != nil {
				p.r.Fatal(err)
			}
			if d.from != p.peer {
				p.r.Errorf("from %v, want %v", d.from, p.peer)
			}
			out = append(out, h)
		default:
			return out
		}
	}
}

// oneStream checks that packets are one stream: one SSRC, numbers without holes, time that goes on.
func (r *rig) oneStream(got []heard) {
	r.Helper()
	for i := 1; i < len(got); i++ {
		a, b := got[i-1], got[i]
		if a.SSRC != b.SSRC || b.SequenceNumber != a.SequenceNumber+1 {
			r.Errorf("packet %d: ssrc %x seq %d after %x %d", i, b.SSRC, b.SequenceNumber, a.SSRC, a.SequenceNumber)
		}
		if step := int32(b.Timestamp - a.Timestamp); step < frameSize && !sameDigit(a, b) {
			r.Errorf("packet %d: timestamp steps by %d", i, step)
		}
	}
}

func sameDigit(a, b heard) bool { return len(a.Payload) == 4 && a.Timestamp == b.Timestamp }

// tune is a source of n frames; frame i is full of the sample i+1, so that a listener knows which it heard.
type tune int

func (n tune) Frame(i int) ([]int16, bool, error) {
	if i >= int(n) {
		return nil, false, nil
	}
	pcm := make([]int16, frameSize)
	for k := range pcm {
		pcm[k] = int16(i + 1)
	}
	return pcm, true, nil
}

// prompt is an encoded source of n frames; each begins with its number.
type prompt int

func (n prompt) Frame(i int) ([]int16, bool, error) { return tune(n).Frame(i) }

func (n prompt) FrameG711(i int, alaw bool) ([]byte, bool, error) {
	if i >= int(n) {
		return nil, false, nil
	}
	b := make([]byte, frameSize)
	binary.BigEndian.PutUint32(b, uint32(i))
	if alaw {
		b[4] = 'A'
	}
	return b, true, nil
}

func number(h heard) int { return int(binary.BigEndian.Uint32(h.Payload)) }
