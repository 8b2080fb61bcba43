package g722

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"testing"
)

// The sums were taken of what spandsp 0.0.6 makes of the same sound: first the codes, then what they are decoded to. Of
// any bytes it decodes all but 105 samples the same: those overflow there, and are limited here.
const (
	codesSum   = "af06f20c67a8f577c07d2a34fdab40de2ed6563731ef776e3b241732d578956f"
	decodedSum = "a3fad906d1c548f6cdcfd3dc9affd5c213fda7d9a142cbf559b81e5289d68559"
	anySum     = "3f345c11aff31f592b5ad824b7356b48c1197030d0e4dddddd3bee7c8878d554"
)

// chance is a row of numbers that is the same everywhere.
type chance uint32

func (c *chance) next() int {
	*c = (*c*1103515245 + 12345) & 0x7fffffff
	return int(*c)
}

// din is four seconds of noise that swells beyond the scale, and of sweeps with a little noise.
func din() []int16 {
	pcm, c := make([]int16, 4*Rate), chance(1)
	for i := range pcm {
		noise := c.next()>>15 - 32768
		v := floor(noise*(i*5%33000), 65536)
		if i/8000%2 == 1 {
			v = floor(floor(noise, 8)*(i%4000), 4000) + floor((i*i/7%16384-8192)*(i%3000), 3000)
		}
		pcm[i] = int16(min(max(v, math.MinInt16), math.MaxInt16))
	}
	return pcm
}

func floor(a, b int) int { return int(math.Floor(float64(a) / float64(b))) }

func sum(pcm []int16) string {
	h := sha256.New()
	_ = binary.Write(h, binary.LittleEndian, pcm)
	return hex.EncodeToString(h.Sum(nil))
}

func TestCodesAndSoundAreThoseOfAnotherImplementation(t *testing.T) {
	pcm := din()
	codes, back := make([]byte, len(pcm)/2), make([]int16, len(pcm))
	e, d := NewEncoder(), NewDecoder()
	for i := 0; i < len(codes); i += 160 {
		e.Encode(codes[i:i+160], pcm[2*i:2*i+320])
		d.Decode(back[2*i:2*i+320], codes[i:i+160])
	}
	if got := sha256.Sum256(codes); hex.EncodeToString(got[:]) != codesSum {
		t.Errorf("codes: %x", got)
	}
	if got := sum(back); got != decodedSum {
		t.Errorf("sound: %s", got)
	}
}

func TestAnyBytesAreDecodedAsElsewhere(t *testing.T) {
	codes, c := make([]byte, 16000), chance(7)
	for i := range codes {
		codes[i] = byte(c.next() >> 16)
	}
	pcm := make([]int16, 2*len(codes))
	if NewDecoder().Decode(pcm, codes); sum(pcm) != anySum {
		t.Error(sum(pcm))
	}
}

// tone is a second of a sine.
func tone(hz, level float64) []int16 {
	pcm := make([]int16, Rate)
	for i := range pcm {
		pcm[i] = int16(level * math.Sin(2*math.Pi*hz*float64(i)/Rate))
	}
	return pcm
}

// power of a frequency in the second half of a sound, of the whole power.
func power(pcm []int16, hz float64) float64 {
	var re, im, all float64
	half := pcm[len(pcm)/2:]
	for i, v := range half {
		s, c := math.Sincos(2 * math.Pi * hz * float64(i) / Rate)
		re, im, all = re+float64(v)*c, im+float64(v)*s, all+float64(v)*float64(v)
	}
	return 2 * (re*re + im*im) / float64(len(half)) / all
}

func TestTonesOfBothBandsAreKept(t *testing.T) {
	for _, hz := range []float64{60, 440, 1000, 3400, 4600, 5500, 6800} {
		pcm := tone(hz, 8000)
		codes, back := make([]byte, len(pcm)/2), make([]int16, len(pcm))
		NewEncoder().Encode(codes, pcm)
		NewDecoder().Decode(back, codes)
		if p := power(back, hz); p < 0.98 {
			t.Errorf("%v Hz: %.3f of the power is left", hz, p)
		}
	}
}

func TestSilenceStaysSilent(t *testing.T) {
	codes, back := make([]byte, 8000), make([]int16, 16000)
	NewEncoder().Encode(codes, make([]int16, 16000))
	NewDecoder().Decode(back, codes)
	for i, v := range back {
		if max(v, -v) > 8 {
			t.Fatalf("sample %d is %d", i, v)
		}
	}
}

func TestDecoderRecoversFromLoss(t *testing.T) {
	pcm := tone(1000, 8000)
	codes, back := make([]byte, len(pcm)/2), make([]int16, len(pcm))
	NewEncoder().Encode(codes, pcm)
	d := NewDecoder()
	d.Decode(back, codes[:2000])
	d.Decode(back[4000:], codes[2160:]) // 20 ms are gone
	if p := power(back[:len(back)-320], 1000); p < 0.98 {
		t.Errorf("%.3f of the power is left", p)
	}
}

func TestShortBuffersEndEarly(t *testing.T) {
	codes, pcm := make([]byte, 4), make([]int16, 5)
	if n := NewEncoder().Encode(codes, pcm); n != 2 {
		t.Errorf("%d codes of 5 samples", n)
	}
	if n := NewDecoder().Decode(pcm, codes); n != 4 {
		t.Errorf("%d samples in room for 5", n)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte{0, 255, 127, 128})
	f.Fuzz(func(t *testing.T, b []byte) {
		pcm := make([]int16, 2*len(b))
		if n := NewDecoder().Decode(pcm, b); n != len(pcm) {
			t.Fatal(n)
		}
		if n := NewEncoder().Encode(b, pcm); n != len(b) {
			t.Fatal(n)
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	pcm, codes, e := din(), make([]byte, 160), NewEncoder()
	b.ReportAllocs()
	for i := 0; b.Loop(); i = (i + 320) % len(pcm) {
		e.Encode(codes, pcm[i:i+320])
	}
}

func BenchmarkDecode(b *testing.B) {
	pcm, codes, d := din(), make([]byte, 32000), NewDecoder()
	NewEncoder().Encode(codes, pcm)
	b.ReportAllocs()
	for i := 0; b.Loop(); i = (i + 160) % len(codes) {
		d.Decode(pcm[:320], codes[i:i+160])
	}
}
