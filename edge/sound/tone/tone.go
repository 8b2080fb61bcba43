// Package tone computes the signals of a telephone network: ringback, busy, congestion, beep and silence, as one period of their
// cadence each, which may be repeated without a seam. It knows no players and no calls.
package tone

import (
	"maps"
	"math"
	"slices"
	"time"
)

// Rate is samples a second of everything computed here.
const Rate = 8000

// Plan is a country's set of tones.
type Plan string

// Plans. Europe is ITU-T E.180 with 425 Hz, US the precise tone plan of North America.
const (
	Europe Plan = "europe"
	US     Plan = "us"
)

// part is a piece of a cadence: frequencies sounded together, or none.
type part struct {
	hz []float64
	d  time.Duration
}

// level of each frequency, as a share of full scale: about -16 dBm0 for one alone.
const level = 0.16

// edge is the soft beginning and end of a part, against clicks.
const edge = 4 * time.Millisecond

var plans = map[Plan]map[string][]part{
	// ITU-T E.180, supplement 2, as most of Europe has it.
	Europe: {
		"ringback":   {{[]float64{425}, time.Second}, {nil, 4 * time.Second}},
		"busy":       {{[]float64{425}, 500 * time.Millisecond}, {nil, 500 * time.Millisecond}},
		"congestion": {{[]float64{425}, 250 * time.Millisecond}, {nil, 250 * time.Millisecond}},
		"beep":       {{[]float64{1000}, 300 * time.Millisecond}, {nil, 100 * time.Millisecond}},
		"silence":    {{nil, time.Second}},
	},
	US: {
		"ringback":   {{[]float64{440, 480}, 2 * time.Second}, {nil, 4 * time.Second}},
		"busy":       {{[]float64{480, 620}, 500 * time.Millisecond}, {nil, 500 * time.Millisecond}},
		"congestion": {{[]float64{480, 620}, 250 * time.Millisecond}, {nil, 250 * time.Millisecond}},
		"beep":       {{[]float64{1000}, 300 * time.Millisecond}, {nil, 100 * time.Millisecond}},
		"silence":    {{nil, time.Second}},
	},
}

// Names of the tones, sorted. Every plan has all of them.
func Names() []string { return slices.Sorted(maps.Keys(plans[Europe])) }

// Make computes one period of a tone. ok is false for an unknown name; an unknown plan is Europe.
func Make(plan Plan, name string) (samples []int16, ok bool) {
	tones, found := plans[plan]
	if !found {
		tones = plans[Europe]
	}
	parts, ok := tones[name]
	for _, p := range parts {
		samples = append(samples, sound(p.hz, p.d)...)
	}
	return samples, ok
}

// Sine computes a pure tone of d at a share of full scale (0-1), with soft edges.
func Sine(hz float64, d time.Duration, amplitude float64) []int16 {
	out := make([]int16, samplesOf(d))
	add(out, hz, amplitude)
	return out
}

func sound(hz []float64, d time.Duration) []int16 {
	out := make([]int16, samplesOf(d))
	for _, f := range hz {
		add(out, f, level)
	}
	return out
}

func add(out []int16, hz, amplitude float64) {
	for i := range out {
		v := amplitude * softness(i, len(out)) * math.Sin(2*math.Pi*hz*float64(i)/Rate)
		out[i] += int16(math.Round(v * math.MaxInt16))
	}
}

// softness is the envelope at sample i of n: a raised cosine at both ends.
func softness(i, n int) float64 {
	ramp := samplesOf(edge)
	near := min(i, n-1-i)
	if near >= ramp {
		return 1
	}
	return 0.5 - 0.5*math.Cos(math.Pi*float64(near)/float64(ramp))
}

func samplesOf(d time.Duration) int { return int(d * Rate / time.Second) }
