package speech

import (
	"math"

	"github.com/offhook/offhook/edge/sound/wav"
)

// Loudness of speech: engines differ by 10 dB and more, and a caller should not have to reach for the volume.
const (
	wantedDB  = -20.0 // dBFS, mean of what is no pause
	pauseDB   = -45.0
	mostGain  = 12.0 // dB
	peakLimit = 0.8  // of full scale
)

// level scales speech to the wanted loudness, without clipping.
func level(s wav.Sound) wav.Sound {
	rms, peak := measure(s)
	if rms == 0 {
		return s
	}
	gain := min(math.Pow(10, wantedDB/20)/rms, math.Pow(10, mostGain/20), peakLimit/peak)
	out := make([]int16, len(s.Samples))
	for i, v := range s.Samples {
		out[i] = int16(math.Round(float64(v) * gain))
	}
	return wav.Sound{Samples: out, Rate: s.Rate}
}

// measure gives both as shares of full scale. Pieces of 20 ms that are pauses do not count.
func measure(s wav.Sound) (rms, peak float64) {
	samples, piece := s.Samples, s.Rate/50
	var energy, counted float64
	for at := 0; at < len(samples); at += piece {
		sum, n := 0.0, min(piece, len(samples)-at)
		for _, s := range samples[at : at+n] {
			v := math.Abs(float64(s)) / (1 << 15)
			sum += v * v
			peak = max(peak, v)
		}
		if 10*math.Log10(sum/float64(n)) > pauseDB {
			energy += sum
			counted += float64(n)
		}
	}
	if counted == 0 {
		return 0, peak
	}
	return math.Sqrt(energy / counted), peak
}
