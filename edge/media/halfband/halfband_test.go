package halfband

import (
	"math"
	"testing"
)

// sine of a second.
func sine(rate, hz float64) []int16 {
	pcm := make([]int16, int(rate))
	for i := range pcm {
		pcm[i] = int16(math.Round(10000 * math.Sin(2*math.Pi*hz*float64(i)/rate)))
	}
	return pcm
}

// level of a frequency in the middle of a sound, in dB below the sine.
func level(pcm []int16, rate, hz float64) float64 {
	var re, im float64
	part := pcm[len(pcm)/4 : len(pcm)*3/4]
	for i, v := range part {
		s, c := math.Sincos(2 * math.Pi * hz * float64(i) / rate)
		re, im = re+float64(v)*c, im+float64(v)*s
	}
	return 20 * math.Log10(math.Max(math.Hypot(re, im)*2/float64(len(part))/10000, 1e-6))
}

func raise(pcm []int16, frame int) []int16 {
	var u Up
	out := make([]int16, 2*len(pcm))
	for i := 0; i < len(pcm); i += frame {
		u.Raise(out[2*i:], pcm[i:min(i+frame, len(pcm))])
	}
	return out
}

func lower(pcm []int16, frame int) []int16 {
	var d Down
	out := make([]int16, len(pcm)/2)
	for i := 0; i < len(pcm); i += frame {
		d.Lower(out[i/2:], pcm[i:min(i+frame, len(pcm))])
	}
	return out
}

func TestRaisingKeepsTheSoundAndAddsNoImage(t *testing.T) {
	for _, hz := range []float64{100, 1000, 2000, 3000, 3400} {
		out := raise(sine(8000, hz), 160)
		if l := level(out, 16000, hz); math.Abs(l) > 0.5 {
			t.Errorf("%v Hz: %.1f dB", hz, l)
		}
		if l := level(out, 16000, 8000-hz); l > -55 {
			t.Errorf("%v Hz: its image at %v has %.1f dB", hz, 8000-hz, l)
		}
	}
}

func TestLoweringKeepsTheTelephoneBandAndFoldsNothingBack(t *testing.T) {
	for _, hz := range []float64{100, 1000, 2000, 3000, 3400} {
		if l := level(lower(sine(16000, hz), 320), 8000, hz); math.Abs(l) > 0.5 {
			t.Errorf("%v Hz: %.1f dB", hz, l)
		}
	}
	for _, hz := range []float64{4600, 5000, 6000, 7000} {
		if l := level(lower(sine(16000, hz), 320), 8000, 8000-hz); l > -55 {
			t.Errorf("%v Hz: heard at %v with %.1f dB", hz, 8000-hz, l)
		}
	}
}

func TestFramesOfAnySizeGiveTheSame(t *testing.T) {
	narrow, wide := sine(8000, 900), sine(16000, 900)
	up, down := raise(narrow, 160), lower(wide, 320)
	for _, n := range []int{1, 7, 80, 161, 480, 8000} {
		for i, v := range raise(narrow, n) {
			if v != up[i] {
				t.Fatalf("raised by %d: sample %d is %d, not %d", n, i, v, up[i])
			}
		}
		for i, v := range lower(wide, 2*n) {
			if v != down[i] {
				t.Fatalf("lowered by %d: sample %d is %d, not %d", 2*n, i, v, down[i])
			}
		}
	}
}

func TestTheLoudestSoundIsLimited(t *testing.T) {
	square := make([]int16, 800)
	for i := range square {
		if square[i] = math.MaxInt16; i/8%2 == 0 {
			square[i] = math.MinInt16
		}
	}
	for _, out := range [][]int16{raise(square, 160), lower(square, 160)} {
		for i := 1; i < len(out); i++ {
			if d := int(out[i]) - int(out[i-1]); d > math.MaxUint16*9/10 {
				t.Fatalf("sample %d jumps by %d", i, d)
			}
		}
	}
}

func BenchmarkRaise(b *testing.B) {
	var u Up
	src, dst := sine(8000, 500)[:160], make([]int16, 320)
	b.ReportAllocs()
	for b.Loop() {
		u.Raise(dst, src)
	}
}

func BenchmarkLower(b *testing.B) {
	var d Down
	src, dst := sine(16000, 500)[:320], make([]int16, 160)
	b.ReportAllocs()
	for b.Loop() {
		d.Lower(dst, src)
	}
}
