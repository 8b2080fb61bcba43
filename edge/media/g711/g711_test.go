package g711

import (
	"math"
	"testing"
)

var laws = []Law{ULaw, ALaw}

// Values from G.711 tables 1 and 2 (scaled to 16 bit).
func TestCodesOfTheRecommendation(t *testing.T) {
	for _, c := range []struct {
		law  Law
		code byte
		want int16
	}{
		{ULaw, 0xFF, 0}, {ULaw, 0x7F, 0}, {ULaw, 0x80, 32124}, {ULaw, 0x00, -32124}, {ULaw, 0xFE, 8}, {ULaw, 0xEF, 132},
		{ALaw, 0xD5, 8}, {ALaw, 0x55, -8}, {ALaw, 0xAA, 32256}, {ALaw, 0x2A, -32256}, {ALaw, 0xC5, 264},
	} {
		if got := c.law.DecodeSample(c.code); got != c.want {
			t.Errorf("%v %#02x: %d, want %d", c.law, c.code, got, c.want)
		}
	}
}

func TestEveryCodeComesBack(t *testing.T) {
	for _, law := range laws {
		for c := range 256 {
			got := law.EncodeSample(law.DecodeSample(byte(c)))
			if law == ULaw && c == 0x7F { // negative zero
				c = 0xFF
			}
			if got != byte(c) {
				t.Errorf("%v %#02x comes back as %#02x", law, c, got)
			}
		}
	}
}

func TestEverySampleIsCodedWithinItsStep(t *testing.T) {
	for _, law := range laws {
		for s := math.MinInt16; s <= math.MaxInt16; s++ {
			back := int(law.DecodeSample(law.EncodeSample(int16(s))))
			if diff := abs(s - back); diff > max(16, abs(s)/16)+644*clip(s) {
				t.Fatalf("%v: %d comes back as %d", law, s, back)
			}
		}
	}
}

// clip is 1 where mu-law has no more codes.
func clip(s int) int {
	if abs(s) > 32124 {
		return 1
	}
	return 0
}

func abs(v int) int { return max(v, -v) }

func TestTranscodingIsDecodingAndEncoding(t *testing.T) {
	in := make([]byte, 256)
	for i := range in {
		in[i] = byte(i)
	}
	for _, from := range laws {
		for _, to := range laws {
			pcm, want, got := make([]int16, 256), make([]byte, 256), make([]byte, 256)
			from.Decode(pcm, in)
			to.Encode(want, pcm)
			if Transcode(got, in, from, to); from != to && string(got) != string(want) {
				t.Errorf("%v to %v differs", from, to)
			}
			if from == to && string(got) != string(in) {
				t.Errorf("%v to itself changed", from)
			}
		}
	}
}

func TestSilenceIsZero(t *testing.T) {
	for _, law := range laws {
		if law.Silence() != law.EncodeSample(0) {
			t.Errorf("%v: %#x, want %#x", law, law.Silence(), law.EncodeSample(0))
		}
	}
}

func TestShorterSliceDecides(t *testing.T) {
	if n := ULaw.Encode(make([]byte, 3), make([]int16, 5)); n != 3 {
		t.Error(n)
	}
	if n := ALaw.Decode(make([]int16, 5), make([]byte, 2)); n != 2 {
		t.Error(n)
	}
	if n := Transcode(make([]byte, 1), make([]byte, 2), ULaw, ALaw); n != 1 {
		t.Error(n)
	}
}

func BenchmarkEncode(b *testing.B) {
	pcm, out := make([]int16, 160), make([]byte, 160)
	for i := range pcm {
		pcm[i] = int16(i * 400)
	}
	for b.Loop() {
		ULaw.Encode(out, pcm)
	}
}

func BenchmarkTranscode(b *testing.B) {
	in, out := make([]byte, 160), make([]byte, 160)
	for b.Loop() {
		Transcode(out, in, ULaw, ALaw)
	}
}
