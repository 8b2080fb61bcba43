package real

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/cmplx"
	"os"
	"testing"
)

// Quality is how what was heard is like what was said, over all segments in which something was said.
type Quality struct {
	SNR    float64 // dB, mean of the segments, each from -10 to 35
	Bark   float64 // dB, mean distance of loudness in the bands of hearing
	Hurt   float64 // part of the segments in which it is more than 4 dB: they sound wrong
	Silent float64 // part of the segments in which nothing, or next to nothing, was heard
	Delay  float64 // ms between the longest and the shortest delay of good segments
}

func (q Quality) String() string {
	return fmt.Sprintf("SNR %.1f dB, bark %.2f dB, %.1f %% hurt, %.1f %% silent, delay moved by %.0f ms", q.SNR, q.Bark, 100*q.Hurt, 100*q.Silent, q.Delay)
}

const (
	segment = 160 // samples
	span    = 640 // samples in which another delay is looked for
	reach   = 800 // how far away it may be
	spoken  = 300 // RMS from which on a segment counts
)

// Compare follows what was said in what was heard, and judges each segment where it should be: the delay may move, as
// jitter buffers let it, once what comes next fits better somewhere else.
func Compare(said, heard []int16) Quality {
	var q Quality
	delay := start(said, heard)
	n, least, most := 0.0, math.MaxInt, math.MinInt
	for at := 0; at+span+segment <= len(said); at += segment {
		s := said[at : at+segment]
		if loudness(s) < spoken || at+delay < 0 || at+delay+span+reach > len(heard) {
			continue
		}
		n++
		if likeness(s, heard[at+delay:at+delay+segment]) < 0.9 {
			delay = moved(said[at:at+span], heard, at+delay) - at
		}
		if ratio(s, heard[at+delay:at+delay+segment]) > 20 {
			least, most = min(least, delay), max(most, delay)
		}
		q.judge(s, heard[at+delay:at+delay+segment])
	}
	if n == 0 {
		return Quality{SNR: -10, Bark: 99, Hurt: 1, Silent: 1}
	}
	return Quality{q.SNR / n, q.Bark / n, q.Hurt / n, q.Silent / n, float64(max(most-least, 0)) * 1000 / rate}
}

func (q *Quality) judge(s, h []int16) {
	d := distance(s, h)
	q.SNR += ratio(s, h)
	q.Bark += d
	if d > 4 {
		q.Hurt++
	}
	if loudness(h) < loudness(s)/10 {
		q.Silent++
	}
}

// start is the delay with which most of the segments of the first seconds are found.
func start(said, heard []int16) int {
	votes, tried := map[int]int{}, 0
	for at := rate; at+segment <= len(said) && tried < 12; at += 5 * segment {
		s := said[at : at+segment]
		if loudness(s) < spoken {
			continue
		}
		tried++
		best, where := -2.0, 0
		for to := 0; to+segment <= min(len(heard), 9*rate); to++ {
			if l := likeness(s, heard[to:to+segment]); l > best {
				best, where = l, to
			}
		}
		if best > 0.9 {
			votes[(where-at)/80]++
		}
	}
	delay, most := 0, 0
	for d, n := range votes {
		if n > most || n == most && d < delay/80 {
			delay, most = d*80, n
		}
	}
	return delay
}

// moved is where a span is found now that it should be at a place: there, unless it clearly fits better elsewhere.
func moved(s, heard []int16, near int) int {
	at, best := near, likeness(s, heard[near:near+len(s)])+0.1
	for to := max(near-reach, 0); to <= near+reach && to+len(s) <= len(heard); to++ {
		if l := likeness(s, heard[to:to+len(s)]); l > best {
			best, at = l, to
		}
	}
	return at
}

// ratio of signal and noise in dB.
func ratio(s, h []int16) float64 {
	signal, noise := 1.0, 1.0
	for i, v := range s {
		d := float64(v) - float64(h[i])
		signal, noise = signal+float64(v)*float64(v), noise+d*d
	}
	return min(max(10*math.Log10(signal/noise), -10), 35)
}

// likeness is the correlation, -1 to 1.
func likeness(a, b []int16) float64 {
	var ab, aa, bb int64 = 0, 1, 1
	for i, v := range a {
		w := int64(b[i])
		ab += int64(v) * w
		aa += int64(v) * int64(v)
		bb += w * w
	}
	return float64(ab) / math.Sqrt(float64(aa)*float64(bb))
}

func loudness(pcm []int16) float64 {
	sum := 1.0
	for _, v := range pcm {
		sum += float64(v) * float64(v)
	}
	return math.Sqrt(sum / float64(len(pcm)))
}

// barks are the edges of the critical bands of hearing within telephone sound (Zwicker), in Hz.
var barks = []float64{200, 300, 400, 510, 630, 770, 920, 1080, 1270, 1480, 1720, 2000, 2320, 2700, 3150, 3500}

// distance is how much louder or softer the bands are, RMS in dB. What is softer than 40 dB below full speech is not heard.
func distance(a, b []int16) float64 {
	x, y, sum := bands(a), bands(b), 0.0
	for i := range x {
		d := 10 * math.Log10((x[i]+floor)/(y[i]+floor))
		sum += d * d
	}
	return math.Sqrt(sum / float64(len(x)))
}

const floor = 1e6 // of a band's power

func bands(pcm []int16) []float64 {
	f := make([]complex128, 256)
	for i, v := range pcm {
		f[i] = complex(float64(v)*(0.5-0.5*math.Cos(2*math.Pi*float64(i)/float64(len(pcm)))), 0) // Hann
	}
	f = fourier(f)
	power := make([]float64, len(barks)-1)
	for i := range len(f) / 2 {
		hz := float64(i) * rate / float64(len(f))
		for b := range power {
			if hz >= barks[b] && hz < barks[b+1] {
				power[b] += real(f[i])*real(f[i]) + imag(f[i])*imag(f[i])
			}
		}
	}
	return power
}

// fourier is the transform of a power of two of samples.
func fourier(x []complex128) []complex128 {
	n := len(x)
	if n == 1 {
		return x
	}
	even, odd := make([]complex128, n/2), make([]complex128, n/2)
	for i := range even {
		even[i], odd[i] = x[2*i], x[2*i+1]
	}
	even, odd = fourier(even), fourier(odd)
	out := make([]complex128, n)
	for i := range even {
		t := cmplx.Rect(1, -2*math.Pi*float64(i)/float64(n)) * odd[i]
		out[i], out[i+n/2] = even[i]+t, even[i]-t
	}
	return out
}

// ReadWAV gives the first channel of a file of 16 bit; its header may be that of a file still being written.
func ReadWAV(t *testing.T, path string) []int16 {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	if len(b) < 44 { // of a file that has just begun
		return nil
	}
	step := 2 * max(int(binary.LittleEndian.Uint16(b[22:])), 1)
	var pcm []int16
	for b = b[44:]; len(b) >= step; b = b[step:] {
		pcm = append(pcm, int16(binary.LittleEndian.Uint16(b)))
	}
	return pcm
}
