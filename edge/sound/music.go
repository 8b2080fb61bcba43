package sound

import (
	"math"
	"time"

	"github.com/offhook/offhook/edge/sound/wav"
)

// musicName is the built-in music on hold.
const musicName = "music"

// The piece: eight bars of four seconds, a soft chord under a slow line of plucked notes, written for this project.
const (
	barTime   = 4 * time.Second
	beats     = 8 // plucked notes a bar
	musicPeak = 0.20
)

// chords of the bars, as MIDI notes, and the order in which they are plucked an octave above.
var (
	chords = [][4]int{
		{48, 55, 60, 64}, {45, 52, 60, 67}, {53, 57, 60, 64}, {43, 50, 59, 62},
		{48, 55, 62, 64}, {52, 55, 59, 67}, {53, 57, 60, 69}, {43, 53, 59, 62},
	}
	plucks = [beats]int{1, 2, 3, 2, 1, 3, 2, -1} // -1 rests
)

// score is a circle of sound: what rings beyond the end goes on at the beginning, so that it repeats without a seam.
type score []float64

// music computes the built-in music on hold, 32 s at 8 kHz.
func music() []int16 {
	bar := int(barTime * wav.Rate / time.Second)
	s := make(score, bar*len(chords))
	for i, chord := range chords {
		for _, note := range chord {
			s.pad(i*bar, bar+bar/4, pitch(note))
		}
		for beat, n := range plucks {
			if n >= 0 {
				s.pluck(i*bar+beat*bar/beats, pitch(chord[n]+12))
			}
		}
	}
	return s.samples()
}

func pitch(midi int) float64 { return 440 * math.Pow(2, float64(midi-69)/12) }

// pad adds a note that swells and fades over n samples.
func (s score) pad(at, n int, hz float64) {
	s.note(at, n, hz, []float64{1, 0.35, 0.12}, func(t float64) float64 {
		return 0.5 * math.Pow(math.Sin(math.Pi*t), 2)
	})
}

// pluck adds a note that begins softly and rings out.
func (s score) pluck(at int, hz float64) {
	s.note(at, 2*wav.Rate, hz, []float64{1, 0.22, 0.08, 0.03}, func(t float64) float64 {
		return min(1, t*100) * math.Exp(-5*t) * (1 - t)
	})
}

// note adds harmonics under an envelope of t in 0-1.
func (s score) note(at, n int, hz float64, harmonics []float64, envelope func(t float64) float64) {
	for h, amplitude := range harmonics {
		step := 2 * math.Pi * hz * float64(h+1) / wav.Rate
		for i := range n {
			s[(at+i)%len(s)] += amplitude * envelope(float64(i)/float64(n)) * math.Sin(step*float64(i))
		}
	}
}

// samples scales to a quiet level.
func (s score) samples() []int16 {
	peak := 0.0
	for _, v := range s {
		peak = max(peak, math.Abs(v))
	}
	out := make([]int16, len(s))
	for i, v := range s {
		out[i] = int16(v / peak * musicPeak * math.MaxInt16)
	}
	return out
}
