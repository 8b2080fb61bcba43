package media

import (
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/offhook/offhook/edge/media/g711"
	"github.com/pion/rtp"
)

const hum = 400 // Hz; what parties of these tests say

// hums sends a packet of the tone, as it goes on at the phone's time.
func (p *phone) hums(ms int, marker bool) {
	p.r.Helper()
	pcm, code := make([]int16, ms*perSlot), make([]byte, ms*perSlot)
	for i := range pcm {
		pcm[i] = int16(8000 * math.Sin(2*math.Pi*hum*float64((p.ts+uint32(i))%Rate)/Rate))
	}
	g711.ULaw.Encode(code, pcm)
	p.send(rtp.Header{SequenceNumber: p.seq, Timestamp: p.ts, SSRC: p.ssrc, Marker: marker}, code)
	p.seq++
	p.ts += uint32(len(pcm))
}

// humming is how much of the sound the tone is, in the worst of windows of 50 ms: 1 is a tone without a gap; another loudness
// than it was said with is as wrong as another sound.
func humming(pcm []int16) (worst float64, at time.Duration) {
	const size = Rate / 20
	worst = 1
	for from := 0; from+size <= len(pcm); from += size {
		var re, im, wrong float64
		for i, v := range pcm[from : from+size] {
			angle := 2 * math.Pi * hum * float64(i) / Rate
			re += float64(v) * math.Cos(angle)
			im += float64(v) * math.Sin(angle)
		}
		wrong = math.Abs(2*math.Hypot(re, im)/size-8000) / 8000
		if q := 1 - wrong; q < worst {
			worst, at = q, time.Duration(from)*time.Second/Rate
		}
	}
	return worst, at
}

// lined is a party whose sound is relayed to b and recorded.
type lined struct {
	*rig
	a, b *phone
	tape *tape
}

func onALine(t *testing.T, test func(*lined)) {
	t.Helper()
	inBubble(t, nil, func(r *rig) {
		x := &lined{rig: r, a: r.phone(onlyU), b: r.phone(onlyU)}
		bridge(x.a, x.b)
		x.a.ts = 0
		x.tape = r.record(Recording{Channels: 1}, Heard{From: x.a.end})
		test(x)
	})
}

// recorded is the sound of the recording.
func (x *lined) recorded() []int16 {
	x.Helper()
	x.tape.ended(x.rig)
	return x.tape.pcm
}

func TestPacketsOfTenToSixtyMillisecondsAreHeardWhole(t *testing.T) {
	for _, ms := range []int{10, 20, 30, 40, 60} {
		onALine(t, func(x *lined) {
			for range 6000 / ms {
				x.a.hums(ms, false)
				time.Sleep(time.Duration(ms) * time.Millisecond)
			}
			heard := x.b.hears()
			x.oneStreamOf(heard, ms)
			pcm := x.recorded()
			if worst, at := humming(pcm[Rate/2:]); worst < 0.95 || len(pcm) < 6*Rate-Rate/50 {
				x.Errorf("%d ms: %.2f at %v of %d samples", ms, worst, at, len(pcm))
			}
		})
	}
}

// oneStreamOf checks packets of so many milliseconds, each passed on as it came.
func (x *lined) oneStreamOf(got []heard, ms int) {
	x.Helper()
	if len(got) != 6000/ms {
		x.Errorf("%d ms: %d packets passed on", ms, len(got))
	}
	for i := 1; i < len(got); i++ {
		if len(got[i].Payload) != ms*perSlot || got[i].Timestamp-got[i-1].Timestamp != uint32(ms*perSlot) {
			x.Fatalf("%d ms: packet %d has %d bytes", ms, i, len(got[i].Payload))
		}
	}
}

// A clock that is wrong by more than any crystal is, for five minutes: the sound stays whole and the delay where it is.
func TestASendersClockIsFollowed(t *testing.T) {
	for name, ppm := range map[string]int{"fast": 500, "slow": -500} {
		t.Run(name, func(t *testing.T) {
			onALine(t, func(x *lined) {
				const minutes = 5
				every := frameTime - frameTime*time.Duration(ppm)/1_000_000
				passed := 0
				for range minutes * 60 * 50 {
					x.a.hums(20, false)
					passed += len(x.b.hears())
					time.Sleep(every)
				}
				counts := x.a.end.rx.tap.buf().Counts()
				drift := int(counts.Shorter) - int(counts.Longer)
				want := minutes * 60 * Rate * ppm / 1_000_000
				if drift < want-400 || drift > want+400 || counts.Late != 0 {
					x.Errorf("followed by %d samples of %d: %+v", drift, want, counts)
				}
				pcm := x.recorded()
				if worst, at := humming(pcm[Rate/2:]); worst < 0.9 {
					x.Errorf("%.2f at %v", worst, at)
				}
				if passed != minutes*60*50 {
					x.Errorf("%d packets passed on", passed)
				}
			})
		})
	}
}

// With silence suppression the sound stands where it was said, and pauses are silent, with comfort noise in them or not.
func TestPausesOfTheSenderAreSilentAndKeepTheirLength(t *testing.T) {
	for name, noise := range map[string]bool{"marker": false, "comfort noise": true} {
		t.Run(name, func(t *testing.T) {
			onALine(t, func(x *lined) {
				for range 5 {
					for i := range 50 {
						x.a.hums(20, i == 0)
						time.Sleep(frameTime)
					}
					for range 5 {
						if noise {
							x.a.rest()
						}
						time.Sleep(200 * time.Millisecond)
						x.a.ts += Rate / 5
					}
				}
				pcm := x.recorded()
				for i := range 5 {
					from := 2 * i * Rate
					talk, pause := pcm[from+Rate/5:from+Rate], pcm[from+Rate*12/10:from+2*Rate]
					if worst, at := humming(talk); worst < 0.95 {
						x.Errorf("talk %d: %.2f at %v", i, worst, at)
					}
					if loudest(pause) > 50 {
						x.Errorf("pause %d is as loud as %d", i, loudest(pause))
					}
				}
			})
		})
	}
}

func loudest(pcm []int16) (most int16) {
	for _, v := range pcm {
		most = max(most, v, -v)
	}
	return most
}

// A re-INVITE may name another place, where another stream begins: it is heard from its first packet on, and nothing that
// still comes from the place before.
func TestAReINVITENamesAnotherSource(t *testing.T) {
	onALine(t, func(x *lined) {
		for range 25 {
			x.a.hums(20, false)
			time.Sleep(frameTime)
		}
		before := &phone{sock: x.a.sock, ssrc: x.a.ssrc, seq: x.a.seq, ts: x.a.ts}
		x.a.sock = x.sock("127.0.0.7:41000")
		x.a.ssrc, x.a.seq, x.a.ts = 4711, 17, x.a.ts+999*Rate
		offer := x.a.sdpOf(onlyU)
		x.a.offer([]byte(strings.ReplaceAll(string(offer), "c=IN IP4 127.0.0.1", "c=IN IP4 127.0.0.7")))
		x.b.hears()
		for range 100 {
			x.a.hums(20, false)
			_, _ = before.sock.WriteToUDPAddrPort(packetOf(rtp.Header{SSRC: before.ssrc, SequenceNumber: before.seq, Timestamp: before.ts}, noise()), x.a.peer)
			synctest.Wait()
			before.seq++
			before.ts += frameSize
			time.Sleep(frameTime)
		}
		got := x.b.hears()
		x.oneStream(got)
		if _, refused := received(x.a); len(got) != 100 || refused != 100 {
			x.Errorf("%d packets of the new source heard, %d of the old one refused", len(got), refused)
		}
		x.b.say(1)
		if len(x.a.sock.in) == 0 || len(before.sock.in) > 0 {
			x.Errorf("%d sent to the new place, %d to the old one", len(x.a.sock.in), len(before.sock.in))
		}
		pcm := x.recorded()
		if worst, at := humming(pcm[Rate*7/10:]); worst < 0.95 {
			x.Errorf("%.2f at %v", worst, at)
		}
	})
}
