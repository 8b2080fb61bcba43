package wav

import (
	"bytes"
	"slices"
	"testing"
	"time"
)

// loud is the amplitude of a frequency at 16 kHz: amplitude counts samples of 8.
func loud(samples []int16, hz float64) float64 { return amplitude(samples, hz/2) }

func TestSoundKeepsWhatIsAbove4kHz(t *testing.T) {
	for _, rate := range []int{11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 96000} {
		for _, hz := range []float64{300, 3200, 6000} {
			if hz > float64(rate)/2*passband {
				continue
			}
			got, err := ReadSound(bytes.NewReader(file(1, 1, rate, 16, littleEndian(nil, sine(hz, rate, rate)))), Options{})
			if err != nil || !got.Wide() || got.Duration() != time.Second {
				t.Fatalf("%d Hz: %s of %d Hz, %v", rate, got.Duration(), got.Rate, err)
			}
			if a := loud(got.Samples, hz); a < 9800 || a > 10200 {
				t.Errorf("%d Hz: a tone of %v Hz at 10000 came out at %.0f", rate, hz, a)
			}
		}
	}
	for _, rate := range []int{24000, 44100, 48000} {
		s := Sound{Resample(sine(10000, rate, rate), rate, WideRate), WideRate} // would be heard at 6000 Hz
		if a := loud(s.Samples, 6000); a > 5 {
			t.Errorf("%d Hz: 10000 Hz folds back with %.1f of 10000", rate, a)
		}
	}
}

func TestSoundOf8kHzAndLessStays(t *testing.T) {
	for _, rate := range []int{4000, 6000, 8000} {
		got, err := ReadSound(bytes.NewReader(file(1, 1, rate, 16, littleEndian(nil, sine(300, rate, rate)))), Options{})
		if err != nil || got.Rate != Rate || len(got.Samples) != Rate {
			t.Errorf("%d Hz: %d samples of %d Hz, %v", rate, len(got.Samples), got.Rate, err)
		}
	}
}

func TestBoundsAreOfTimeAtAnyRate(t *testing.T) {
	for _, rate := range []int{8000, 16000, 48000} {
		b := file(1, 1, rate, 16, make([]byte, 2*rate))
		if _, err := ReadSound(bytes.NewReader(b), Options{MaxSamples: Rate}); err != nil {
			t.Errorf("%d Hz: a second: %v", rate, err)
		}
		if _, err := ReadSound(bytes.NewReader(b), Options{MaxSamples: Rate - 80}); err == nil {
			t.Errorf("%d Hz: more than 990 ms is taken", rate)
		}
	}
}

func TestASoundAtTheOtherRateIsTheSameTime(t *testing.T) {
	wide := Sound{sine(1000, WideRate, WideRate), WideRate}
	narrow := wide.At(Rate)
	if want := sine(1000, Rate, Rate); narrow.Rate != Rate || len(narrow.Samples) != len(want) {
		t.Fatalf("%d samples of %d Hz", len(narrow.Samples), narrow.Rate)
	} else {
		for i := 200; i < len(want)-200; i++ { // the filter is 64 samples long
			if d := int(narrow.Samples[i]) - int(want[i]); d < -30 || d > 30 {
				t.Fatalf("sample %d is %d, want %d", i, narrow.Samples[i], want[i])
			}
		}
	}
	if same := wide.At(WideRate); &same.Samples[0] != &wide.Samples[0] {
		t.Error("copied for nothing")
	}
}

func TestJoinedSoundsHaveTheHighestRate(t *testing.T) {
	low, high := Sound{make([]int16, 800), Rate}, Sound{slices.Repeat([]int16{7}, 1600), WideRate}
	if got := Join([]Sound{low, low}); got.Rate != Rate || len(got.Samples) != 1600 {
		t.Errorf("%d samples of %d Hz", len(got.Samples), got.Rate)
	}
	if got := Join([]Sound{low, high, low}); !got.Wide() || got.Duration() != 300*time.Millisecond || got.Samples[1599] != 0 || got.Samples[1600] != 7 || got.Samples[3200] != 0 {
		t.Errorf("%s of %d Hz", got.Duration(), got.Rate)
	}
	if got := Join(nil); got.Duration() != 0 {
		t.Errorf("%s of nothing", got.Duration())
	}
}
