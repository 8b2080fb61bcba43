package media

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/rtp"
	"go.uber.org/goleak"
)

// Tests speak what every build does, see speakOpus.
func TestMain(m *testing.M) {
	spoken = speaks(false)
	goleak.VerifyTestMain(m)
}

// speakOpus has a test negotiate Opus, whether it is built in or not: it can be relayed then, and not coded.
func speakOpus(t *testing.T) {
	spoken = speaks(true)
	t.Cleanup(func() { spoken = speaks(false) })
}

// realEngine runs on loopback sockets.
func realEngine(tb testing.TB, cfg Config) *Engine {
	tb.Helper()
	cfg.IP = local
	if cfg.MinPort == 0 {
		cfg.MinPort, cfg.MaxPort = 46000, 46999
	}
	eng, err := New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- eng.Run(ctx) }()
	tb.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			tb.Error(err)
		}
	})
	return eng
}

// handset is a real socket with the address of an endpoint.
type handset struct {
	tb   testing.TB
	conn *net.UDPConn
	end  *Endpoint
	to   netip.AddrPort
	seq  uint16
}

func connect(tb testing.TB, eng *Engine, media string) *handset {
	tb.Helper()
	conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(local, 0)))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = conn.Close() })
	end, err := eng.Open(nil)
	if err != nil {
		tb.Fatal(err)
	}
	port := conn.LocalAddr().(*net.UDPAddr).Port
	offer := "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n" + fmt.Sprintf(media, port)
	if _, _, err := end.Answer([]byte(offer)); err != nil {
		tb.Fatal(err)
	}
	return &handset{tb: tb, conn: conn, end: end, to: netip.AddrPortFrom(local, uint16(end.Port()))}
}

func (h *handset) send(pt uint8, payload []byte) {
	h.tb.Helper()
	h.seq++
	p := rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: pt, SequenceNumber: h.seq, Timestamp: uint32(h.seq) * 160, SSRC: 7}, Payload: payload}
	b, err := p.Marshal()
	if err != nil {
		h.tb.Fatal(err)
	}
	if _, err := h.conn.WriteToUDPAddrPort(b, h.to); err != nil {
		h.tb.Fatal(err)
	}
}

func (h *handset) receive() rtp.Packet {
	h.tb.Helper()
	_ = h.conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	b := make([]byte, 2048)
	n, err := h.conn.Read(b)
	if err != nil {
		h.tb.Fatal(err)
	}
	var p rtp.Packet
	if err := p.Unmarshal(b[:n]); err != nil {
		h.tb.Fatal(err)
	}
	return p
}

func TestCallOverLoopbackSockets(t *testing.T) {
	eng := realEngine(t, Config{})
	a, b := connect(t, eng, onlyU), connect(t, eng, onlyA)
	ended := make(chan Event, 1)
	player := eng.Play([]Source{prompt(5)}, 0, func(ev Event) { ended <- ev })
	a.end.Hear([]Heard{{From: player}})
	for i := range 5 {
		if p := a.receive(); int(p.Payload[3]) != i || p.PayloadType != 0 {
			t.Fatalf("frame %d: %v", i, p.Header)
		}
	}
	if ev := <-ended; ev.Kind != PlayEnded || ev.Err != nil {
		t.Fatal(ev)
	}
	a.end.Hear([]Heard{{From: b.end}})
	b.end.Hear([]Heard{{From: a.end}})
	for range 3 {
		a.send(0, make([]byte, 160))
		if p := b.receive(); p.PayloadType != 8 || p.Payload[0] == 0 {
			t.Fatalf("not transcoded: %v", p.Header)
		}
		b.send(8, make([]byte, 160))
		if p := a.receive(); p.PayloadType != 0 {
			t.Fatal(p.Header)
		}
	}
	if s := a.end.Close(); s.PacketsSent != 8 || s.PacketsReceived != 3 || s.Codec != "PCMU" || s != a.end.Close() {
		t.Errorf("%+v", s)
	}
}
