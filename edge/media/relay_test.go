package media

import (
	"slices"
	"testing"
	"time"

	"github.com/offhook/offhook/edge/media/g711"
	"github.com/pion/rtp"
)

// bridge lets two phones hear each other.
func bridge(a, b *phone) {
	a.end.Hear([]Heard{{From: b.end}})
	b.end.Hear([]Heard{{From: a.end}})
}

func TestRelayKeepsPayloadsAndMarksTheBeginning(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		a, b := r.phone(bothCodecs), r.phone(bothCodecs)
		bridge(a, b)
		for i := range 10 {
			a.talk(byte(i), 1)
		}
		got := b.hears()
		r.oneStream(got)
		for i, p := range got {
			if p.Payload[0] != byte(i) || p.Marker != (i == 0) || p.SSRC == a.ssrc || len(p.Payload) != frameSize {
				r.Errorf("packet %d: %v %d", i, p.Header, p.Payload[0])
			}
			if i > 0 && p.Timestamp-got[i-1].Timestamp != frameSize {
				r.Errorf("packet %d: step %d", i, p.Timestamp-got[i-1].Timestamp)
			}
		}
		if len(got) != 10 || len(a.hears()) != 0 {
			r.Errorf("%d packets", len(got))
		}
	})
}

// The party hears one stream whatever it is made of: prompt, other party, a mix, nothing, a third party.
func TestOneStreamOverAllChanges(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		a, b, c := r.phone(bothCodecs), r.phone(bothCodecs), r.phone(onlyA)
		player := r.eng.Play([]Source{prompt(1000)}, 0, nil)
		defer player.Stop()
		marks := 0
		for _, rows := range [][]Heard{
			{{From: player}}, {{From: b.end}}, {{From: player}, {From: b.end}}, nil, {{From: c.end}}, {{From: b.end, Gain: 0.5}}, {{From: player}},
		} {
			a.end.Hear(rows)
			for range 10 {
				b.say(1)
				c.say(2)
				time.Sleep(20 * time.Millisecond)
			}
		}
		got := a.hears()
		r.oneStream(got)
		for i, p := range got {
			if p.Marker {
				marks++
			}
			// The stream's clock is the time of day: what is not sent is a gap in it.
			off := int64(p.Timestamp-got[0].Timestamp)/8 - p.at.Sub(got[0].at).Milliseconds()
			if off < -45 || off > 45 {
				r.Errorf("packet %d: timestamp is %d ms off", i, off)
			}
		}
		if len(got) < 55 || marks < 4 || marks > 8 {
			r.Errorf("%d packets, %d talkspurts", len(got), marks)
		}
	})
}

func TestLossAndReorderingPassThroughTheRelay(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		a, b := r.phone(bothCodecs), r.phone(bothCodecs)
		bridge(a, b)
		for _, seq := range []uint16{100, 101, 103, 102, 106, 99, 98} {
			a.send(rtp.Header{SequenceNumber: seq, Timestamp: uint32(seq) * 160, SSRC: 5}, make([]byte, 160))
		}
		got := b.hears()
		if len(got) != 5 {
			r.Fatalf("%d packets, want 5: those from before the relay began cannot be numbered", len(got))
		}
		for i, want := range []uint16{0, 1, 3, 2, 6} {
			if d := got[i].SequenceNumber - got[0].SequenceNumber; d != want {
				r.Errorf("packet %d has number +%d, want +%d", i, d, want)
			}
			if d := got[i].Timestamp - got[0].Timestamp; d != uint32(want)*160 {
				r.Errorf("packet %d has timestamp +%d", i, d)
			}
		}
	})
}

func TestNewSourceStreamGoesOnInOurs(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		a, b := r.phone(bothCodecs), r.phone(bothCodecs)
		bridge(a, b)
		a.talk(1, 3)
		a.ssrc, a.seq, a.ts = 77, 9, 12345 // the phone began a new stream
		a.talk(2, 8)
		a.ts += 8000 * 3600 // its clock jumped
		a.talk(3, 3)
		got := b.hears()
		r.oneStream(got)
		if len(got) != 9 || !got[3].Marker || !got[6].Marker || got[8].Timestamp-got[0].Timestamp != 13*frameSize {
			r.Errorf("%d packets; %v %v; step %d", len(got), got[3].Header, got[6].Header, got[8].Timestamp-got[0].Timestamp)
		}
	})
}

// Some phones count from anywhere again after a hold, in the same stream.
func TestAStreamWhoseNumbersGoBackGoesOnInOurs(t *testing.T) {
	for back, lost := range map[uint16]int{1: 1, 6: 5, 50: 5, 63: 5, 99: 5, 200: 1, 1000: 1, 2999: 1, 3001: 1, 30000: 1} {
		inBubble(t, nil, func(r *rig) {
			a, b := r.phone(bothCodecs), r.phone(bothCodecs)
			bridge(a, b)
			a.talk(1, 3100)
			a.seq -= back
			a.talk(2, 50)
			got := b.hears()
			r.oneStream(got)
			if len(got) != 3150-lost { // the first ones are not believed
				r.Errorf("back by %d: %d packets of 3150, want %d", back, len(got), 3150-lost)
			}
		})
	}
}

func TestSilenceSuppressionKeepsTheSendersTime(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		a, b := r.phone(bothCodecs), r.phone(bothCodecs)
		bridge(a, b)
		a.talk(1, 2)
		time.Sleep(10 * time.Second)
		a.ts += 80000
		a.talk(1, 2)
		got := b.hears()
		if step := got[2].Timestamp - got[1].Timestamp; step != 80160 || len(got) != 4 {
			r.Errorf("%d packets, step %d", len(got), step)
		}
		r.oneStream(got)
	})
}

func TestTranscodingBothWays(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		u, a := r.phone(onlyU), r.phone(onlyA)
		bridge(u, a)
		for v := range 256 {
			u.say(byte(v))
			a.say(byte(v))
			toA, toU := a.hears(), u.hears()
			if len(toA) != 1 || len(toU) != 1 {
				r.Fatal(len(toA), len(toU))
			}
			wantA := g711.ALaw.EncodeSample(g711.ULaw.DecodeSample(byte(v)))
			wantU := g711.ULaw.EncodeSample(g711.ALaw.DecodeSample(byte(v)))
			if toA[0].Payload[77] != wantA || toA[0].PayloadType != 8 || toU[0].Payload[77] != wantU || toU[0].PayloadType != 0 {
				r.Fatalf("%d: %d (want %d), %d (want %d)", v, toA[0].Payload[77], wantA, toU[0].Payload[77], wantU)
			}
		}
	})
}

func TestPacketsOfOtherLengthsAreRelayedAsTheyCome(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		a, b := r.phone(onlyU), r.phone(onlyA)
		bridge(a, b)
		for i, n := range []int{80, 160, 240, 480} {
			a.send(rtp.Header{SequenceNumber: uint16(i), Timestamp: uint32(1000 * i), SSRC: 1}, make([]byte, n))
		}
		a.send(rtp.Header{SequenceNumber: 4, Timestamp: 9999, SSRC: 1}, make([]byte, maxPayload+1))
		a.send(rtp.Header{SequenceNumber: 4, Timestamp: 9999, SSRC: 1}, nil)
		got := b.hears()
		if len(got) != 4 || len(got[0].Payload) != 80 || len(got[3].Payload) != 480 {
			r.Errorf("%d packets", len(got))
		}
		if s := a.end.Stats(); s.Refused != 2 {
			r.Errorf("%d refused, want 2", s.Refused)
		}
	})
}

func TestHeaderExtensionsAndPaddingStayBehind(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		a, b := r.phone(bothCodecs), r.phone(bothCodecs)
		bridge(a, b)
		h := rtp.Header{SequenceNumber: 1, SSRC: 1, CSRC: []uint32{1, 2, 3}, Padding: true, PaddingSize: 8}
		if err := h.SetExtension(1, []byte{1, 2, 3}); err != nil {
			r.Fatal(err)
		}
		a.send(h, make([]byte, 160))
		if got := b.hears(); len(got) != 1 || got[0].Extension || len(got[0].CSRC) != 0 || got[0].Padding || len(got[0].Payload) != 160 {
			r.Errorf("%v", got)
		}
	})
}

func TestHeldPartyGetsNothing(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		a, b := r.phone(bothCodecs), r.phone(bothCodecs)
		bridge(a, b)
		a.talk(1, 2)
		if n := b.offer(b.sdpOf(bothCodecs, "a=sendonly\r\n")); !n.Held {
			r.Fatal("not held")
		}
		before := b.hears()
		a.talk(1, 50)
		if got := b.hears(); len(got) != 0 {
			r.Errorf("%d packets to a phone that holds", len(got))
		}
		if n := b.offer(b.sdpOf(bothCodecs)); n.Held {
			r.Fatal("still held")
		}
		a.talk(1, 2)
		after := b.hears()
		if len(after) != 2 || !after[0].Marker {
			r.Fatalf("%d packets after resume", len(after))
		}
		r.oneStream(append(before, after...))
	})
}

func TestSeveralMayHearOneParty(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		a, b, c := r.phone(onlyU), r.phone(onlyA), r.phone(onlyU)
		b.end.Hear([]Heard{{From: a.end}})
		c.end.Hear([]Heard{{From: a.end}})
		a.end.Hear([]Heard{{From: a.end}}) // an echo
		a.talk(9, 3)
		for i, p := range []*phone{a, b, c} {
			if got := p.hears(); len(got) != 3 {
				r.Errorf("phone %d hears %d", i, len(got))
			} else if p != b && got[0].Payload[0] != 9 {
				r.Errorf("phone %d hears %d: changed by another's transcoding", i, got[0].Payload[0])
			}
		}
		b.end.Hear(nil)
		c.end.Close()
		a.talk(9, 3)
		if len(b.hears()) != 0 || len(c.hears()) != 0 || len(a.hears()) != 3 {
			r.Error("heard after it ended")
		}
	})
}

func TestSayingTheSameAgainChangesNothing(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		a, b := r.phone(bothCodecs), r.phone(bothCodecs)
		for range 5 {
			bridge(a, b)
			a.talk(1, 1)
		}
		got := b.hears()
		for i, p := range got {
			if p.Marker != (i == 0) {
				r.Errorf("packet %d: marker %v", i, p.Marker)
			}
		}
		if len(got) != 5 {
			r.Error(len(got))
		}
	})
}

func TestGainOneIsTheSameRelayAsNoGain(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		a, b := r.phone(bothCodecs), r.phone(bothCodecs)
		for _, gain := range []float64{0, 1, 0} {
			b.end.Hear([]Heard{{From: a.end, Gain: gain}})
			a.talk(1, 2)
			if got := b.hears(); len(got) != 2 {
				r.Errorf("gain %v: %d packets", gain, len(got))
			}
		}
	})
}

func TestWhoLeftTheWheelDoesNotComeBack(t *testing.T) {
	var now time.Duration
	w := newWheel(func() time.Duration { return now })
	var s seat
	p := &Player{}
	w.need(p, &s, plays, true)
	w.evict(p, &s)
	w.need(p, &s, isMixed, true) // a packet that was on its way when the endpoint closed
	if w.count != 0 {
		t.Error("sits again")
	}
}

func TestWhoSitsDownOnALateWheelIsNotServedForSlotsBefore(t *testing.T) {
	now := time.Duration(0)
	w := newWheel(func() time.Duration { return now })
	var early, late seat
	w.need(&Player{}, &early, plays, true)
	now = 41 * time.Millisecond // slots 1, 21 and 41 are due
	w.need(&Player{}, &late, plays, true)
	served := map[*seat][]int64{}
	for slot, ok := w.next(); ok && slot <= 62; slot, ok = w.next() {
		for _, m := range w.take(slot, nil) {
			served[m.seat] = append(served[m.seat], slot)
		}
	}
	if !slices.Equal(served[&early], []int64{1, 21, 41, 61}) || !slices.Equal(served[&late], []int64{42, 62}) {
		t.Errorf("served %v and %v", served[&early], served[&late])
	}
}
