package wav

import (
	"slices"
	"time"
)

// WideRate is kept where the source has more than Rate.
const WideRate = 2 * Rate

// Sound is mono samples, Rate or WideRate of them a second.
type Sound struct {
	Samples []int16
	Rate    int
}

// Wide says that it has more than 8 kHz can.
func (s Sound) Wide() bool { return s.Rate == WideRate }

// Duration of all of it.
func (s Sound) Duration() time.Duration {
	return time.Duration(len(s.Samples)) * time.Second / time.Duration(max(s.Rate, 1))
}

// At is the sound at Rate or WideRate; the samples are shared if it has that one already.
func (s Sound) At(rate int) Sound {
	if s.Rate == rate {
		return s
	}
	return Sound{Resample(s.Samples, s.Rate, rate), rate}
}

// Join puts sounds together, at the highest of their rates.
func Join(parts []Sound) Sound {
	all := Sound{Rate: Rate}
	if slices.ContainsFunc(parts, Sound.Wide) {
		all.Rate = WideRate
	}
	for _, p := range parts {
		all.Samples = append(all.Samples, p.At(all.Rate).Samples...)
	}
	return all
}

// RateFor tells at which rate a source of another one is kept.
func RateFor(rate int) int {
	if rate > Rate {
		return WideRate
	}
	return Rate
}
