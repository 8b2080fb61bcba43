package tone

import (
	"math"
	"slices"
	"testing"
	"time"
)

// power of one frequency in samples, as the amplitude's share of full scale.
func power(samples []int16, hz float64) float64 {
	var re, im float64
	for i, s := range samples {
		a := 2 * math.Pi * hz * float64(i) / Rate
		re += float64(s) * math.Cos(a)
		im += float64(s) * math.Sin(a)
	}
	return 2 * math.Hypot(re, im) / float64(len(samples)) / math.MaxInt16
}

func TestRingbackOfEuropeIsOneSecondOf425HzAndFourOfSilence(t *testing.T) {
	got, ok := Make(Europe, "ringback")
	if !ok || len(got) != 5*Rate {
		t.Fatalf("ok %v, %d samples", ok, len(got))
	}
	if p := power(got[:Rate], 425); p < 0.15 || p > 0.17 {
		t.Errorf("425 Hz at %.3f of full scale, want about 0.16", p)
	}
	if slices.ContainsFunc(got[Rate:], func(s int16) bool { return s != 0 }) {
		t.Error("the pause is not silent")
	}
}

func TestUSBusyIsTwoFrequenciesAtOnce(t *testing.T) {
	got, _ := Make(US, "busy")
	for _, hz := range []float64{480, 620} {
		if p := power(got[:Rate/2], hz); p < 0.15 {
			t.Errorf("%v Hz at %.3f of full scale", hz, p)
		}
	}
	if p := power(got[:Rate/2], 425); p > 0.02 {
		t.Errorf("425 Hz at %.3f in a US tone", p)
	}
}

func TestEveryPlanHasEveryTone(t *testing.T) {
	for plan := range plans {
		for _, name := range Names() {
			if got, ok := Make(plan, name); !ok || len(got) == 0 || len(got)%160 != 0 {
				t.Errorf("%s %s: ok %v, %d samples; want whole frames of 20 ms", plan, name, ok, len(got))
			}
		}
	}
}

func TestUnknownToneIsTold(t *testing.T) {
	if _, ok := Make(Europe, "dial-up"); ok {
		t.Error("a tone nobody defined was made")
	}
	if _, ok := Make("mars", "busy"); !ok {
		t.Error("an unknown plan must fall back to Europe")
	}
}

func TestTonesBeginAndEndWithoutAClick(t *testing.T) {
	got := Sine(1000, 100*time.Millisecond, 0.5)
	if got[0] != 0 || got[1] > 200 || got[len(got)-1] > 200 {
		t.Errorf("edges %d %d %d", got[0], got[1], got[len(got)-1])
	}
}
