package tone

import "math"

// voice tells frames in which somebody speaks from the quiet between, by their power over that of the line at rest.
type voice struct {
	low    float64 // least power of a frame since turned
	before float64 // least power in the span before that
	turned int     // frame
	spoken int     // frames in a row over it
	quiet  int     // frames in a row since somebody spoke
	first  int     // frame at which speech began; 0: not yet
	last   int     // frame at which it was heard last
	now    int     // frames
}

const (
	overFloor = 6  // 7.8 dB
	span      = 50 // frames: between words it is quiet that often
	click     = 3  // frames that are no speech yet
)

// hear takes a frame; tonal ones are tones, whatever their power.
func (v *voice) hear(s sine, tonal bool) {
	if v.now == 0 {
		v.low, v.before = math.MaxFloat64, math.MaxFloat64
	}
	if v.now++; v.now-v.turned > span {
		v.before, v.low, v.turned = v.low, math.MaxFloat64, v.now
	}
	v.low = min(v.low, s.power)
	floor := min(v.low, v.before, minus36)
	if v.quiet++; tonal || s.power < max(floor*overFloor, minus45) {
		v.spoken = 0
		return
	}
	if v.spoken++; v.spoken < click {
		return
	}
	v.quiet, v.last = 0, v.now
	if v.first == 0 {
		v.first = v.now - v.spoken + 1
	}
}

// greeting is how many frames it took from the first word to the last.
func (v *voice) greeting() int {
	if v.first == 0 {
		return 0
	}
	return v.last - v.first + 1
}
