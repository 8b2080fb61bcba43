package tone

import (
	"strings"
	"testing"
	"time"

	"github.com/offhook/offhook/edge/media/g711"
)

const ms = time.Millisecond

// try is a digit on a line, at a moment that the frames know nothing of.
type try struct {
	long              time.Duration
	level, off, twist float64 // dBm0 of the stronger tone, share, dB
	noise             float64 // dBm0
}

func good() try { return try{long: 50 * ms, level: -10, noise: -60} }

// found is what comes of all keys, 10 times each: how many tries gave just the key, and how many gave anything.
func (a try) found() (right, any, of int) {
	for seed := range uint64(10) {
		for _, k := range []byte(keys) {
			l := newLine(seed)
			off := a.off * float64(1-2*int(seed%2))
			l.silence(60*ms+time.Duration(l.rnd.IntN(20000))*time.Microsecond).
				key(k, a.long, a.level, off, a.twist).silence(200 * ms).noise(a.noise)
			got := keysIn(l.frames([]g711.Law{g711.ULaw, g711.ALaw}[seed/2%2]))
			if of++; got == string(k) {
				right++
			}
			if got != "" {
				any++
			}
		}
	}
	return right, any, of
}

// The limits are those that ITU-T Q.24 lists for most administrations. Both laws, all keys.
func TestDigitsWithinTheLimitsAreTaken(t *testing.T) {
	for name, change := range map[string]func(*try){
		"plain":                            func(*try) {},
		"40 ms":                            func(a *try) { a.long = 40 * ms },
		"a second":                         func(a *try) { a.long = time.Second },
		"1.5 % and 2 Hz off":               func(a *try) { a.off = 0.018 },
		"the column 4 dB stronger":         func(a *try) { a.twist = 4 },
		"the row 8 dB stronger":            func(a *try) { a.twist = -8 },
		"loud":                             func(a *try) { a.level = 0 },
		"faint":                            func(a *try) { a.level, a.noise = -29, -70 },
		"15 dB over noise":                 func(a *try) { a.noise = -22 },
		"10 dB over noise":                 func(a *try) { a.noise = -17 },
		"40 ms, 1.5 % off, 20 dB, twisted": func(a *try) { a.long, a.off, a.twist, a.noise = 40*ms, 0.015, 4, -29 },
	} {
		a := good()
		change(&a)
		if right, _, of := a.found(); right != of {
			t.Errorf("%s: %d of %d", name, right, of)
		}
	}
}

func TestWhatIsBeyondTheLimitsIsNoDigit(t *testing.T) {
	for name, change := range map[string]func(*try){
		"20 ms":                     func(a *try) { a.long = 20 * ms },
		"3.5 % off":                 func(a *try) { a.off = 0.035 },
		"5 % off":                   func(a *try) { a.off = 0.05 },
		"the column 12 dB stronger": func(a *try) { a.twist = 12 },
		"the row 14 dB stronger":    func(a *try) { a.twist = -14 },
		"too faint":                 func(a *try) { a.level, a.noise = -45, -80 },
		"as loud as noise":          func(a *try) { a.noise = -7 },
	} {
		a := good()
		change(&a)
		if _, any, of := a.found(); any != 0 {
			t.Errorf("%s: %d of %d", name, any, of)
		}
	}
}

func TestShortGapsAreBridgedAndPausesSplit(t *testing.T) {
	for gap, times := range map[time.Duration]int{10 * ms: 1, 20 * ms: 1, 40 * ms: 2, 60 * ms: 2} {
		for seed := range uint64(40) {
			k := keys[seed%16]
			l := newLine(seed)
			l.silence(60*ms+time.Duration(l.rnd.IntN(20000))*time.Microsecond).key(k, 60*ms, -10, 0, 0).
				silence(gap).key(k, 60*ms, -10, 0, 0).silence(100 * ms)
			if got := keysIn(l.frames(g711.ULaw)); got != strings.Repeat(string(k), times) {
				t.Errorf("%v: %q", gap, got)
			}
		}
	}
}

func TestOneKeyAfterAnotherWithoutAPause(t *testing.T) {
	l := newLine(1).silence(50*ms).key('1', 80*ms, -10, 0, 0).key('6', 80*ms, -10, 0, 0).silence(100 * ms)
	if got := keysIn(l.frames(g711.ULaw)); got != "16" {
		t.Error(got)
	}
}

func TestDigitTellsHowLongItWas(t *testing.T) {
	for _, long := range []time.Duration{40 * ms, 100 * ms, 3 * time.Second} {
		var d Digits
		var got []Finding
		for _, f := range newLine(3).silence(53*ms).key('7', long, -10, 0, 0).silence(100 * ms).frames(g711.ULaw) {
			if one, ok := d.Hear(f); ok {
				got = append(got, one)
			}
		}
		if len(got) != 1 || got[0].Duration < long-15*ms || got[0].Duration > long+15*ms {
			t.Errorf("%v: %+v", long, got)
		}
	}
}

func TestOtherTonesAreNoDigits(t *testing.T) {
	for name, hz := range map[string][]float64{
		"dial": {350, 440}, "busy": {480, 620}, "ringback": {440, 480}, "CNG": {1100}, "row alone": {770}, "column alone": {1336},
		"two rows": {697, 941}, "two columns": {1209, 1477}, "three": {697, 1209, 1477}, "a digit and a voice": {770, 1336, 250, 300},
	} {
		if got := keysIn(newLine(2).sines(time.Second, -12, hz...).silence(100 * ms).frames(g711.ULaw)); got != "" {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestDigitsTakeFramesOfTheirSizeAlone(t *testing.T) {
	var d Digits
	for range 100 {
		if _, ok := d.Hear(make([]int16, 80)); ok {
			t.Fatal("taken")
		}
	}
}
