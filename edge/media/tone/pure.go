package tone

import "math"

// sine is a frame taken as one sine in white noise.
type sine struct {
	power  float64 // mean square
	hz     float64
	purity float64 // share of the power that is the sine
}

// measure fits x[n-1] + x[n+1] = 2 cos(w) x[n], which a sine of frequency w fulfils, and takes what is left for noise.
// Noise makes the first answer too flat, so its share is taken out.
func measure(pcm []int16) sine {
	var mid, cross, sides int64
	for i := 2; i < len(pcm); i++ {
		x, y := int64(pcm[i-1]), int64(pcm[i-2])+int64(pcm[i])
		mid += x * x
		cross += x * y
		sides += y * y
	}
	if mid == 0 {
		return sine{}
	}
	a, b, d := float64(mid), float64(cross), float64(sides)
	c := b / (2 * a)
	noise := min(max(d-b*b/a, 0)/(2+4*c*c), a)
	s := sine{power: a / float64(len(pcm)-2), purity: 1 - noise/a}
	if c = b / (2 * max(a-noise, 1)); c < 1 && c > -1 {
		s.hz = math.Acos(c) * Rate / (2 * math.Pi)
	}
	if s.purity > purest { // low sounds of any kind fit as well
		s.purity = portion(pcm, s.hz)
	}
	return s
}

// portion is the part of a frame's power that lies about a frequency.
func portion(pcm []int16, hz float64) float64 {
	var x [window]float64
	all := weigh(&x, pcm)
	at := stepOf(hz)
	return powerOf(goertzel(&x, &at)) / max(all, 1)
}

// steady follows one sine that goes on.
type steady struct {
	hz     float64 // mean
	top    float64 // power of its loudest frame
	energy float64
	heard  int // frames
	missed int // frames in a row without it
	after  float64
}

const (
	purest   = 0.75
	breaks   = 2 // frames without it that end it; a phase reversal (ITU-T V.25) spoils one
	sameTone = 0.03
)

// hear takes a frame. ended is the tone that was, once, when it is over.
func (t *steady) hear(s sine) (ended steady, over bool) {
	ok := s.purity > purest && s.power > minus36
	if ok && t.heard > 0 && math.Abs(s.hz-t.hz) < sameTone*t.hz {
		t.hz += (s.hz - t.hz) / float64(min(t.heard+1, 25))
		t.heard += t.missed + 1
		t.energy, t.top, t.missed = t.energy+s.power, max(t.top, s.power), 0
		return steady{}, false
	}
	if t.heard > 0 {
		if t.missed++; t.missed < breaks {
			return steady{}, false
		}
		t.after = s.power
		ended, over = *t, true
	}
	*t = steady{}
	if ok {
		*t = steady{hz: s.hz, heard: 1, energy: s.power, top: s.power}
	}
	return ended, over
}

// ms is how long it lasted. The first and the last frame count as much as they are filled.
func (t *steady) ms() float64 {
	if t.top == 0 {
		return 0
	}
	return min(t.energy/t.top, float64(t.heard)) * 1000 * Size / Rate
}

// quiet: what came after it is much fainter.
func (t *steady) quiet() bool { return t.after < t.top/30 }
