package real

import (
	"testing"
	"time"
)

// behind is what was said, so many samples later.
func behind(pcm []int16, n int) []int16 {
	return append(append(make([]int16, n), pcm...), make([]int16, rate)...)
}

func TestQualityIsThatOfWhatWasHeard(t *testing.T) {
	said := Voice(1, 7*time.Second)
	cut := func(part int) []int16 { // each so-manieth packet is silent
		heard := behind(said, 700)
		for at := 0; at+160*part <= len(heard); at += 160 * part {
			clear(heard[at : at+160])
		}
		return heard
	}
	stretched := behind(said, 700)
	stretched = append(stretched[:4*rate:4*rate], stretched[4*rate-120:]...)
	for name, c := range map[string]struct {
		heard []int16
		good  func(Quality) bool
	}{
		"later":         {behind(said, 700), func(q Quality) bool { return q.SNR > 34.9 && q.Bark < 0.01 && q.Hurt+q.Silent == 0 && q.Delay == 0 }},
		"stretched":     {stretched, func(q Quality) bool { return q.SNR > 34 && q.Hurt < 0.02 && q.Delay > 14 && q.Delay < 16 }},
		"5 % cut out":   {cut(20), func(q Quality) bool { return q.SNR < 33 && q.Hurt > 0.05 && q.Hurt < 0.15 }},
		"20 % cut out":  {cut(5), func(q Quality) bool { return q.SNR < 27 && q.Hurt > 0.2 }},
		"another voice": {behind(Voice(2, 7*time.Second), 700), func(q Quality) bool { return q.SNR < 5 && q.Hurt > 0.7 }},
		"nothing":       {make([]int16, 9*rate), func(q Quality) bool { return q.Silent == 1 && q.Hurt == 1 }},
	} {
		if q := Compare(said, c.heard); !c.good(q) {
			t.Errorf("%s: %v", name, q)
		} else {
			t.Logf("%s: %v", name, q)
		}
	}
}

func TestNetworkDoesWhatItSaysAndTheSameAgain(t *testing.T) {
	n := Network{Seed: 5, Loss: 0.05}
	lost := 0
	for i := range uint64(100_000) {
		if n.draw(i, 0) < n.Loss {
			lost++
		}
		if n.draw(i, 3) != n.draw(i, 3) || n.draw(i, 0) == n.draw(i, 1) {
			t.Fatal("not settled by number and purpose")
		}
	}
	if lost < 4700 || lost > 5300 {
		t.Errorf("%d of 100,000 lost", lost)
	}
}
