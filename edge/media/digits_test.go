package media

import (
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"
)

// press sends a digit as phones do, without the packets that skip names.
func (p *phone) press(pt, code byte, skip func(i int) bool) {
	ts := p.ts
	for i := range 8 {
		b := []byte{code, 10, 0, 0}
		d := uint16(160 * (i + 1))
		if i >= 5 {
			b[1], d = 0x8A, 960
		}
		b[2], b[3] = byte(d>>8), byte(d)
		if skip == nil || !skip(i) {
			p.send(rtp.Header{PayloadType: pt, SequenceNumber: p.seq, Timestamp: ts, SSRC: p.ssrc, Marker: i == 0}, b)
		}
		p.seq++
		time.Sleep(20 * time.Millisecond)
	}
	p.ts += 8 * frameSize
}

func digitsOf(ev []Event) string {
	var s strings.Builder
	for _, e := range ev {
		if e.Kind == Digit {
			s.WriteString(e.Digit)
		}
	}
	return s.String()
}

func TestDigitsAreTold(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		p := r.phone(bothCodecs)
		p.talk(1, 5)
		for _, code := range []byte{1, 1, 11, 10} {
			p.press(101, code, nil)
		}
		ev := p.told()
		if digitsOf(ev) != "11#*" || ev[0].Duration != 120*time.Millisecond {
			r.Error(ev)
		}
	})
}

func TestDigitsAreToldWhenTheirEndIsLost(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		p := r.phone(bothCodecs)
		noEnd := func(i int) bool { return i >= 5 }
		p.press(101, 1, noEnd)
		p.press(101, 2, noEnd)
		if got := digitsOf(p.told()); got != "1" {
			r.Errorf("%q before the last one's time is over", got)
		}
		time.Sleep(time.Second)
		if ev := p.told(); digitsOf(ev) != "2" || ev[0].Duration != 100*time.Millisecond {
			r.Error(ev)
		}
		p.press(101, 3, func(i int) bool { return i != 6 })
		time.Sleep(time.Second)
		if got := digitsOf(p.told()); got != "3" {
			r.Errorf("%q", got)
		}
		if r.eng.wheel.count != 0 {
			r.Error("still on the wheel")
		}
	})
}

func TestDigitsPassThroughABridge(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		a, b := r.phone(onlyU), r.phone(onlyA) // event types 101 and 96
		bridge(a, b)
		a.talk(1, 3)
		a.press(101, 5, nil)
		a.talk(1, 3)
		got := b.hears()
		r.oneStream(got)
		if len(got) != 14 || digitsOf(a.told()) != "5" || digitsOf(b.told()) != "" {
			r.Fatalf("%d packets", len(got))
		}
		for i, p := range got[3:11] {
			if p.PayloadType != 96 || p.Payload[0] != 5 || p.Timestamp != got[3].Timestamp || p.Marker != (i == 0) || (p.Payload[1]&0x80 != 0) != (i >= 5) {
				r.Errorf("packet %d: %v % x", i, p.Header, p.Payload)
			}
		}
		if got[11].PayloadType != 8 || got[11].Timestamp-got[3].Timestamp != 8*frameSize {
			r.Errorf("talk after it: %v", got[11].Header)
		}
	})
}

func TestALongDigitPassesThroughABridgeAsOne(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		a, b := r.phone(onlyU), r.phone(onlyA)
		bridge(a, b)
		a.talk(1, 3)
		for i := range 300 { // 6 s
			d := uint16(160 * (i + 1))
			h := rtp.Header{PayloadType: 101, SequenceNumber: a.seq, Timestamp: a.ts, SSRC: a.ssrc, Marker: i == 0}
			a.send(h, []byte{5, 10, byte(d >> 8), byte(d)})
			a.seq++
			time.Sleep(20 * time.Millisecond)
		}
		a.ts += 300 * frameSize
		a.talk(1, 3)
		got := b.hears()
		r.oneStream(got)
		if len(got) != 306 {
			r.Fatalf("%d packets", len(got))
		}
		for i, p := range got[3:303] {
			if p.Timestamp != got[3].Timestamp || p.Marker != (i == 0) {
				r.Fatalf("packet %d: %v % x", i, p.Header, p.Payload)
			}
		}
		if got[303].Timestamp-got[3].Timestamp != 300*frameSize {
			r.Errorf("talk after it: %v", got[303].Header)
		}
	})
}

func TestDigitsForAPartyWithoutEventsLeaveNoHole(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		a, b := r.phone(bothCodecs), r.phone(noEvents)
		bridge(a, b)
		a.talk(1, 3)
		a.press(101, 5, nil)
		a.talk(1, 3)
		got := b.hears()
		r.oneStream(got)
		if len(got) != 6 || digitsOf(a.told()) != "5" {
			r.Errorf("%d packets", len(got))
		}
		if b.end.SendDigits("1") {
			r.Error("a party without telephone-event was sent digits")
		}
	})
}

func TestSentDigits(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		a, b := r.phone(bothCodecs), r.phone(bothCodecs)
		bridge(a, b)
		b.talk(1, 3)
		if !a.end.SendDigits("1#") || a.end.SendDigits("x") || !a.end.SendDigits("") {
			r.Error("what was taken is wrong")
		}
		b.talk(2, 20)
		got := a.hears()
		r.oneStream(got)
		var starts []heard
		ends, talk := 0, 0
		for _, p := range got[3:] {
			switch {
			case p.PayloadType != 101:
				talk++
			case p.Marker:
				starts = append(starts, p)
			case p.Payload[1]&0x80 != 0:
				ends++
			}
		}
		if len(starts) != 2 || ends != 6 || len(got) < 3+14+3 || talk > 5 {
			r.Fatalf("%d begun, %d end packets, %d frames of talk", len(starts), ends, talk)
		}
		if starts[0].Payload[0] != 1 || starts[1].Payload[0] != 11 || starts[1].at.Sub(starts[0].at) != 160*time.Millisecond || starts[1].Timestamp-starts[0].Timestamp != 1280 {
			r.Errorf("%v %v", starts[0], starts[1])
		}
		last := got[len(got)-1]
		if last.PayloadType != 0 || last.Payload[0] != 2 {
			r.Error("talk does not go on after the digits")
		}
		if r.eng.wheel.count != 0 {
			r.Error("still on the wheel")
		}
	})
}

func TestDigitsOverAPrompt(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		a := r.phone(bothCodecs)
		a.end.Hear([]Heard{{From: r.eng.Play([]Source{prompt(50)}, 0, nil)}})
		time.Sleep(200 * time.Millisecond)
		a.end.SendDigits("9")
		time.Sleep(2 * time.Second)
		got := a.hears()
		r.oneStream(got)
		if last := got[len(got)-1]; number(last) != 49 || len(got) != 50-8+7 {
			r.Errorf("%d packets, the last is frame %d", len(got), number(last))
		}
	})
}

func TestHeldPartyIsSentNoDigits(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		a := r.phone(bothCodecs)
		if !a.end.SendDigits("123") {
			r.Fatal("refused")
		}
		a.offer(a.sdpOf(bothCodecs, "a=sendonly\r\n"))
		if a.end.SendDigits("1") {
			r.Error("taken though the party holds")
		}
		time.Sleep(time.Second)
		if got := a.hears(); len(got) > 1 || r.eng.wheel.count != 0 {
			r.Errorf("%d packets; %d on the wheel", len(got), r.eng.wheel.count)
		}
	})
}

func TestRelayKeepsDigitsBackWhenTold(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		a, b := r.phone(onlyU), r.phone(onlyU)
		b.end.Hear([]Heard{{From: a.end, NoDigits: true}})
		a.talk(1, 10)
		a.press(101, 5, nil)
		a.talk(1, 10)
		got := b.hears()
		for _, h := range got {
			if h.PayloadType != 0 {
				r.Error("a digit went through")
			}
		}
		if r.oneStream(got); len(got) != 20 || digitsOf(a.told()) != "5" || b.end.PassesDigits(a.end) {
			r.Errorf("%d packets", len(got))
		}
		b.end.Hear([]Heard{{From: a.end}})
		a.press(101, 5, nil)
		more := b.hears()
		if len(more) != 8 || !b.end.PassesDigits(a.end) {
			r.Errorf("%d packets of a digit that passes", len(more))
		}
		r.oneStream(append(got[19:], more...))
	})
}

func TestPausesBetweenSentDigits(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		p := r.phone(onlyU)
		if !p.end.SendDigits("1ww2w") || p.end.SendDigits("1x") || p.end.SendDigits(strings.Repeat("w", 129)) {
			r.Fatal("taken or refused wrongly")
		}
		time.Sleep(3 * time.Second)
		var begins []time.Time
		got := p.hears()
		for _, h := range got {
			if h.Marker {
				begins = append(begins, h.at)
			}
		}
		if len(begins) != 2 || len(got) != 14 {
			r.Fatalf("%d digits, %d packets", len(begins), len(got))
		}
		if d := begins[1].Sub(begins[0]); d != 160*time.Millisecond+time.Second {
			r.Error(d)
		}
		if r.eng.wheel.count != 0 {
			r.Error("still on the wheel")
		}
	})
}
