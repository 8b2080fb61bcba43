package wav

import (
	"math"
	"slices"
	"sync"
)

// The filter: a sinc of this many zero crossings to each side at the lower of both rates, under a Kaiser window. At 8 kHz out it
// passes 3.4 kHz flat and is down some 80 dB where sound would fold back into the telephone band.
const (
	crossings = 32
	kaiser    = 8.0
	passband  = 0.92 // of half the lower rate
	maxPhases = 640  // 8000 / gcd(8000, rate), twice as many to 16 kHz; all usual rates need at most 320
)

// phases is how many output instants there are between two input samples before the pattern repeats.
func phases(from, to int) int { return to / gcd(to, from) }

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// Resample turns mono samples of one rate into Rate or WideRate. Rates are those of Read; others give nil.
func Resample(samples []int16, from, to int) []int16 {
	if from == to {
		return slices.Clone(samples)
	}
	if from < minRate || from > maxRate || phases(from, Rate) > maxPhases {
		return nil
	}
	r := NewResampler(from, to)
	var in [4096]float32
	for piece := range slices.Chunk(samples, len(in)) {
		for i, s := range piece {
			in[i] = float32(s) / 32768
		}
		r.Write(in[:len(piece)])
	}
	return r.Finish()
}

// Resampler is a polyphase filter from a rate to another, fed in pieces.
type Resampler struct {
	filter [][]float32 // by phase; nil: rates are equal
	half   int         // taps to each side
	up     int         // phases
	down   int
	buf    []float32 // input, of which buf[0] is sample number first
	first  int
	next   int // number of the next output sample
	seen   int // input samples so far
	out    []int16
}

// NewResampler takes a rate of those that Read takes, as all that MP3 knows are, to Rate or WideRate.
func NewResampler(from, to int) *Resampler {
	r := &Resampler{up: phases(from, to), down: from / gcd(to, from)}
	if from != to {
		r.filter, r.half = filterOf(rates{from, to})
		r.buf = make([]float32, r.half) // silence before the beginning
		r.first = -r.half
	}
	return r
}

// Write takes mono samples of -1..1.
func (r *Resampler) Write(in []float32) {
	r.seen += len(in)
	if r.filter == nil {
		for _, v := range in {
			r.out = append(r.out, toInt16(float64(v)))
		}
		return
	}
	r.buf = append(r.buf, in...)
	r.drain()
}

// drain makes every output sample whose taps are all there, then lets go of input that no later one needs.
func (r *Resampler) drain() {
	for {
		at := r.next * r.down
		from := at/r.up - r.half + 1 - r.first
		if from+2*r.half > len(r.buf) {
			break
		}
		r.out = append(r.out, dot(r.filter[at%r.up], r.buf[from:]))
		r.next++
	}
	keep := min(len(r.buf), r.next*r.down/r.up-r.half+1-r.first)
	if keep > 0 {
		r.buf = append(r.buf[:0], r.buf[keep:]...)
		r.first += keep
	}
}

// Len is how many samples have been made so far.
func (r *Resampler) Len() int { return len(r.out) }

// Finish pushes the tail through and gives all that was made.
func (r *Resampler) Finish() []int16 {
	if r.filter == nil {
		return r.out
	}
	want := (r.seen*r.up + r.down - 1) / r.down
	r.buf = append(r.buf, make([]float32, 2*r.half+1)...)
	r.drain()
	r.out = r.out[:min(want, len(r.out))]
	return r.out
}

func dot(taps, in []float32) int16 {
	in = in[:len(taps)]
	var sum float32
	for i, t := range taps {
		sum += t * in[i]
	}
	return toInt16(float64(sum))
}

func toInt16(v float64) int16 {
	return int16(max(-32768, min(32767, math.Round(v*32768))))
}

// filters holds the tables of the rates seen, a few dozen kilobytes each.
var filters sync.Map // rates -> [][]float32

type rates struct{ from, to int }

// times is how much higher the one is that comes in.
func (r rates) times() float64 { return float64(r.from) / float64(r.to) }

func filterOf(r rates) (table [][]float32, half int) {
	half = halfTaps(r)
	if t, ok := filters.Load(r); ok {
		return t.([][]float32), half
	}
	table = makeFilter(r, half)
	filters.Store(r, table)
	return table, half
}

func halfTaps(r rates) int { return int(math.Ceil(crossings * max(1, r.times()))) }

// makeFilter computes the taps of every phase, each scaled to pass a constant unchanged.
func makeFilter(r rates, half int) [][]float32 {
	cutoff := passband * min(1, 1/r.times()) // of half the input rate
	table := make([][]float32, phases(r.from, r.to))
	for p := range table {
		taps := make([]float64, 2*half)
		sum, frac := 0.0, float64(p)/float64(len(table))
		for i := range taps {
			x := float64(i-half+1) - frac
			taps[i] = sinc(x*cutoff) * window(x/float64(half))
			sum += taps[i]
		}
		table[p] = scaled(taps, 1/sum)
	}
	return table
}

func scaled(taps []float64, by float64) []float32 {
	out := make([]float32, len(taps))
	for i, t := range taps {
		out[i] = float32(t * by)
	}
	return out
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

// window is Kaiser's, for x in -1..1.
func window(x float64) float64 {
	if x <= -1 || x >= 1 {
		return 0
	}
	return bessel(kaiser*math.Sqrt(1-x*x)) / bessel(kaiser)
}

// bessel is the modified Bessel function of order zero, by its series.
func bessel(x float64) float64 {
	sum, term := 1.0, 1.0
	for k := 1.0; term > sum*1e-12; k++ {
		term *= (x / 2 / k) * (x / 2 / k)
		sum += term
	}
	return sum
}
