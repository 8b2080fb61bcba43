//go:build e2e

package line

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	stdnet "net"
	"testing"
	"time"

	"github.com/offhook/offhook/infra/e2e/real"
)

// packet is RTP with a header and a body.
func packet(kind byte, seq uint16, ts, ssrc uint32, body []byte) []byte {
	b := make([]byte, 12, 12+len(body))
	b[0], b[1] = 0x80, kind
	binary.BigEndian.PutUint16(b[2:], seq)
	binary.BigEndian.PutUint32(b[4:], ts)
	binary.BigEndian.PutUint32(b[8:], ssrc)
	return append(b, body...)
}

// noise is 20 ms of PCMU, as loud as can be.
func noise() []byte {
	b := make([]byte, 160)
	for i := range b {
		b[i] = byte(rand.Uint32()) & 0x8F
	}
	return b
}

var (
	digit    = []byte{5, 0x8A, 0xFF, 0xFF}
	stun     = append([]byte{0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42}, make([]byte, 12)...)
	goodbye  = []byte{0x80, 201, 0, 1, 0, 0, 2, 154, 0x81, 203, 0, 1, 0, 0, 2, 154}
	absurd   = append([]byte{0x81, 201, 0, 7}, make([]byte, 28)...)
	nonsense = []byte{0x81, 201, 0xFF, 0xFF, 1, 2, 3, 4}
)

// stranger is a host of its own that sends to a port and the one above it.
type stranger struct{ sound, reports stdnet.Conn }

func newStranger(t *testing.T, port int) *stranger {
	t.Helper()
	dial := func(port int) stdnet.Conn {
		d := stdnet.Dialer{LocalAddr: &stdnet.UDPAddr{IP: stdnet.IPv4(127, 0, 0, 3)}}
		c, err := d.Dial("udp4", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	return &stranger{dial(port), dial(port + 1)}
}

const flood = 100_000

// flood sends so many packets in the time of the talk, of every kind; what a port that is closed answers is no matter.
func (s *stranger) flood() {
	began := time.Now()
	for i := range flood {
		for time.Since(began) < time.Duration(i)*(talk-4*time.Second)/flood {
			<-time.After(time.Millisecond)
		}
		_, _ = s.sound.Write(s.next(i))
		if i%100 == 0 {
			_, _ = s.reports.Write(goodbye)
			_, _ = s.reports.Write(nonsense)
		}
	}
}

func (s *stranger) next(i int) []byte {
	switch i % 1000 {
	case 0:
		return make([]byte, 60_000)
	case 1:
		return stun
	case 2:
		return goodbye
	case 3:
		return packet(0, 0, 0, 0, nil)[:i%12]
	case 4, 5, 6:
		return packet(101, uint16(i), uint32(i), 777, digit)
	}
	return packet(0, uint16(i), uint32(160*i), 777, noise())
}

// forge sends, from the phone's own address, what is not of its stream: 300 a second.
func forge(l *real.Line, until time.Time) (sent int) {
	for ; time.Now().Before(until); <-time.After(10 * time.Millisecond) {
		l.Forge(packet(0, uint16(sent), uint32(160*sent), 666, noise()), false)       // another SSRC
		l.Forge(packet(18, uint16(sent), uint32(160*sent), 666, noise()[:20]), false) // G.729
		l.Forge(packet(101, uint16(sent), uint32(160*sent), 666, digit), false)       // a digit of eight seconds
		l.Forge(goodbye, true)
		l.Forge(absurd, true)
		l.Forge(stun, false)
		sent += 4 // of RTP's port
	}
	return sent
}

// A call goes on and sounds as it should while a stranger floods its port, and somebody who can send from the phone's own
// address sends what is not of its stream.
func TestHostilePacketsAreNotHeardAndEndNothing(t *testing.T) {
	h := open(t, net{"under attack", real.Network{}, 28, 0.05})
	speaker, listener := h.speaker(0), h.listener(0)
	h.dial(speaker, "30", 0)
	real.Eventually(t, "the phone speaks", func() bool { return h.lines[0].Carried() > 5 }) // before it does nobody knows where it is
	began := time.Now()
	s := newStranger(t, h.lines[0].Port())
	done := make(chan struct{})
	go func() { defer close(done); s.flood() }()
	<-time.After(time.Second) // the voice is found by its beginning
	forged := forge(h.lines[0], began.Add(talk-2*time.Second))
	<-done
	if n := h.LiveCalls(t); n != 1 {
		t.Errorf("%d calls are up", n)
	}
	<-time.After(time.Until(began.Add(talk)))
	refused, reports := h.Metric(t, "offhook_media_packets_refused_total"), h.Metric(t, "offhook_media_reports_refused_total")
	h.over([]*real.Baresip{speaker})
	call := h.ended(from)["100"]
	h.judge("relayed", 0, listener.Heard(t))
	h.judge("recorded", 0, h.recorded(call.Subject))
	for _, e := range h.Timeline(t, call.Subject) {
		if e.Type == "offhook.dtmf.received" {
			t.Errorf("heard %v", e.Data)
		}
	}
	if cause := fmt.Sprint(call.Data["cause"]); cause != fmt.Sprint(map[string]any{"class": "normal", "reason": "hangup", "q850": 16.0}) {
		t.Errorf("ended by %s", cause)
	}
	t.Logf("%d of a stranger, %d forged; refused %.0f, and %.0f reports; MOS %.2f", flood, forged, refused, reports, opinion(t, call))
	if refused < flood/2+float64(forged)/2 || reports < 1000 { // what the system drops of a flood is not counted
		t.Error("not counted")
	}
}
