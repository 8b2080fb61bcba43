package jitter

import (
	"math"
	"math/rand/v2"
	"sort"
	"testing"
)

// line is a network in virtual time; times are in ms.
type line struct {
	name      string
	seconds   int
	ptime     int     // ms
	wide      bool    // 16 kHz
	loss      float64 // of 1
	jitter    float64 // each packet takes up to so much longer
	twice     float64 // part of the packets that come again later
	swapped   float64 // part of the packets that come 25 ms later
	drift     float64 // the sender's clock is faster by so many millionths
	stall     [2]int  // from, to: nothing comes, then all at once
	pauses    bool    // silence suppression: 0.6 s of 2 s are not sent
	wantSNR   float64 // of all segments, dB at least
	wantHurt  float64 // of those that are not whole, dB at least; silence in their place is 0 dB
	wantDelay float64 // at the end, ms at most
}

type arrival struct {
	at float64
	p  Packet
}

// voice is what is said: a vowel of five harmonics whose pitch and loudness go up and down as speech does.
func voice(n int, rate float64) []int16 {
	pcm, phase := make([]int16, n), 0.0
	for i := range pcm {
		t := float64(i) / rate
		phase += 2 * math.Pi * (130 + 25*math.Sin(2*math.Pi*0.9*t)) / rate
		loud := 5000 * (0.65 + 0.35*math.Sin(2*math.Pi*2.3*t))
		v := 0.0
		for h, a := range [...]float64{1, 0.7, 0.5, 0.25, 0.15} {
			v += a * math.Sin(float64(h+1)*phase+float64(h))
		}
		pcm[i] = int16(loud * v)
	}
	return pcm
}

// k is the samples for one of 8 kHz.
func (l *line) k() int {
	if l.wide {
		return 2
	}
	return 1
}

// says is the voice, at the line's rate.
func (l *line) says() []int16 { return voice(l.seconds*8000*l.k(), 8000*float64(l.k())) }

// each takes every k-th sample: the voice has nothing that would fold back.
func each(k int, pcm []int16) (out []int16) {
	for i := 0; i < len(pcm); i += k {
		out = append(out, pcm[i])
	}
	return out
}

// send gives what arrives, in order.
func (l *line) send(said []int16, rnd *rand.Rand) (out []arrival) {
	n, k := 8*l.ptime, l.k()
	spurt := true
	for i, seq := 0, uint16(65000); k*(i+n) <= len(said); i += n {
		if l.pauses && i/8%2000 >= 1400 {
			spurt = true
			continue
		}
		at := float64(i+n) / 8 / (1 + l.drift/1e6)
		p := Packet{Seq: seq, TS: 0xFFFFF000 + uint32(i), Marker: spurt, PCM: said[k*i : k*(i+n)]}
		seq++
		spurt = false
		if rnd.Float64() < l.loss {
			continue
		}
		came := at + l.jitter*rnd.Float64()
		if rnd.Float64() < l.swapped {
			came += 25
		}
		if came > float64(l.stall[0]) && came < float64(l.stall[1]) {
			came = float64(l.stall[1])
		}
		out = append(out, arrival{came, p})
		if rnd.Float64() < l.twice {
			out = append(out, arrival{came + 30*rnd.Float64(), p})
		}
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].at < out[j].at })
	return out
}

// result is what was heard, and where in what was said each frame came from, as far as the buffer knows.
type result struct {
	heard []int16
	place []int // of each frame
	delay []float64
	Counts
}

// run takes a frame each 20 ms.
func (l *line) run(said []int16) (r result) {
	var b Buffer
	b.Begin(l.wide)
	k := l.k()
	came := l.send(said, rand.New(rand.NewPCG(7, 11)))
	for now := 7.0; now < float64(1000*l.seconds); now += 20 {
		for len(came) > 0 && came[0].at <= now {
			b.Put(came[0].p)
			came = came[1:]
		}
		at := int(int32(b.head-0xFFFFF000*uint32(k))) / k
		f := make([]int16, frame*k)
		if !b.Get(f) {
			continue
		}
		r.heard = append(r.heard, each(k, f)...)
		r.place = append(r.place, at)
		r.delay = append(r.delay, now*(1+l.drift/1e6)-float64(at)/8)
	}
	r.Counts = b.Counts()
	return r
}

// snr is of one frame, at the place in said where it fits best; it counts from -10 to 35 dB, as is usual for segmental SNR.
func snr(heard, said []int16, near int) float64 {
	best := fit(heard, said, near) // the usual case
	for at := max(near-240, 0); at <= near+240 && best < 35; at++ {
		best = max(best, fit(heard, said, at))
	}
	return min(best, 35)
}

func fit(heard, said []int16, at int) float64 {
	if at+frame > len(said) {
		return -10
	}
	signal, noise := 1.0, 1.0
	for i, v := range heard {
		s := float64(said[at+i])
		d := s - float64(v)
		signal, noise = signal+s*s, noise+d*d
	}
	return max(10*math.Log10(signal/noise), -10)
}

// judge gives the mean of all segments and of those that are not whole, and how many those are.
func (r *result) judge(said []int16) (all, hurt, part float64) {
	n, bad := 0, 0
	for i, at := range r.place {
		if at < 0 {
			continue
		}
		db := snr(r.heard[i*frame:(i+1)*frame], said, at)
		n++
		all += db
		if db < 30 {
			bad++
			hurt += db
		}
	}
	return all / float64(n), hurt / math.Max(float64(bad), 1), float64(bad) / float64(n)
}

var lines = []line{
	{name: "calm", seconds: 30, ptime: 20, wantSNR: 33, wantDelay: 60},
	{name: "loss 1 %", seconds: 30, ptime: 20, loss: 0.01, wantSNR: 33, wantHurt: 10, wantDelay: 60},
	{name: "loss 5 %", seconds: 30, ptime: 20, loss: 0.05, wantSNR: 29, wantHurt: 10, wantDelay: 60},
	{name: "loss 10 %", seconds: 30, ptime: 20, loss: 0.10, wantSNR: 26, wantHurt: 10, wantDelay: 60},
	{name: "jitter 50 ms", seconds: 30, ptime: 20, jitter: 50, wantSNR: 31, wantDelay: 120},
	{name: "jitter 50 ms, loss 5 %", seconds: 30, ptime: 20, jitter: 50, loss: 0.05, wantSNR: 27, wantHurt: 10, wantDelay: 130},
	{name: "reordered 10 %", seconds: 30, ptime: 20, swapped: 0.1, wantSNR: 32, wantDelay: 90},
	{name: "twice 20 %", seconds: 30, ptime: 20, twice: 0.2, wantSNR: 33, wantDelay: 60},
	{name: "sender faster by 200 ppm", seconds: 300, ptime: 20, drift: 200, wantSNR: 33, wantDelay: 80},
	{name: "sender slower by 200 ppm", seconds: 300, ptime: 20, drift: -200, wantSNR: 33, wantDelay: 80},
	{name: "sender faster by 500 ppm", seconds: 300, ptime: 20, drift: 500, wantSNR: 33, wantDelay: 80},
	{name: "sender slower by 500 ppm", seconds: 300, ptime: 20, drift: -500, wantSNR: 33, wantDelay: 80},
	{name: "packets of 10 ms", seconds: 30, ptime: 10, loss: 0.02, wantSNR: 30, wantHurt: 10, wantDelay: 60},
	{name: "packets of 30 ms", seconds: 30, ptime: 30, loss: 0.02, wantSNR: 29, wantHurt: 8, wantDelay: 90},
	{name: "packets of 40 ms", seconds: 30, ptime: 40, loss: 0.02, wantSNR: 29, wantHurt: 8, wantDelay: 100},
	{name: "packets of 60 ms", seconds: 30, ptime: 60, loss: 0.02, wantSNR: 29, wantHurt: 6, wantDelay: 120},
	{name: "all of it", seconds: 60, ptime: 20, jitter: 50, loss: 0.05, twice: 0.05, swapped: 0.05, drift: 300, wantSNR: 25, wantHurt: 8, wantDelay: 140},
	{name: "all of it, loss 10 %", seconds: 60, ptime: 20, jitter: 50, loss: 0.10, twice: 0.05, swapped: 0.05, drift: -300, wantSNR: 22, wantHurt: 8, wantDelay: 140},
	{name: "a stall of 150 ms", seconds: 30, ptime: 20, stall: [2]int{9000, 9150}, wantSNR: 33, wantDelay: 80},
	{name: "silence suppression", seconds: 30, ptime: 20, pauses: true, wantSNR: 28, wantDelay: 60},
	{name: "16 kHz, loss 5 %", seconds: 30, ptime: 20, wide: true, loss: 0.05, wantSNR: 29, wantHurt: 10, wantDelay: 60},
	{name: "16 kHz, all of it", seconds: 60, ptime: 20, wide: true, jitter: 50, loss: 0.05, twice: 0.05, swapped: 0.05, drift: 300, wantSNR: 25, wantHurt: 8, wantDelay: 140},
	{name: "16 kHz, packets of 60 ms", seconds: 30, ptime: 60, wide: true, loss: 0.02, wantSNR: 29, wantHurt: 6, wantDelay: 120},
}

// Segmental SNR with alignment: it hears what is lost, made up, repeated or left out, and does not mind the delay.
func TestSoundOverBadLines(t *testing.T) {
	for _, l := range lines {
		t.Run(l.name, func(t *testing.T) {
			said := l.says()
			r := l.run(said)
			all, hurt, part := r.judge(each(l.k(), said))
			last := r.delay[len(r.delay)-250:]
			delay := 0.0
			for _, d := range last {
				delay += d / float64(len(last))
			}
			t.Logf("%5.1f dB, %4.1f %% of the segments hurt with %4.1f dB, delay %3.0f ms at the end, %+v", all, 100*part, hurt, delay, r.Counts)
			if all < l.wantSNR || hurt < l.wantHurt && part > 0 || delay > l.wantDelay {
				t.Errorf("want %.0f dB, %.0f dB where hurt, %.0f ms", l.wantSNR, l.wantHurt, l.wantDelay)
			}
		})
	}
}

func TestDelayShrinksWhenTheLineIsCalm(t *testing.T) {
	l := line{seconds: 20, ptime: 20}
	r := l.run(l.says())
	first, last := r.delay[50], r.delay[len(r.delay)-1]
	if first < 55 || first > 85 || last > first-10 {
		t.Errorf("%.0f ms at first, %.0f ms at last", first, last)
	}
}
