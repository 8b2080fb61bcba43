package ear

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// tones adds sines of equal strength for d.
func tones(d time.Duration, hz ...float64) []int16 {
	out := make([]int16, int(d*Rate/time.Second))
	for i := range out {
		for _, f := range hz {
			out[i] += int16(4000 * math.Sin(2*math.Pi*f*float64(i)/Rate))
		}
	}
	return out
}

func near(a, b time.Duration) bool { return max(a-b, b-a) <= 60*time.Millisecond }

func TestToneIsNamedToAHertzWithItsTimes(t *testing.T) {
	for _, hz := range []float64{300, 425, 697, 1234.5, 3399} {
		pcm := append(make([]int16, Rate/2), tones(time.Second, hz)...)
		got, db := Listen(append(pcm, make([]int16, Rate)...))
		if len(got) != 1 || math.Abs(got[0].Hz-hz) > 1 || !near(got[0].From, 500*time.Millisecond) || !near(got[0].To, 1500*time.Millisecond) {
			t.Errorf("%v Hz: %v", hz, got)
		}
		if math.Abs(db-(-21.3)) > 1 {
			t.Errorf("%v Hz: %.1f dBFS", hz, db)
		}
	}
}

func TestTonesAtOnceAreToldApart(t *testing.T) {
	got, _ := Listen(tones(time.Second, 440, 480, 1000, 2500))
	want := []float64{440, 480, 1000, 2500}
	if len(got) != len(want) {
		t.Fatalf("%v", got)
	}
	for _, hz := range want {
		found := false
		for _, g := range got {
			found = found || math.Abs(g.Hz-hz) < 2
		}
		if !found {
			t.Errorf("%v Hz is not in %v", hz, got)
		}
	}
}

func TestTonesThatFollowEachOtherAreSpansOfTheirOwn(t *testing.T) {
	pcm := append(tones(400*time.Millisecond, 500), tones(400*time.Millisecond, 900)...)
	pcm = append(append(pcm, make([]int16, Rate/2)...), tones(400*time.Millisecond, 500)...)
	got, _ := Listen(pcm)
	if len(got) != 3 || math.Abs(got[0].Hz-500) > 1 || math.Abs(got[1].Hz-900) > 1 || math.Abs(got[2].Hz-500) > 1 {
		t.Errorf("%v", got)
	}
}

func TestNoiseAndQuietSoundHaveNoTones(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	noise := make([]int16, 2*Rate)
	for i := range noise {
		noise[i] = int16(random.IntN(16000) - 8000)
	}
	if got, _ := Listen(noise); len(got) != 0 {
		t.Errorf("noise: %v", got)
	}
	faint := tones(time.Second, 500)
	for i := range faint {
		faint[i] /= 100
	}
	if got, db := Listen(faint); len(got) != 0 || db != Floor {
		t.Errorf("faint: %v, %v dBFS", got, db)
	}
}

func TestSoundAndSilenceAreToldOnceEach(t *testing.T) {
	var kinds []Kind
	e := New(func(ev Event) { kinds = append(kinds, ev.Kind) })
	for range 2 {
		e.Hear(tones(time.Second, 600))
		e.Hear(make([]int16, 3*Rate/2))
	}
	if want := []Kind{Sound, Silence, Sound, Silence}; len(kinds) != 4 || [4]Kind(kinds) != [4]Kind(want) {
		t.Errorf("%v", kinds)
	}
}

func TestPiecesOfAnySizeAreHeardTheSame(t *testing.T) {
	pcm := tones(time.Second, 777)
	want, _ := Listen(pcm)
	e := New(func(Event) {})
	for len(pcm) > 0 {
		n := min(len(pcm), 37)
		e.Hear(pcm[:n])
		pcm = pcm[n:]
	}
	if got := e.Tones(); len(got) != 1 || got[0] != want[0] {
		t.Errorf("%v, want %v", got, want)
	}
}
