package media

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtp"
)

// stranger sends a packet to p's endpoint from another address.
func (p *phone) stranger(from *memSock, seq uint16) {
	p.r.Helper()
	b, err := (&rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: seq, SSRC: 666}, Payload: make([]byte, 160)}).Marshal()
	if err != nil {
		p.r.Fatal(err)
	}
	_, _ = from.WriteToUDPAddrPort(b, p.peer)
	synctest.Wait()
}

func (r *rig) sock(addr string) *memSock {
	r.Helper()
	s, err := r.net.listen(netip.MustParseAddrPort(addr))
	if err != nil {
		r.Fatal(err)
	}
	return s
}

func received(p *phone) (got, refused uint64) {
	s := p.end.Stats()
	return s.PacketsReceived, s.Refused
}

func TestOnlyTheAddressOfTheDescriptionIsHeard(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		p := r.phone(bothCodecs)
		p.stranger(r.sock("127.0.0.9:5000"), 1)
		p.stranger(r.sock("127.0.0.9:5002"), 2)
		if got, refused := received(p); got != 0 || refused != 2 {
			r.Errorf("%d received, %d refused", got, refused)
		}
		p.say(1)
		p.stranger(r.sock("127.0.0.1:5000"), 3) // its address, another port: too late
		if got, refused := received(p); got != 1 || refused != 3 {
			r.Errorf("%d received, %d refused", got, refused)
		}
	})
}

func TestPhoneMaySendFromAnotherPort(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		a, p := r.phone(bothCodecs), r.phone(bothCodecs)
		bridge(a, p)
		other := r.sock("127.0.0.1:5000")
		p.stranger(other, 1)
		p.stranger(other, 2)
		a.say(1)
		if got, _ := received(p); got != 2 || len(p.hears()) != 1 || len(other.in) != 0 {
			r.Errorf("%d received", got)
		}
	})
}

func TestTheVeryAddressOfTheDescriptionWinsOverAPortBesideIt(t *testing.T) {
	inBubble(t, func(c *Config) { c.NAT = true }, func(r *rig) {
		a, p := r.phone(bothCodecs), r.phone(bothCodecs)
		bridge(a, p)
		loser := r.sock("127.0.0.1:5000") // another branch of a fork, behind the same gateway
		p.stranger(loser, 1)
		p.say(1)
		p.stranger(loser, 2)
		if got, refused := received(p); got != 2 || refused != 1 {
			r.Errorf("%d received, %d refused", got, refused)
		}
		a.say(1)
		if heard := p.hears(); len(heard) != 1 || len(loser.in) != 0 {
			r.Errorf("%d heard, %d sent to the loser", len(heard), len(loser.in))
		}
	})
}

func TestNATIsLearnedOnceAndLocked(t *testing.T) {
	inBubble(t, func(c *Config) { c.NAT = true }, func(r *rig) {
		a, p := r.phone(bothCodecs), r.phone(bothCodecs)
		bridge(a, p)
		stray, behind := r.sock("127.0.0.8:4000"), r.sock("127.0.0.9:5000")
		p.stranger(stray, 1)
		p.stranger(behind, 1)
		p.stranger(behind, 2) // in sequence: this is the party
		p.stranger(stray, 2)
		p.stranger(stray, 3)
		if got, refused := received(p); got != 1 || refused != 4 {
			r.Errorf("%d received, %d refused", got, refused)
		}
		a.say(1)
		if len(behind.in) != 1 || len(stray.in) != 0 || len(p.sock.in) != 0 {
			r.Errorf("sent to %d %d %d", len(behind.in), len(stray.in), len(p.sock.in))
		}
		p.offer(p.sdpOf(bothCodecs)) // session refresh: the lock stays
		p.stranger(stray, 4)
		p.stranger(stray, 5)
		if got, _ := received(p); got != 1 {
			r.Error("the lock went with a refresh")
		}
		p.offer(p.sdpOf(bothCodecs, "a=sendonly\r\n"))
		p.offer(p.sdpOf(bothCodecs))
		a.say(1)
		if len(behind.in) != 2 {
			r.Error("not sent to where the party was last")
		}
		p.stranger(stray, 6)
		p.stranger(stray, 7)
		a.say(1)
		if got, _ := received(p); got != 2 || len(stray.in) != 1 {
			r.Error("a new description does not let the address be learned again")
		}
	})
}

func TestThePartyTakesItsCallBackFromAStrangerWhoWasFaster(t *testing.T) {
	inBubble(t, func(c *Config) { c.NAT = true }, func(r *rig) {
		a, p := r.phone(bothCodecs), r.phone(bothCodecs)
		bridge(a, p)
		stranger := r.sock("127.0.0.9:5000")
		for seq := range uint16(5) {
			p.stranger(stranger, seq)
		}
		a.hears()
		for i := range 5 {
			p.talk(1, 1)
			p.stranger(stranger, uint16(5+i))
			a.say(1)
		}
		if got := a.hears(); len(got) != 5 || got[0].Payload[0] != 1 {
			r.Errorf("%d packets heard of 5", len(got))
		}
		if n := len(p.hears()); n != 5 || len(stranger.in) != 0 {
			r.Errorf("%d sent to the party, %d to the stranger", n, len(stranger.in))
		}
	})
}

// A party behind NAT names an address that nobody else can use, so a stranger may be faster here, too. Where its signalling
// comes from tells it apart.
func TestThePartyBehindNATTakesItsCallBackFromAStrangerWhoWasFaster(t *testing.T) {
	inBubble(t, func(c *Config) { c.NAT = true }, func(r *rig) {
		a, p := r.phone(bothCodecs), r.phone(bothCodecs)
		bridge(a, p)
		p.end.Prefer(Profile{Near: netip.MustParseAddr("127.0.0.7")})
		p.offer([]byte(strings.ReplaceAll(string(p.sdpOf(bothCodecs)), "127.0.0.1", "127.0.0.2")))
		stranger, behind := r.sock("127.0.0.9:5000"), r.sock("127.0.0.7:6000")
		for seq := range uint16(3) {
			p.stranger(stranger, seq)
		}
		a.hears()
		p.sock = behind
		for i := range 5 {
			p.talk(1, 1)
			p.stranger(stranger, uint16(3+i))
			a.say(1)
		}
		if got := a.hears(); len(got) != 5 || got[0].Payload[0] != 1 {
			r.Errorf("%d packets heard of 5", len(got))
		}
		if len(behind.in) != 5 || len(stranger.in) != 0 {
			r.Errorf("%d sent to the party, %d to the stranger", len(behind.in), len(stranger.in))
		}
		other := r.sock("127.0.0.7:7000") // the same NAT's, and not who is heard
		p.stranger(other, 100)
		p.stranger(other, 101)
		if got, _ := received(p); got != 7 {
			r.Errorf("%d received", got)
		}
	})
}

func TestWithoutNATNothingIsLearned(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		p := r.phone(bothCodecs)
		s := r.sock("127.0.0.8:4000")
		for i := range 10 {
			p.stranger(s, uint16(i))
		}
		if got, refused := received(p); got != 0 || refused != 10 {
			r.Error(got, refused)
		}
	})
}

func TestWhatIsNoRTPOfThisCallIsRefused(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		a, p := r.phone(bothCodecs), r.phone(bothCodecs)
		bridge(a, p)
		good, _ := (&rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: 1}, Payload: make([]byte, 160)}).Marshal()
		change := func(at int, v byte) []byte {
			b := append([]byte(nil), good...)
			b[at] = v
			return b
		}
		bad := [][]byte{
			{}, good[:11], good[:12], change(0, 0x40), change(0, 0x8F)[:20], change(0, 0xA0), change(0, 0x90)[:14],
			change(1, 18), change(1, 72), {0x80, 101, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3},
		}
		for _, b := range bad {
			_, _ = a.sock.WriteToUDPAddrPort(b, a.peer)
			synctest.Wait()
		}
		if got, refused := received(a); got != 0 || refused != uint64(len(bad)) {
			r.Errorf("%d received, %d refused of %d", got, refused, len(bad))
		}
		a.send(rtp.Header{PayloadType: 13, SequenceNumber: 2}, []byte{60}) // comfort noise: received, not passed on
		if got, _ := received(a); got != 1 || len(p.hears()) != 0 {
			r.Error("comfort noise")
		}
	})
}

func TestStatisticsCountLossOverWrapsAndRestarts(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		p := r.phone(onlyU)
		for i := range 100 { // 65530 ... wraps
			if i%10 == 3 {
				p.seq++
				p.ts += frameSize
				time.Sleep(20 * time.Millisecond)
				continue
			}
			p.talk(1, 1)
		}
		s := p.end.Stats()
		if s.PacketsReceived != 90 || s.Lost != 10 || s.BytesReceived != 90*160 || s.JitterMS > 0.01 || s.Codec != "PCMU" || time.Since(s.LastReceived) != 20*time.Millisecond {
			r.Errorf("%+v", s)
		}
		p.ssrc, p.seq, p.ts = 5, 99, 0
		time.Sleep(quiet)
		p.talk(1, 6) // the first is not believed
		p.seq += 5
		p.talk(1, 5)
		if s = p.end.Stats(); s.PacketsReceived != 100 || s.Lost != 15 {
			r.Errorf("%+v", s)
		}
		p.seq += 30000 // the same SSRC begins elsewhere: no loss of 30000, one packet to be sure of it
		p.talk(1, 5)
		if s = p.end.Stats(); s.PacketsReceived != 104 || s.Lost != 15 {
			r.Errorf("%+v", s)
		}
	})
}

func TestPacketsThatComeTwiceAreNoNegativeLoss(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		p := r.phone(onlyU)
		for range 5 {
			p.say(1)
			p.seq--
			p.say(1)
		}
		if s := p.end.Stats(); s.Lost != 0 || s.PacketsReceived != 10 {
			r.Errorf("%+v", s)
		}
	})
}

func TestJitterIsThatOfRFC3550(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		p := r.phone(onlyU)
		want := 0.0
		for i := range 50 {
			p.say(1)
			gap := 10 * time.Millisecond // 10 and 30 ms in turn: 10 ms off each time
			if i%2 == 1 {
				gap = 30 * time.Millisecond
			}
			time.Sleep(gap)
			if i > 0 {
				want += (10 - want) / 16
			}
		}
		if s := p.end.Stats(); s.JitterMS < want-0.01 || s.JitterMS > want+0.01 {
			r.Errorf("%f, want %f", s.JitterMS, want)
		}
	})
}

func TestStragglersOfTheOldStreamDoNotBringItBack(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		a, b := r.phone(onlyU), r.phone(onlyU)
		bridge(a, b)
		a.talk(1, 3)
		old, seq := a.ssrc, a.seq
		a.ssrc = 42
		a.talk(2, 6)
		b.hears()
		late := a.seq
		a.ssrc, a.seq = old, seq
		a.talk(1, 2)
		a.ssrc, a.seq = 42, late
		a.talk(2, 1)
		if got := b.hears(); len(got) != 1 || got[0].Marker {
			r.Errorf("%d packets", len(got))
		}
	})
}

func TestPortsRestAndGoRound(t *testing.T) {
	inBubble(t, func(c *Config) { c.MinPort, c.MaxPort = 20001, 20010; c.Rest = 3 * time.Second }, func(r *rig) {
		taken := r.sock("127.0.0.1:20004") // another program has it
		open := func() *Endpoint {
			end, err := r.eng.Open(nil)
			if err != nil {
				r.Fatal(err)
			}
			return end
		}
		seen := map[int]*Endpoint{}
		for range 3 {
			end := open()
			seen[end.Port()] = end
		}
		if len(seen) != 3 || seen[20002] == nil || seen[20006] == nil || seen[20008] == nil {
			r.Fatal(seen)
		}
		if _, err := r.eng.Open(nil); !errors.Is(err, ErrNoPorts) {
			r.Fatal(err)
		}
		seen[20006].Close()
		seen[20006].Close()
		_ = taken.Close()
		time.Sleep(2 * time.Second)
		if _, err := r.eng.Open(nil); !errors.Is(err, ErrNoPorts) {
			r.Fatal("a port that rests was given out", err)
		}
		time.Sleep(1500 * time.Millisecond)
		if a, b := open().Port(), open().Port(); a+b != 20004+20006 {
			r.Error(a, b)
		}
		if _, err := r.eng.Open(nil); !errors.Is(err, ErrNoPorts) {
			r.Fatal(err)
		}
	})
}

func TestLongestFreePortIsNext(t *testing.T) {
	p := newPorts(20000, 20099, time.Second)
	first, _ := p.take(0)
	p.give(first, 0)
	for i := range 49 {
		if port, ok := p.take(time.Hour); !ok || port == first {
			t.Fatal(i, port, ok)
		}
	}
	if port, _ := p.take(time.Hour); port != first {
		t.Error(port)
	}
	if _, ok := newPorts(20001, 20002, 0).take(0); ok {
		t.Error("an even port without its odd one")
	}
}
