package tone

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/offhook/offhook/edge/media/g711"
)

// line is a sound that is made for a test.
type line struct {
	pcm []float64
	rnd *rand.Rand
}

func newLine(seed uint64) *line { return &line{rnd: rand.New(rand.NewPCG(seed, 7))} }

func count(d time.Duration) int { return int(d.Seconds() * Rate) }

// amplitude of a sine of so many dBm0.
func amplitude(dbm0 float64) float64 { return math.Sqrt(2*dBm0) * math.Pow(10, dbm0/20) }

// sines adds tones of a level each; phases are by chance.
func (l *line) sines(d time.Duration, level float64, hz ...float64) *line {
	levels := make([]float64, len(hz))
	for i := range levels {
		levels[i] = level
	}
	return l.mixed(d, levels, hz)
}

func (l *line) mixed(d time.Duration, levels, hz []float64) *line {
	phase := make([]float64, len(hz))
	for i := range phase {
		phase[i] = l.rnd.Float64() * 2 * math.Pi
	}
	for n := range count(d) {
		var v float64
		for i, f := range hz {
			v += amplitude(levels[i]) * math.Sin(2*math.Pi*f*float64(n)/Rate+phase[i])
		}
		l.pcm = append(l.pcm, v)
	}
	return l
}

func (l *line) silence(d time.Duration) *line {
	l.pcm = append(l.pcm, make([]float64, count(d))...)
	return l
}

// key adds a digit whose tones are off by so many of their frequency, the column stronger by twist dB.
func (l *line) key(k byte, d time.Duration, level, off, twist float64) *line {
	at := 0
	for keys[at] != k {
		at++
	}
	return l.mixed(d, []float64{level - max(twist, 0), level + min(twist, 0)},
		[]float64{rows[at/4] * (1 + off), columns[at%4] * (1 + off)})
}

// noise adds white noise under all.
func (l *line) noise(dbm0 float64) *line {
	rms := math.Sqrt(dBm0) * math.Pow(10, dbm0/20)
	for i := range l.pcm {
		l.pcm[i] += l.rnd.NormFloat64() * rms
	}
	return l
}

// frames are it as a phone would send it, by G.711.
func (l *line) frames(law g711.Law) [][]int16 { return coded(l.samples(), law) }

func (l *line) samples() []int16 {
	out := make([]int16, len(l.pcm))
	for i, v := range l.pcm {
		out[i] = int16(min(max(v, math.MinInt16), math.MaxInt16))
	}
	return out
}

func coded(pcm []int16, law g711.Law) (frames [][]int16) {
	var b [Size]byte
	for len(pcm) >= Size {
		f := make([]int16, Size)
		law.Encode(b[:], pcm[:Size])
		law.Decode(f, b[:])
		frames, pcm = append(frames, f), pcm[Size:]
	}
	return frames
}

// keysIn are the digits that are found.
func keysIn(frames [][]int16) (found string) {
	var d Digits
	for _, f := range frames {
		if got, ok := d.Hear(f); ok {
			found += got.Key
		}
	}
	return found
}
