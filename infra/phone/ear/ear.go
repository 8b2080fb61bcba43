// Package ear tells what is heard in 8 kHz sound: how loud it is, where sound begins and ends, and which pure tones are in it.
// It keeps no sound, decodes none and recognises neither speech nor digits.
package ear

import (
	"math"
	"slices"
	"time"
)

// Rate of what is heard, samples a second.
const Rate = 8000

// Kind of an Event.
type Kind int

// Kinds.
const (
	Sound   Kind = iota + 1 // something is heard after silence
	Silence                 // nothing was heard for a second
)

// Event is told while listening.
type Event struct {
	Kind  Kind
	Level float64 // dBFS
}

// Tone is a pure tone of 300-3400 Hz, alone or with up to three others. Times are from the first sample heard, right to 50 ms.
type Tone struct {
	Hz       float64 // right to about 1 Hz
	From, To time.Duration
}

// Listen gives the tones and the loudness in dBFS of a whole recording.
func Listen(pcm []int16) (tones []Tone, loudness float64) {
	e := New(func(Event) {})
	e.Hear(pcm)
	return e.Tones(), e.Loudness()
}

// Floor is the level of silence, in dBFS.
const Floor = -96

// Hearing: levels every 50 ms, tones in windows of 100 ms that overlap by half. Bins are 10 Hz apart.
const (
	hop        = 400
	window     = 800
	binHz      = Rate / window
	lowBin     = 300 / binHz
	highBin    = 3400 / binHz
	lobe       = 2 // bins to each side that hold a tone under a Hann window
	maxTones   = 4 // at once
	pureEnough = 0.7
	toneShare  = 0.05
	toneHops   = 3  // windows in a row that make a tone
	sameTone   = 15 // Hz
	maxSpans   = 500

	soundDB    = -45
	silenceDB  = -50
	soundHops  = 2
	silentHops = 20
)

// Ear listens. It is for one goroutine.
type Ear struct {
	notice  func(Event)
	buf     []int16
	hops    int // heard so far
	loud    int // hops in a row
	quiet   int
	sound   bool
	energy  float64 // of the hops that were no silence
	counted int
	open    []*span
	closed  []span
	bins    [highBin + lobe + 1]float64
}

// span is a tone over hops.
type span struct {
	hz         float64
	first      int // hop of the first window
	last       int
	windowsHad int
}

// New makes an Ear. notice must not block.
func New(notice func(Event)) *Ear { return &Ear{notice: notice} }

// Hear takes samples in any pieces.
func (e *Ear) Hear(pcm []int16) {
	e.buf = append(e.buf, pcm...)
	for len(e.buf) >= window {
		level := decibels(e.buf[hop:window])
		e.level(level)
		if level > silenceDB {
			e.listen(e.buf[:window])
		}
		e.expire()
		e.hops++
		e.buf = append(e.buf[:0], e.buf[hop:]...)
	}
}

// decibels of full scale, of a full-scale square wave.
func decibels(pcm []int16) float64 {
	sum := 0.0
	for _, s := range pcm {
		sum += float64(s) * float64(s)
	}
	return fromPower(sum / float64(len(pcm)) / (1 << 30))
}

func fromPower(p float64) float64 {
	if p <= 0 {
		return Floor
	}
	return max(Floor, 10*math.Log10(p))
}

func (e *Ear) level(db float64) {
	if db > silenceDB {
		e.energy += math.Pow(10, db/10)
		e.counted++
		e.quiet = 0
	} else {
		e.quiet++
	}
	if e.loud++; db <= soundDB {
		e.loud = 0
	}
	switch {
	case !e.sound && e.loud >= soundHops:
		e.sound = true
		e.notice(Event{Sound, db})
	case e.sound && e.quiet >= silentHops:
		e.sound = false
		e.notice(Event{Silence, db})
	}
}

// Loudness is the level in dBFS of all that was no silence; Floor: there was nothing.
func (e *Ear) Loudness() float64 {
	if e.counted == 0 {
		return Floor
	}
	return math.Round(10*fromPower(e.energy/float64(e.counted))) / 10
}

// listen finds the pure tones of a window: up to four lines that hold nearly all of its energy.
func (e *Ear) listen(pcm []int16) {
	total := e.spectrum(pcm)
	var found []float64
	share := 0.0
	for range maxTones {
		k := e.strongest()
		part := e.lobeEnergy(k) * 2 / window / total // Parseval, one side
		if part < toneShare {
			break
		}
		found = append(found, e.frequency(k))
		share += part
		e.forget(k)
	}
	if share < pureEnough {
		return
	}
	for _, hz := range found {
		e.note(hz)
	}
}

// spectrum fills the bins with power under a Hann window, by Goertzel's recursion, and gives the window's energy.
func (e *Ear) spectrum(pcm []int16) (total float64) {
	var x [window]float64
	for i, s := range pcm {
		x[i] = float64(s) * hann[i]
		total += x[i] * x[i]
	}
	for k := lowBin - lobe; k < len(e.bins); k++ {
		coefficient := 2 * math.Cos(2*math.Pi*float64(k)/window)
		var s1, s2 float64
		for _, v := range x {
			s1, s2 = v+coefficient*s1-s2, s1
		}
		e.bins[k] = s1*s1 + s2*s2 - coefficient*s1*s2
	}
	return max(total, 1)
}

var hann = func() (w [window]float64) {
	for i := range w {
		w[i] = 0.5 - 0.5*math.Cos(2*math.Pi*float64(i)/window)
	}
	return w
}()

func (e *Ear) strongest() int {
	best := lowBin
	for k := lowBin; k <= highBin; k++ {
		if e.bins[k] > e.bins[best] {
			best = k
		}
	}
	return best
}

func (e *Ear) lobeEnergy(k int) (sum float64) {
	for i := k - lobe; i <= k+lobe; i++ {
		sum += e.bins[i]
	}
	return sum
}

// frequency refines a bin by a parabola through the logarithms of its neighbours.
func (e *Ear) frequency(k int) float64 {
	a, b, c := math.Log(e.bins[k-1]+1), math.Log(e.bins[k]+1), math.Log(e.bins[k+1]+1)
	shift := 0.0
	if d := a - 2*b + c; d < 0 {
		shift = max(-0.5, min(0.5, 0.5*(a-c)/d))
	}
	return (float64(k) + shift) * binHz
}

func (e *Ear) forget(k int) {
	for i := max(0, k-lobe); i <= min(len(e.bins)-1, k+lobe); i++ {
		e.bins[i] = 0
	}
}

// note lengthens a span or begins one.
func (e *Ear) note(hz float64) {
	for _, s := range e.open {
		if math.Abs(s.hz-hz) <= sameTone && s.last != e.hops {
			s.hz += (hz - s.hz) / float64(s.windowsHad+1)
			s.last = e.hops
			s.windowsHad++
			return
		}
	}
	e.open = append(e.open, &span{hz: hz, first: e.hops, last: e.hops, windowsHad: 1})
}

// expire closes the spans that were not heard for two windows.
func (e *Ear) expire() {
	e.open = slices.DeleteFunc(e.open, func(s *span) bool {
		if e.hops-s.last < 2 {
			return false
		}
		e.keep(*s)
		return true
	})
}

func (e *Ear) keep(s span) {
	if s.windowsHad >= toneHops && len(e.closed) < maxSpans {
		e.closed = append(e.closed, s)
	}
}

// Tones gives the tones heard so far, by beginning. It ends those that go on: hear nothing more after it.
func (e *Ear) Tones() []Tone {
	for _, s := range e.open {
		e.keep(*s)
	}
	e.open = nil
	slices.SortStableFunc(e.closed, func(a, b span) int { return a.first - b.first })
	out := make([]Tone, 0, len(e.closed))
	for _, s := range e.closed {
		out = append(out, Tone{Hz: math.Round(s.hz*10) / 10, From: middle(s.first), To: middle(s.last)})
	}
	return out
}

// middle of a window.
func middle(hops int) time.Duration { return time.Duration(hops*hop+window/2) * time.Second / Rate }
