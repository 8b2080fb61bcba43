//go:build opus

package media

import (
	"math"
	"testing"
	"time"

	"github.com/offhook/offhook/edge/media/opus"
	"github.com/pion/rtp"
)

// sung checks the tone that a party hears: Opus is not as true as the others.
func (s *singer) sung(name string, want []float64, silent ...float64) {
	s.r.Helper()
	s.hearsTones(name, 300, want, silent)
}

func TestRelayTranscodesToAndFromOpus(t *testing.T) {
	speakOpus(t)
	for name, c := range map[string]struct{ from, to string }{
		"Opus as it comes": {onlyO, onlyO}, "Opus to PCMU": {onlyO, onlyU}, "Opus to PCMA": {onlyO, onlyA}, "Opus to G722": {onlyO, onlyW},
		"PCMU to Opus": {onlyU, onlyO}, "G722 to Opus": {onlyW, onlyO},
	} {
		inBubble(t, nil, func(r *rig) {
			a, b := r.singer(c.from, 1000), r.singer(c.to, 0)
			bridge(a.phone, b.phone)
			choir(100, a)
			b.sung(name, []float64{1000}, 2500, 600)
		})
	}
}

func TestConferenceWithOpus(t *testing.T) {
	speakOpus(t)
	inBubble(t, nil, func(r *rig) {
		a, b, c := r.singer(onlyO, 1000), r.singer(onlyO, 1700), r.singer(onlyU, 600)
		a.end.Hear([]Heard{{From: b.end}, {From: c.end}})
		b.end.Hear([]Heard{{From: a.end}, {From: c.end}})
		c.end.Hear([]Heard{{From: a.end}, {From: b.end}})
		tape := r.record(Recording{Channels: 1, Rate: WideRate}, Heard{From: a.end})
		choir(150, a, b, c)
		a.sung("a", []float64{1700, 600}, 1000)
		b.sung("b", []float64{1000, 600}, 1700)
		c.sung("c", []float64{1000, 1700}, 600)
		tape.Stop()
		<-tape.done
		if l := loudness(tape.pcm, 1000, WideRate); l < 4000 || l > 8000 || len(tape.pcm) < 2*WideRate {
			r.Errorf("recorded with %.0f in %d samples", l, len(tape.pcm))
		}
	})
}

// flute is a source of 1000 Hz.
type flute struct{}

func (flute) Frame(n int) ([]int16, bool, error) {
	pcm := make([]int16, frameSize)
	for i := range pcm {
		pcm[i] = int16(6000 * math.Sin(2*math.Pi*float64((n*frameSize+i)%8)/8))
	}
	return pcm, true, nil
}

func TestAPromptIsHeardInOpus(t *testing.T) {
	speakOpus(t)
	inBubble(t, nil, func(r *rig) {
		a := r.singer(onlyO, 0)
		p := r.eng.Play([]Source{flute{}}, 0, nil)
		a.end.Hear([]Heard{{From: p}})
		time.Sleep(2 * time.Second)
		p.Stop()
		a.sung("a", []float64{1000}, 600)
	})
}

// A phone's packets of any usual time come out as packets that Opus has, in one stream without a hole.
func TestPacketsOfAnyTimeBecomeOpus(t *testing.T) {
	speakOpus(t)
	for _, ms := range []int{10, 20, 30, 40, 50, 60, 120} {
		inBubble(t, nil, func(r *rig) {
			a, b := r.phone(onlyU), r.singer(onlyO, 0)
			b.end.Hear([]Heard{{From: a.end}})
			for range 2400 / ms {
				a.hums(ms, false)
				time.Sleep(time.Duration(ms) * time.Millisecond)
			}
			got := b.hears()
			for i := 1; i < len(got); i++ {
				was, is := got[i-1], got[i]
				if is.SequenceNumber != was.SequenceNumber+1 || is.Timestamp-was.Timestamp != uint32(opus.Ticks(was.Payload)) {
					r.Fatalf("%d ms: %v after %v", ms, is.Header, was.Header)
				}
			}
			if last := got[len(got)-1]; last.Timestamp+uint32(opus.Ticks(last.Payload))-got[0].Timestamp != uint32(2400/ms*ms*48) {
				r.Errorf("%d ms: %d packets, the last %v", ms, len(got), last.Header)
			}
			if l := loudness(b.decodedAll(got), hum, WideRate); l < 6000 || l > 10000 {
				r.Errorf("%d ms: %.0f", ms, l)
			}
		})
	}
}

func (s *singer) decodedAll(got []heard) (pcm []int16) {
	var d decoder
	frame := make([]int16, 2*maxPayload)
	for _, h := range got {
		pcm = append(pcm, frame[:d.decode(frame, h.Payload, s.code.codec)]...)
	}
	return pcm
}

// lossy sings a second and a half of Opus, of which each fifth packet is lost, and gives what a phone of PCMU hears beside
// what the recorder does.
func lossy(r *rig, fec bool) (relayed, mixed []int16) {
	a, b := r.singer(onlyO, 1000), r.singer(onlyU, 0)
	a.code.agree(full, opus.Options{FEC: fec})
	b.end.Hear([]Heard{{From: a.end}})
	tape := r.record(Recording{Channels: 1}, Heard{From: a.end})
	pcm, payload := make([]int16, wideFrame), make([]byte, opus.MaxPacket)
	for n := range 100 {
		for i := range pcm { // a sweep, for a steady tone is made up too well
			t := float64(n*wideFrame+i) / WideRate
			pcm[i] = int16(6000 * math.Sin(2*math.Pi*(500*t+300/3*math.Sin(3*2*math.Pi*t))))
		}
		size := a.code.encode(payload, pcm)
		if n%5 != 4 {
			a.send(rtp.Header{PayloadType: 111, SequenceNumber: uint16(n), Timestamp: uint32(n * 960), SSRC: 5}, payload[:size])
		}
		time.Sleep(frameTime)
	}
	relayed = b.inOrder()
	tape.Stop()
	<-tape.done
	return relayed, tape.pcm
}

// swept is how much of a sound is the sweep of lossy, at the delay that suits best, in dB.
func swept(pcm []int16) (best float64) {
	best = -99
	for delay := 0; delay < 1600; delay++ {
		var re, im, all float64
		for i := 4000; i < 12000 && i+delay < len(pcm); i++ {
			t := float64(i) / Rate
			sin, cos := math.Sincos(2 * math.Pi * (500*t + 300/3*math.Sin(3*2*math.Pi*t)))
			v := float64(pcm[i+delay])
			re, im, all = re+v*cos, im+v*sin, all+v*v
		}
		tone := (re*re + im*im) * 2 / 8000
		best = max(best, 10*math.Log10(tone/max(all-tone, 1)))
	}
	return best
}

func TestALossOfOpusIsRepairedByWhatIsSentAgain(t *testing.T) {
	speakOpus(t)
	inBubble(t, nil, func(r *rig) {
		plain, plainMixed := lossy(r, false)
		again, againMixed := lossy(r, true)
		r.Logf("relayed: %.1f dB made up, %.1f dB sent again; recorded: %.1f, %.1f", swept(plain), swept(again), swept(plainMixed), swept(againMixed))
		if len(again) < 98*frameSize {
			r.Errorf("%d samples reach the phone", len(again))
		}
		if swept(again) < swept(plain)+2 || swept(againMixed) < swept(plainMixed)+2 {
			r.Error("no better")
		}
	})
}

// What comes late or twice, or in silence not at all, does no harm.
func TestOpusInDisorderAndSilence(t *testing.T) {
	speakOpus(t)
	inBubble(t, nil, func(r *rig) {
		a, b, c := r.singer(onlyO, 1000), r.singer(onlyU, 0), r.singer(onlyW, 0)
		b.end.Hear([]Heard{{From: a.end}})
		c.end.Hear([]Heard{{From: a.end}, {From: b.end}})
		var packets [200][]byte
		pcm, payload := make([]int16, wideFrame), make([]byte, opus.MaxPacket)
		for n := range packets {
			for i := range pcm {
				pcm[i] = int16(6000 * math.Sin(2*math.Pi*1000*float64(n*wideFrame+i)/16000))
			}
			packets[n] = append([]byte(nil), payload[:a.code.encode(payload, pcm)]...)
		}
		for n := 0; n < len(packets); n += 10 {
			for _, k := range []int{0, 1, 3, 2, 2, 3, 4, 5, 6, 7, 7, 8, 9} {
				a.send(rtp.Header{PayloadType: 111, SequenceNumber: uint16(n + k), Timestamp: uint32((n + k) * 960), SSRC: 3}, packets[n+k])
				time.Sleep(10 * frameTime / 13)
			}
		}
		for name, s := range map[string]*singer{"relayed": b, "mixed": c} {
			whole := s.inOrder()
			if l, all := loudness(whole, 1000, s.rate()), power(whole); l*l/2 < 0.95*all || l < 5000 {
				r.Errorf("%s: %.3f of the power is the tone of %.0f", name, l*l/2/all, l)
			}
		}
		time.Sleep(3 * time.Second) // DTX: no packet, and no number is missing
		before := a.end.Stats().Lost
		for n := range 20 {
			a.send(rtp.Header{PayloadType: 111, SequenceNumber: uint16(200 + n), Timestamp: uint32((350 + n) * 960), SSRC: 3}, packets[n])
			time.Sleep(frameTime)
		}
		if got := b.hears(); len(got) != 20 || a.end.Stats().Lost != before {
			r.Errorf("%d packets after the silence, %d lost", len(got), a.end.Stats().Lost)
		}
	})
}

// A digit leaves no hole that sound would be made up for.
func TestADigitIsNoLossOfOpus(t *testing.T) {
	speakOpus(t)
	inBubble(t, nil, func(r *rig) {
		a, b := r.singer(onlyO, 1000), r.singer(onlyU, 0)
		b.end.Hear([]Heard{{From: a.end}})
		choir(20, a)
		a.presses(110, 48)
		choir(20, a)
		sound := 0
		for _, h := range b.hears() {
			if h.PayloadType == 0 {
				sound++
			}
		}
		if sound != 40 {
			r.Errorf("%d packets of sound, said 40", sound)
		}
	})
}

func TestNothingIsAllocatedForAPacketOfOpus(t *testing.T) {
	speakOpus(t)
	payload := make([]byte, opus.MaxPacket)
	var c coder
	c.agree(full, opus.Options{FEC: true})
	payload = payload[:c.encode(payload, make([]int16, wideFrame))]
	sent := func(e *Endpoint) func() uint64 { return func() uint64 { return e.Stats().PacketsSent } }
	for name, media := range map[string][2]string{"from Opus": {onlyO, onlyU}, "to Opus": {onlyU, onlyO}, "of Opus": {onlyO, onlyO}} {
		x := newBench(t, media[0], media[1])
		if media[0] == onlyO {
			x.speaks(payload)
		}
		x.b.Hear([]Heard{{From: x.a}})
		noAllocs(t, name, sent(x.b), x.packet)
		p := x.eng.Play([]Source{newFixed(false)}, -1, nil)
		x.a.Hear([]Heard{{From: p}})
		x.b.Hear([]Heard{{From: p}, {From: x.a}})
		noAllocs(t, name+" in a mix", sent(x.b), func() { x.packet(); x.turn(p, x.a, x.b) })
		p.Stop()
	}
}

// speaks has the bench bring packets of Opus. Their timestamps are those of 20 ms of other codecs, so none is missing.
func (x *bench) speaks(payload []byte) {
	x.raw = append(x.raw[:12:12], payload...)
	x.raw[1] = 111
	x.tick = 960
}

func BenchmarkOpus(b *testing.B) {
	spoken = speaks(true)
	defer func() { spoken = speaks(false) }()
	for name, media := range map[string][2]string{"to PCMU": {onlyO, onlyU}, "from PCMU": {onlyU, onlyO}, "as it comes": {onlyO, onlyO}} {
		b.Run(name, func(b *testing.B) {
			x := newBench(b, media[0], media[1])
			pcm, payload := make([]int16, wideFrame), make([]byte, opus.MaxPacket)
			for i := range pcm {
				pcm[i] = int16(6000 * math.Sin(float64(i*i)/2000))
			}
			if media[0] == onlyO {
				var c coder
				c.agree(full, opus.Options{FEC: true})
				x.speaks(payload[:c.encode(payload, pcm)])
			} else {
				for i := range 160 {
					x.raw[12+i] = byte(i * i)
				}
			}
			x.b.Hear([]Heard{{From: x.a}})
			for b.Loop() {
				x.packet()
			}
		})
	}
}

// Digits as tones are found in Opus too, and a stream hears it at 8 kHz.
func TestTonesInOpusAreDigits(t *testing.T) {
	speakOpus(t)
	inBubble(t, nil, func(r *rig) {
		a := r.singer(onlyO, 0)
		a.end.HearTones(true)
		var heard []int16
		m := r.eng.Monitor(func(frame []int16) { heard = append(heard, frame...) })
		m.Hear([]Heard{{From: a.end}})
		pcm, payload := make([]int16, wideFrame), make([]byte, opus.MaxPacket)
		for n := range 310 {
			clear(pcm)
			if n%25 >= 20 { // 7, for 100 ms
				for i := range pcm {
					at := 2 * math.Pi * float64(n*wideFrame+i) / WideRate
					pcm[i] = int16(5000*math.Sin(852*at) + 5000*math.Sin(1209*at))
				}
			}
			size := a.code.encode(payload, pcm)
			a.send(rtp.Header{PayloadType: 111, SequenceNumber: uint16(n), Timestamp: uint32(n * 960), SSRC: 5}, payload[:size])
			time.Sleep(frameTime)
		}
		m.Stop()
		if got := digitsOf(a.told()); got != "777777777777" {
			r.Errorf("12 times 7 was pressed: %q", got)
		}
		if len(heard) < 5*Rate {
			r.Errorf("%d samples", len(heard))
		}
	})
}
