package tone

import "math"

// Busy and congestion sound for as long as they pause: 480 and 620 Hz in North America, one tone of 380 to 460 Hz nearly
// everywhere else (ITU-T E.180 supplement 2), each part from 0.16 to 0.6 s.
const (
	busyLow, busyHigh = 380, 460
	busyMin, busyMax  = 8, 30 // frames
	busyTurns         = 4     // parts of equal length: two tones and their pauses
	busyEven          = 4     // frames by which parts differ at most
)

var busyPair = [4]step{stepOf(480), stepOf(620), stepOf(350), stepOf(440)}

// busy counts parts.
type busy struct {
	on    bool
	part  int // frames of this one
	last  int // frames of the one before
	turns int // even parts
	loud  float64
	hz    float64
	told  bool

	unclear int // frames that are neither the tone nor quiet
}

func (b *busy) hear(s sine, pcm []int16) (Finding, bool) {
	if b.told {
		return Finding{}, false
	}
	hz, on := busyTone(s, pcm)
	if on {
		b.loud, b.hz = s.power, hz
	}
	b.part++
	switch {
	case !on && s.power > b.loud/10: // one such frame is the edge of a tone
		if b.unclear++; b.unclear > 1 {
			*b = busy{}
		}
		return Finding{}, false
	case on != b.on:
		b.turn(on)
	}
	b.unclear = 0
	if b.turns < busyTurns {
		return Finding{}, false
	}
	b.told = true
	return Finding{What: BusyTone, Hz: math.Round(b.hz), Confidence: 0.9}, true
}

// turn begins the next part and judges the one before.
func (b *busy) turn(on bool) {
	even := b.last == 0 || max(b.part-b.last, b.last-b.part) <= busyEven
	switch {
	case b.part < busyMin || b.part > busyMax:
		b.turns, b.part = 0, 0
	case even:
		b.turns++
	default:
		b.turns = 1
	}
	b.last, b.part, b.on = b.part, 0, on
}

func busyTone(s sine, pcm []int16) (hz float64, on bool) {
	switch {
	case s.power < minus45:
		return 0, false
	case s.purity > purest && s.hz > busyLow && s.hz < busyHigh:
		return s.hz, true
	case s.hz < 400 || s.hz > 800: // what two tones of 480 and 620 Hz taken as one lie between
		return 0, false
	}
	var x [window]float64
	all := weigh(&x, pcm)
	got := goertzel4(&x, &busyPair)
	low, high := powerOf(got[0]), powerOf(got[1])
	return 480, low+high > 0.8*all && low < 8*high && high < 8*low
}
