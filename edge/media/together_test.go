package media

import (
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtp"
)

// Everything at once from many goroutines: what counts is the race detector, and that nothing is left over.
func TestAllMethodsAtOnceLeaveNothing(t *testing.T) {
	inBubble(t, func(c *Config) { c.MinPort, c.MaxPort, c.Rest = 20000, 20399, time.Millisecond }, func(r *rig) {
		var phones []*phone
		for i := range 6 {
			phones = append(phones, r.phone([]string{bothCodecs, onlyW, onlyA}[i%3]))
		}
		var wg sync.WaitGroup
		for i, p := range phones {
			wg.Go(func() { p.chatter(200) })
			wg.Go(func() { p.manage(phones, i) })
		}
		wg.Wait()
		for _, p := range phones {
			if s := p.end.Close(); s.PacketsReceived == 0 || s.PacketsSent == 0 {
				r.Errorf("%+v", s)
			}
		}
		if n := r.eng.wheel.count; n != 0 {
			r.Errorf("%d left on the wheel", n)
		}
		if n := len(r.eng.ends.all()); n != 0 {
			r.Errorf("%d endpoints left", n)
		}
	})
}

// chatter sends talk and digits.
func (p *phone) chatter(n int) {
	for i := range n {
		h := rtp.Header{Version: 2, PayloadType: p.pt, SequenceNumber: uint16(i), Timestamp: uint32(i) * 160, SSRC: p.ssrc}
		payload := make([]byte, 160)
		if i%10 < 3 && p.pt == 0 {
			h.PayloadType, payload = 101, []byte{byte(i % 16), 10, 0, 160}
		}
		b, _ := (&rtp.Packet{Header: h, Payload: payload}).Marshal()
		_, _ = p.sock.WriteToUDPAddrPort(b, p.peer)
		time.Sleep(20 * time.Millisecond)
	}
}

// manage changes what is heard, holds, dials, plays and asks.
func (p *phone) manage(all []*phone, me int) {
	for i := range 200 {
		other, third := all[(me+i)%len(all)].end, all[(me+2*i+1)%len(all)].end
		switch i % 8 {
		case 0:
			p.end.Hear([]Heard{{From: other}})
		case 1:
			player := p.r.eng.Play([]Source{tune(3), prompt(3)}, i%3, p.notify)
			p.end.Hear([]Heard{{From: player}, {From: third, Gain: 0.5}})
			defer player.Stop()
		case 2:
			p.end.SendDigits("12")
		case 3:
			p.end.Hear([]Heard{{From: other}, {From: third}})
		case 4:
			_, _, _ = p.end.Answer(p.sdpOf(bothCodecs, "a=sendonly\r\n"))
		case 5:
			_, _, _ = p.end.Answer(p.sdpOf(bothCodecs))
			p.end.Offer()
		case 6:
			p.end.Hear([]Heard{{From: p.r.eng.Play([]Source{prompt(2)}, 0, nil)}})
		case 7:
			rec := p.r.record(Recording{Channels: 1 + i%16/8, Rate: Rate * (1 + i%32/16)}, Heard{From: other}, Heard{From: p.end, Channel: 1})
			defer rec.Stop()
			rec.Pause(i%3 == 0)
			p.end.Stats()
			p.end.HearTones(i%16 < 8)
			p.end.Watch()
			p.extra(other)
		}
		time.Sleep(15 * time.Millisecond)
	}
}

// extra is an endpoint that lives shortly and is heard when it ends.
func (p *phone) extra(other *Endpoint) {
	end, err := p.r.eng.Open(nil)
	if err != nil {
		p.r.Error(err)
		return
	}
	_, _, _ = end.Answer(p.sdpOf(bothCodecs))
	end.Hear([]Heard{{From: other}, {From: p.end}})
	p.end.Hear([]Heard{{From: end}, {From: other}})
	end.packet(new(scratch), nil, netip.AddrPort{}, 0)
	var wg sync.WaitGroup
	wg.Go(func() { end.Close() })
	wg.Go(func() { end.Hear([]Heard{{From: p.end}, {From: other}}) })
	wg.Wait()
}
