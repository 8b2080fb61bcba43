package sim

import (
	"math"
	"strconv"
	"time"
)

// dice decides everything that is left to chance: by a hash of the seed and of the thing decided, never by a shared
// random source, so that a decision does not depend on what else happens and a seed always repeats.
type dice uint64

// roll gives 64 bits for a thing.
func (d dice) roll(thing ...string) uint64 {
	h := uint64(14695981039346656037) ^ uint64(d)*0x9E3779B97F4A7C15
	for _, part := range thing {
		for i := range len(part) {
			h = (h ^ uint64(part[i])) * 1099511628211
		}
		h = (h ^ 0xff) * 1099511628211
	}
	return mix(h)
}

// mix spreads every bit over all (the finaliser of SplitMix64).
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xBF58476D1CE4E5B9
	x = (x ^ x>>27) * 0x94D049BB133111EB
	return x ^ x>>31
}

// chance is true for a share of things, 0-1.
func (d dice) chance(share float64, thing ...string) bool {
	return share > 0 && float64(d.roll(thing...)) < share*math.MaxUint64
}

// pick gives a number in [0, n).
func (d dice) pick(n int, thing ...string) int { return int(d.roll(thing...) % uint64(n)) }

// span gives a time in [least, most), to the nanosecond: no two things happen at the same instant by accident.
func (d dice) span(least, most time.Duration, thing ...string) time.Duration {
	return least + time.Duration(d.roll(thing...)%uint64(most-least))
}

// weighted gives an index with a probability by its weight.
func (d dice) weighted(weights []int, thing ...string) int {
	sum := 0
	for _, w := range weights {
		sum += w
	}
	n := d.pick(sum, thing...)
	for i, w := range weights {
		if n -= w; n < 0 {
			return i
		}
	}
	return 0
}

func text(n int) string { return strconv.Itoa(n) }
