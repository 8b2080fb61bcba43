package media

import "github.com/offhook/offhook/edge/media/halfband"

const wideFrame = 2 * frameSize // samples at 16 kHz

// sound is the frame of one source at both rates. The one that it did not come in is made when it is first asked for, once
// for all who hear it.
type sound struct {
	pcm   []int16 // as it came; nil: not here
	wide  bool    // it came at 16 kHz
	made  bool    // other is made of it
	gap   bool    // none was made of the frame before
	other [wideFrame]int16
	up    halfband.Up
	down  halfband.Down
}

// next begins another frame, which is not here yet.
func (s *sound) next() { s.pcm, s.gap, s.made = nil, !s.made, false }

func (s *sound) set(pcm []int16, wide bool) { s.pcm, s.wide = pcm[:min(len(pcm), wideFrame)], wide }

// at gives the frame in so many samples.
func (s *sound) at(size int) []int16 {
	if s.wide == (size == wideFrame) || s.pcm == nil {
		return s.pcm
	}
	if !s.made {
		s.made = true
		s.convert()
	}
	return s.other[:size]
}

// convert makes the other rate. Filters that heard nothing of the frame before begin anew.
func (s *sound) convert() {
	if s.gap {
		s.up, s.down = halfband.Up{}, halfband.Down{}
	}
	clear(s.other[:])
	if s.wide {
		s.down.Lower(s.other[:], s.pcm)
	} else {
		s.up.Raise(s.other[:], s.pcm[:min(len(s.pcm), frameSize)])
	}
}
