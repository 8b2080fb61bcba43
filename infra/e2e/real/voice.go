package real

import (
	"math"
	"math/rand/v2"
	"os"
	"testing"
	"time"
)

// Voice is something like speech, the same for the same seed: syllables of a gliding pitch from 90 to 260 Hz through two
// moving formants, hissing consonants between them, pauses between words. No part of it is like another, so that what was
// heard is found again in what was said.
func Voice(seed uint64, length time.Duration) []int16 {
	v := &voice{rnd: rand.New(rand.NewPCG(seed, 7)), pcm: make([]int16, 0, int(length.Seconds()*rate))}
	for n := cap(v.pcm); len(v.pcm) < n; {
		for range 2 + v.rnd.IntN(3) {
			v.hiss(v.span(40, 90))
			v.vowel(v.span(120, 260))
		}
		v.rest(v.span(60, 250))
	}
	return v.pcm[:cap(v.pcm):cap(v.pcm)]
}

type voice struct {
	rnd   *rand.Rand
	pcm   []int16
	phase float64
}

// span is a number of samples between so many milliseconds.
func (v *voice) span(from, to int) int { return (from + v.rnd.IntN(to-from)) * rate / 1000 }

func (v *voice) add(s float64) {
	if len(v.pcm) < cap(v.pcm) {
		v.pcm = append(v.pcm, int16(s))
	}
}

func (v *voice) rest(n int) {
	for range n {
		v.add(10 * v.rnd.NormFloat64())
	}
}

// hiss is noise without its low part, as in an s.
func (v *voice) hiss(n int) {
	last := 0.0
	for i := range n {
		x := v.rnd.NormFloat64()
		v.add(700 * (x - last) * math.Sin(math.Pi*float64(i)/float64(n)))
		last = x
	}
}

func (v *voice) vowel(n int) {
	pitch, glide := 90+170*v.rnd.Float64(), 0.7+0.6*v.rnd.Float64()
	first, second := 300+500*v.rnd.Float64(), 900+1400*v.rnd.Float64()
	for i := range n {
		part := float64(i) / float64(n)
		hz := pitch * math.Pow(glide, part)
		v.phase += 2 * math.Pi * hz / rate
		s := 0.0
		for h := 1.0; h*hz < 3400; h++ {
			s += formed(h*hz, first, second) * math.Sin(h*v.phase+h*h)
		}
		v.add(2600 * math.Sin(math.Pi*math.Sqrt(part)) * s)
	}
}

// formed is the loudness of a harmonic beside two formants.
func formed(hz, first, second float64) float64 {
	near := func(at, width float64) float64 { return 1 / (1 + (hz-at)*(hz-at)/(width*width)) }
	return 0.05 + near(first, 90) + 0.5*near(second, 130)
}

// WriteULaw writes sound as bare PCMU.
func WriteULaw(t *testing.T, path string, pcm []int16) {
	t.Helper()
	code := make([]byte, len(pcm))
	for i, v := range pcm {
		code[i] = compress(v)
	}
	must(t, os.WriteFile(path, code, 0o644))
}

// compress codes a sample by G.711's definition, apart from the product's tables.
func compress(v int16) byte {
	sign, s := byte(0), int(v)
	if s < 0 {
		sign, s = 0x80, -s
	}
	s = min(s, 32635) + 132
	e := 7
	for ; e > 0 && s&0x4000 == 0; e-- {
		s <<= 1
	}
	return ^(sign | byte(e<<4) | byte(s>>10&15))
}
