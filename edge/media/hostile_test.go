package media

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/offhook/offhook/edge/media/rtcp"
	"github.com/pion/rtp"
)

// attacked is a conversation that somebody disturbs: a talks and is heard by b as a relay, and in a mix by c.
type attacked struct {
	*rig
	a, b, c *phone
	said    byte // by a
}

func attack(t *testing.T, test func(*attacked)) {
	t.Helper()
	inBubble(t, func(c *Config) { c.NAT = true }, func(r *rig) {
		x := &attacked{rig: r, a: r.phone(bothCodecs), b: r.phone(bothCodecs), c: r.phone(bothCodecs), said: 0x90}
		bridge(x.a, x.b)
		quiet := r.eng.Play([]Source{tune(1)}, -1, nil)
		defer quiet.Stop()
		x.c.end.Hear([]Heard{{From: x.a.end}, {From: quiet}})
		x.a.talk(x.said, 25)
		x.b.hears()
		x.c.hears()
		test(x)
	})
}

// raw sends bytes as the phone.
func (p *phone) raw(from *memSock, b []byte) {
	_, _ = from.WriteToUDPAddrPort(b, p.peer)
	synctest.Wait()
}

func packetOf(h rtp.Header, payload []byte) []byte {
	h.Version = 2
	b, _ := (&rtp.Packet{Header: h, Payload: payload}).Marshal()
	return b
}

// unharmed: while a says 50 frames more, disturbed before each, b and c hear these and nothing else, and nothing is told.
func (x *attacked) unharmed(before func(i int)) {
	x.Helper()
	_, refused := received(x.a)
	total, _ := x.eng.Refused()
	sent := 0
	for i := range 50 {
		before(i)
		sent++
		x.a.talk(x.said, 1)
	}
	got := x.b.hears()
	x.oneStream(got)
	if len(got) != 50 {
		x.Errorf("%d packets heard of 50", len(got))
	}
	for _, h := range got {
		if len(h.Payload) != frameSize || h.Payload[0] != x.said || h.PayloadType != 0 {
			x.Fatalf("heard %v %x", h.Header, h.Payload[:1])
		}
	}
	mixed := x.c.hears()
	for _, h := range mixed {
		if d := int(h.Payload[80]) - int(x.said); d < -1 || d > 1 {
			x.Fatalf("in the mix %x", h.Payload[80])
		}
	}
	if len(mixed) < 48 {
		x.Errorf("%d frames of the mix", len(mixed))
	}
	if ev := x.a.told(); len(ev) != 0 {
		x.Errorf("told: %v", ev)
	}
	_, now := received(x.a)
	after, _ := x.eng.Refused()
	if now-refused != after-total {
		x.Errorf("%d refused, %d by the engine", now-refused, after-total)
	}
	x.refused(now - refused)
}

// refused says how many were, for the test's log.
func (x *attacked) refused(n uint64) { x.Logf("%d refused", n) }

// count is how many more of a's packets were refused meanwhile.
func (x *attacked) count(f func()) uint64 {
	_, before := received(x.a)
	f()
	_, after := received(x.a)
	return after - before
}

func noise() []byte {
	b := make([]byte, frameSize)
	for i := range b {
		b[i] = byte(i & 0x80) // as loud as can be
	}
	return b
}

// What comes from the party's own address and is not of its stream; only SRTP tells more than that apart.
func TestForgedPacketsFromThePartysAddressAreNotHeard(t *testing.T) {
	for name, forged := range map[string]func(x *attacked, i int) []byte{
		"another SSRC": func(_ *attacked, i int) []byte {
			return packetOf(rtp.Header{SSRC: 666, SequenceNumber: uint16(i), Timestamp: uint32(160 * i)}, noise())
		},
		"another SSRC each time": func(x *attacked, i int) []byte {
			return packetOf(rtp.Header{SSRC: uint32(i), SequenceNumber: x.a.seq, Timestamp: x.a.ts, Marker: true}, noise())
		},
		"a number far off": func(x *attacked, i int) []byte {
			return packetOf(rtp.Header{SSRC: x.a.ssrc, SequenceNumber: x.a.seq + 20000 + uint16(7*i), Timestamp: x.a.ts}, noise())
		},
		"G.729": func(x *attacked, _ int) []byte {
			return packetOf(rtp.Header{PayloadType: 18, SSRC: x.a.ssrc, SequenceNumber: x.a.seq, Timestamp: x.a.ts}, noise())
		},
		"a dynamic type": func(x *attacked, _ int) []byte {
			return packetOf(rtp.Header{PayloadType: 96, SSRC: x.a.ssrc, SequenceNumber: x.a.seq, Timestamp: x.a.ts}, noise())
		},
		"a digit of another stream": func(x *attacked, i int) []byte {
			return packetOf(rtp.Header{PayloadType: 101, SSRC: 666, SequenceNumber: uint16(i), Timestamp: uint32(160 * i), Marker: true}, []byte{5, 0x8A, 0xFF, 0xFF})
		},
		"nothing inside": func(x *attacked, _ int) []byte {
			return packetOf(rtp.Header{SSRC: x.a.ssrc, SequenceNumber: x.a.seq}, nil)
		},
		"a cut header":    func(x *attacked, i int) []byte { return packetOf(rtp.Header{SSRC: x.a.ssrc}, nil)[:i%12] },
		"a cut extension": func(*attacked, int) []byte { return append([]byte{0x90}, make([]byte, 13)...) },
		"sources cut off": func(*attacked, int) []byte { return append([]byte{0x8F}, make([]byte, 19)...) },
		"only padding":    func(*attacked, int) []byte { return append([]byte{0xA0}, make([]byte, 171)...) },
		"a giant": func(x *attacked, _ int) []byte {
			return packetOf(rtp.Header{SSRC: x.a.ssrc, SequenceNumber: x.a.seq}, make([]byte, 65000))
		},
		"a giant's rest": func(x *attacked, _ int) []byte {
			return packetOf(rtp.Header{PayloadType: 13, SSRC: x.a.ssrc, SequenceNumber: x.a.seq}, make([]byte, 2000))
		},
		"STUN":             func(*attacked, int) []byte { return stunRequest(8) },
		"STUN cut off":     func(_ *attacked, i int) []byte { return stunRequest(8)[:i%20] },
		"STUN that is big": func(*attacked, int) []byte { return stunRequest(1400) },
	} {
		t.Run(name, func(t *testing.T) {
			attack(t, func(x *attacked) {
				if n := x.count(func() { x.unharmed(func(i int) { x.a.raw(x.a.sock, forged(x, i)) }) }); n != 50 {
					x.Errorf("%d of 50 were counted", n)
				}
			})
		})
	}
}

// stunRequest is a binding request (RFC 8489 section 5) with n bytes of attributes.
func stunRequest(n int) []byte {
	b := make([]byte, 20+n)
	binary.BigEndian.PutUint16(b, 1)
	binary.BigEndian.PutUint16(b[2:], uint16(n))
	binary.BigEndian.PutUint32(b[4:], 0x2112A442)
	return b
}

func TestStrangersAreNotHeard(t *testing.T) {
	for name, forged := range map[string]func(x *attacked, i int) []byte{
		"its own stream": func(_ *attacked, i int) []byte {
			return packetOf(rtp.Header{SSRC: 666, SequenceNumber: uint16(i), Timestamp: uint32(160 * i)}, noise())
		},
		"the party's stream": func(x *attacked, _ int) []byte {
			return packetOf(rtp.Header{SSRC: x.a.ssrc, SequenceNumber: x.a.seq, Timestamp: x.a.ts}, noise())
		},
		"digits": func(x *attacked, i int) []byte {
			return packetOf(rtp.Header{PayloadType: 101, SSRC: x.a.ssrc, SequenceNumber: x.a.seq, Timestamp: uint32(1600 * i), Marker: true}, []byte{5, 0x8A, 0, 160})
		},
	} {
		for _, from := range []string{"127.0.0.3:40002", "127.0.0.1:5000"} {
			t.Run(name+" from "+from, func(t *testing.T) {
				attack(t, func(x *attacked) {
					s := x.sock(from)
					if n := x.count(func() { x.unharmed(func(i int) { x.a.raw(s, forged(x, i)) }) }); n != 50 {
						x.Errorf("%d of 50 were counted", n)
					}
					if len(s.in) != 0 {
						x.Error("and were answered")
					}
				})
			})
		}
	}
}

func TestAFloodOfAStrangerIsCountedAndNothingElse(t *testing.T) {
	x := newBench(t, onlyU, onlyU)
	x.b.Hear([]Heard{{From: x.a}})
	x.packet()
	stranger := netip.MustParseAddrPort("127.0.0.3:4000")
	forged := packetOf(rtp.Header{SSRC: 9, SequenceNumber: 2}, noise())
	const flood = 100_000
	if n := testing.AllocsPerRun(flood-1, func() { x.a.packet(x.sc, forged, stranger, x.now) }); n != 0 { // and once to warm up
		t.Errorf("%v allocations a packet", n)
	}
	x.packet()
	if s := x.a.Stats(); s.Refused != flood || s.PacketsReceived != 2 || s.Lost != 0 || x.b.Stats().PacketsSent != 2 {
		t.Errorf("%+v, %d sent", s, x.b.Stats().PacketsSent)
	}
}

// RTCP that is no RTCP, or ends streams, or tells of the far future: of the party and of strangers, on both ports.
func TestForgedReportsEndNothing(t *testing.T) {
	bye := func(x *attacked) []byte {
		return (&rtcp.Report{SSRC: x.a.ssrc, Bye: true}).Append(nil, "phone")
	}
	for name, forged := range map[string]func(x *attacked, i int) []byte{
		"BYE":            func(x *attacked, _ int) []byte { return bye(x) },
		"BYE of another": func(*attacked, int) []byte { return (&rtcp.Report{SSRC: 666, Bye: true}).Append(nil, "x") },
		"cut off":        func(x *attacked, i int) []byte { b := bye(x); return b[:2+i%(len(b)-2)] },
		"garbage": func(_ *attacked, i int) []byte {
			b := make([]byte, 60)
			rnd := rand.New(rand.NewPCG(1, uint64(i)))
			for k := range b {
				b[k] = byte(rnd.Uint32())
			}
			b[0], b[1] = 0x80|b[0]&0x3F, 200+b[1]%5
			return b
		},
		"longer than it is": func(*attacked, int) []byte { return []byte{0x81, 201, 0xFF, 0xFF, 0, 0, 0, 1} },
		"absurd": func(x *attacked, _ int) []byte {
			r := rtcp.Report{SSRC: x.a.ssrc, Hears: true}
			r.Block = rtcp.Block{SSRC: x.a.end.tx.clock.ssrc, Fraction: 255, Lost: 1<<23 - 1, Highest: 1<<32 - 1, Jitter: 1<<32 - 1, LastSR: 1, Delay: 1<<32 - 1}
			return r.Append(nil, "phone")
		},
	} {
		t.Run(name, func(t *testing.T) {
			attack(t, func(x *attacked) {
				x.a.talk(x.said, 100) // the RTCP port is open
				party, stranger := x.a.observer(), x.sock("127.0.0.3:40003")
				x.b.hears()
				x.c.hears()
				x.unharmed(func(i int) {
					b := forged(x, i)
					x.a.raw(x.a.sock, b)
					x.a.raw(stranger, b)
					_, _ = party.sock.WriteToUDPAddrPort(b, party.to)
					_, _ = stranger.WriteToUDPAddrPort(b, party.to)
					synctest.Wait()
				})
				s := x.a.end.Stats()
				if got := s.ReportsRefused + s.Refused; got < 100 {
					x.Errorf("%d refused; a stranger's are 100", got)
				}
				if s.RoundTrip > maxRoundTrip || s.MOS < 1 && s.MOS != 0 {
					x.Errorf("%+v", s)
				}
			})
		})
	}
}

// Digits whose packets say that they last for hours are told once, and no longer than their packets came.
func TestDigitsOfAbsurdLengthAreToldOnce(t *testing.T) {
	attack(t, func(x *attacked) {
		ts := x.a.ts
		for i := range 20 { // segments of RFC 4733 section 2.5.1.3, eight seconds each
			b := []byte{5, 10, 0xFF, 0xFF}
			if i == 19 {
				b[1] |= 0x80
			}
			x.a.send(rtp.Header{PayloadType: 101, SSRC: x.a.ssrc, SequenceNumber: x.a.seq, Timestamp: ts, Marker: i == 0}, b)
			x.a.seq++
			ts += 0xFFFF
			time.Sleep(frameTime)
		}
		ev := x.a.told()
		if digitsOf(ev) != "5" || ev[0].Duration > 2*time.Second {
			x.Errorf("told: %v", ev)
		}
		x.b.hears()
		x.a.ts = ts
		x.a.talk(x.said, 10)
		if got := x.b.hears(); len(got) != 10 {
			x.Errorf("%d packets heard after it", len(got))
		}
	})
}

func TestKeysThatAreNoneAreNotTold(t *testing.T) {
	attack(t, func(x *attacked) {
		for code := range 256 {
			if code < 16 {
				continue
			}
			x.a.send(rtp.Header{PayloadType: 101, SSRC: x.a.ssrc, SequenceNumber: x.a.seq, Timestamp: x.a.ts, Marker: true}, []byte{byte(code), 0x8A, 0, 160})
			x.a.seq++
			x.a.ts += frameSize
		}
		time.Sleep(time.Second)
		if ev := x.a.told(); len(ev) != 0 {
			x.Errorf("told: %v", ev)
		}
	})
}
