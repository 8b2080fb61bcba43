package media

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/offhook/offhook/edge/media/rtcp"
)

func (n *memNet) taken(port uint16) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.socks[netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port)] != nil
}

func TestRTCPPortIsHeldByCallsThatLast(t *testing.T) {
	inBubble(t, func(c *Config) { c.MinPort, c.MaxPort = 20000, 20005 }, func(r *rig) {
		r.sock("127.0.0.1:20005") // another program has it: the call goes on
		ends := map[int]*Endpoint{}
		for range 3 {
			end, err := r.eng.Open(nil)
			if err != nil {
				r.Fatal(err)
			}
			ends[end.Port()] = end
		}
		if r.net.taken(20001) || r.net.taken(20003) || !r.net.taken(20000) {
			r.Error("RTCP at once, or no RTP")
		}
		ends[20002].Close()
		time.Sleep(2500 * time.Millisecond)
		if !r.net.taken(20001) || r.net.taken(20003) {
			r.Error("RTCP of the call that lasts, and no other")
		}
		for _, end := range ends {
			end.Close()
		}
		for port := range uint16(5) {
			if r.net.taken(20000 + port) {
				r.Error("left open", port)
			}
		}
		time.Sleep(2 * time.Second)
		if r.net.taken(20001) {
			r.Error("taken after the end")
		}
	})
}

// observer is a phone's RTCP port.
type observer struct {
	p    *phone
	sock *memSock
	to   netip.AddrPort
}

func (p *phone) observer() *observer {
	p.r.Helper()
	sock, err := p.r.net.listen(netip.AddrPortFrom(local, p.sock.addr.Port()+1))
	if err != nil {
		p.r.Fatal(err)
	}
	return &observer{p, sock, netip.AddrPortFrom(local, p.peer.Port()+1)}
}

// reports gives what came, read as a party that sends with the phone's SSRC.
func (o *observer) reports() (out []rtcp.Report, at []time.Time) {
	o.p.r.Helper()
	synctest.Wait()
	for {
		select {
		case d := <-o.sock.in:
			r, ok := rtcp.Read(d.b, o.p.ssrc)
			if !ok || d.from != o.to {
				o.p.r.Errorf("%x from %v", d.b, d.from)
			}
			out, at = append(out, r), append(at, d.at)
		default:
			return out, at
		}
	}
}

func (o *observer) send(r rtcp.Report) {
	_, _ = o.sock.WriteToUDPAddrPort(r.Append(nil, "phone"), o.to)
	synctest.Wait()
}

func TestReportsTellWhatWasSentAndReceived(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		a, b := r.phone(onlyU), r.phone(onlyU)
		b.end.Hear([]Heard{{From: a.end}})
		oa, ob := a.observer(), b.observer()
		for i := range 2000 {
			if i%4 == 3 {
				a.seq, a.ts = a.seq+1, a.ts+frameSize // lost
				time.Sleep(frameTime)
				continue
			}
			a.talk(1, 1)
		}
		ra, at := oa.reports()
		rb, _ := ob.reports()
		if len(ra) < 6 || len(ra) > 16 || len(rb) < 6 {
			r.Fatalf("%d and %d reports in 40 s", len(ra), len(rb))
		}
		for i := 1; i < len(at); i++ {
			if gap := at[i].Sub(at[i-1]); gap < 2*time.Second || gap > 6300*time.Millisecond {
				r.Errorf("%v between reports", gap)
			}
		}
		last := ra[len(ra)-1]
		if last.Sends || !last.Hears || last.Block.Fraction < 62 || last.Block.Fraction > 66 || last.Block.Lost < 300 || last.Block.Jitter > 1 {
			r.Errorf("of a party that sends: %+v", last)
		}
		sent := rb[len(rb)-1]
		if !sent.Sends || sent.Hears || sent.Sent.Packets < 1000 || sent.Sent.Octets != sent.Sent.Packets*160 || sent.SSRC != b.end.tx.clock.ssrc {
			r.Errorf("to a party that hears: %+v", sent)
		}
	})
}

// The RTP time of an SR is the one of the sound at its NTP time, by the clock of the sound.
func TestSRFollowsTheSound(t *testing.T) {
	speakOpus(t)
	for media, clock := range map[string]uint32{onlyU: 8, onlyO: 48} {
		inBubble(t, nil, func(r *rig) {
			a, b := r.phone(media), r.phone(media)
			b.end.Hear([]Heard{{From: a.end}})
			ob := b.observer()
			for range 10 {
				if media == onlyO {
					a.opusFor(time.Second)
				} else {
					a.talk(1, 50)
				}
				r.followed(b.hears(), ob, clock)
			}
		})
	}
}

// followed checks the report that came beside what was heard, if one did.
func (r *rig) followed(heard []heard, o *observer, clock uint32) {
	r.Helper()
	got, at := o.reports()
	if len(got) == 0 {
		return
	}
	last := heard[len(heard)-1]
	want := last.Timestamp - uint32(last.at.Sub(at[0])/time.Millisecond)*clock
	if off := int32(got[0].Sent.RTP - want); off < -2*int32(clock) || off > 2*int32(clock) {
		r.Errorf("off by %d samples", off)
	}
	if wall := ntp(at[0]); got[0].Sent.NTP>>32 != wall>>32 {
		r.Errorf("%x, want %x", got[0].Sent.NTP, wall)
	}
}

func TestRoundTripAndWhatThePartyMissed(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		a, b := r.phone(onlyU), r.phone(onlyU)
		b.end.Hear([]Heard{{From: a.end}})
		ob := b.observer()
		for range 600 {
			a.talk(1, 1)
			got, at := ob.reports()
			for i, sr := range got {
				time.Sleep(130 * time.Millisecond) // 80 ms on the way, the rest with the phone
				kept := time.Since(at[i]) - 80*time.Millisecond
				ob.send(rtcp.Report{SSRC: b.ssrc, Hears: true, Block: rtcp.Block{
					SSRC: sr.SSRC, Lost: 12, Jitter: 40, LastSR: rtcp.Middle(sr.Sent.NTP), Delay: uint32(kept * 65536 / time.Second),
				}})
			}
		}
		s := b.end.Stats()
		if !s.Reported || s.RemoteLost != 12 || s.RemoteJitterMS != 5 || (s.RoundTrip-80*time.Millisecond).Abs() > time.Millisecond {
			r.Errorf("%+v", s)
		}
	})
}

// What the phone's SR said of the time comes back to it, so that it knows the round trip too.
func TestSRIsAnswered(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		a := r.phone(onlyU)
		oa := a.observer()
		a.talk(1, 100)
		oa.reports()
		oa.send(rtcp.Report{SSRC: a.ssrc, Sends: true, Sent: rtcp.Sent{NTP: 0x11112222_33334444}})
		sent := time.Now()
		a.talk(1, 320)
		got, at := oa.reports()
		if len(got) == 0 || got[0].Block.LastSR != 0x22223333 {
			r.Fatalf("%+v", got)
		}
		if d := time.Duration(got[0].Block.Delay) * time.Second / 65536; (d - at[0].Sub(sent)).Abs() > time.Millisecond {
			r.Errorf("%v after it, said to be %v", at[0].Sub(sent), d)
		}
	})
}

func TestReportsOfOthersAreCountedAndIgnored(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		a := r.phone(onlyU)
		oa := a.observer()
		a.talk(1, 150)
		ssrc := a.end.tx.clock.ssrc
		lie := rtcp.Report{SSRC: a.ssrc, Hears: true, Block: rtcp.Block{SSRC: ssrc, Lost: 99}, Bye: true}
		stranger := r.sock("127.0.0.2:4001")
		for _, to := range []netip.AddrPort{oa.to, a.peer} { // its own port, and beside RTP
			_, _ = stranger.WriteToUDPAddrPort(lie.Append(nil, "x"), to)
			_, _ = oa.sock.WriteToUDPAddrPort(lie.Append(nil, "x")[:30], to)
		}
		_, _ = oa.sock.WriteToUDPAddrPort(lie.Append(nil, "x"), a.peer) // not the port that its RTP comes from
		synctest.Wait()
		if s := a.end.Stats(); s.Reported || s.ReportsRefused != 5 || s.Refused != 0 {
			r.Errorf("%+v", s)
		}
		a.talk(1, 320)
		if got, _ := oa.reports(); len(got) == 0 {
			r.Error("no reports after it")
		}
	})
}

func TestMuxedReportsAreAnsweredOnTheRTPPort(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		a := r.phone(onlyU)
		oa := a.observer()
		a.talk(1, 50)
		said := rtcp.Report{SSRC: a.ssrc, Sends: true, Bye: true} // its BYE ends nothing
		_, _ = a.sock.WriteToUDPAddrPort(said.Append(nil, "phone"), a.peer)
		a.talk(1, 400)
		if got, _ := oa.reports(); len(got) != 0 {
			r.Errorf("%+v on the other port", got)
		}
		d := <-a.sock.in
		if got, ok := rtcp.Read(d.b, a.ssrc); !ok || !got.Hears || got.Sends {
			r.Errorf("%x", d.b)
		}
		if s := a.end.Stats(); s.PacketsReceived != 450 || s.ReportsRefused != 0 {
			r.Errorf("%+v", s)
		}
	})
}

func TestStreamEndsWithBye(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		a, b := r.phone(onlyU), r.phone(onlyU)
		oa, ob := a.observer(), b.observer()
		b.end.Close() // before its first report
		a.talk(1, 400)
		a.end.Close()
		got, _ := oa.reports()
		if len(got) < 2 || !got[len(got)-1].Bye || got[0].Bye {
			r.Errorf("%+v", got)
		}
		if got, _ := ob.reports(); len(got) != 0 {
			r.Errorf("%+v of a call that was short", got)
		}
	})
}

func TestNothingIsAllocatedForAReport(t *testing.T) {
	x := newBench(t, onlyU, onlyU)
	x.b.Hear([]Heard{{From: x.a}})
	x.packet()
	in := (&rtcp.Report{SSRC: 9, Sends: true, Hears: true, Block: rtcp.Block{SSRC: x.a.tx.clock.ssrc, LastSR: 1}}).Append(nil, "phone")
	x.a.control(time.Hour)
	now := time.Hour
	if n := testing.AllocsPerRun(100, func() {
		now += 10 * time.Second
		x.a.reported(in, x.from, now, false)
		x.a.control(now)
		x.b.control(now)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if !x.a.rtcp.begun || x.a.Stats().ReportsRefused != 0 {
		t.Errorf("%+v", x.a.Stats())
	}
}

// Nothing that comes as a report makes the engine fail, or counts as sound.
func FuzzReport(f *testing.F) {
	x := newBench(f, onlyU, onlyU)
	x.packet()
	f.Add((&rtcp.Report{SSRC: 9, Sends: true, Hears: true, Block: rtcp.Block{SSRC: 1}}).Append(nil, "phone"), true)
	f.Add(binary.BigEndian.AppendUint32(nil, 0x80C90000), false)
	f.Fuzz(func(t *testing.T, b []byte, muxed bool) {
		before := x.a.Stats()
		x.now += 10 * time.Second
		x.a.reported(b, x.from, x.now, muxed)
		x.a.control(x.now)
		after := x.a.Stats()
		if after.PacketsReceived != before.PacketsReceived || after.RoundTrip > maxRoundTrip || after.RoundTrip < 0 {
			t.Fatalf("%+v after %+v", after, before)
		}
	})
}

// A party may name another port for reports than the next one (RFC 3605), as some do behind NAT.
func TestReportsGoToThePortThatTheDescriptionNames(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		a, b := r.phone(onlyU), r.phone(onlyU)
		bridge(a, b)
		named, next := r.sock("127.0.0.1:50011"), a.observer()
		a.offer(a.sdpOf(onlyU, "a=rtcp:50011 IN IP4 203.0.113.9\r\n")) // its address is not followed: it may be anybody's
		a.talk(1, 500)
		if got, _ := next.reports(); len(got) != 0 || len(named.in) == 0 {
			r.Errorf("%d reports at the next port, %d at the one that was named", len(got), len(named.in))
		}
	})
}
