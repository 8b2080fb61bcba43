package speech

import "math"

// Loudness of speech: engines differ by 10 dB and more, and a caller should not have to reach for the volume.
const (
	wantedDB  = -20.0 // dBFS, mean of what is no pause
	pauseDB   = -45.0
	mostGain  = 12.0 // dB
	peakLimit = 0.8  // of full scale
)

// level scales speech to the wanted loudness, without clipping.
func level(samples []int16) []int16 {
	rms, peak := measure(samples)
	if rms == 0 {
		return samples
	}
	gain := min(math.Pow(10, wantedDB/20)/rms, math.Pow(10, mostGain/20), peakLimit/peak)
	out := make([]int16, len(samples))
	for i, s := range samples {
		out[i] = int16(math.Round(float64(s) * gain))
	}
	return out
}

// measure gives both as shares of full scale. Pieces of 20 ms that are pauses do not count.
func measure(samples []int16) (rms, peak float64) {
	const piece = Rate / 50
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
