package wav

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/offhook/offhook/edge/media/g711"
)

// file builds a WAV file around data.
func file(code, channels, rate, bits int, data []byte) []byte {
	le := binary.LittleEndian
	b := append([]byte("RIFF"), 0, 0, 0, 0)
	b = append(b, "WAVEfmt "...)
	b = le.AppendUint32(b, 16)
	b = le.AppendUint16(b, uint16(code))
	b = le.AppendUint16(b, uint16(channels))
	b = le.AppendUint32(b, uint32(rate))
	b = le.AppendUint32(b, uint32(rate*channels*bits/8))
	b = le.AppendUint16(b, uint16(channels*bits/8))
	b = le.AppendUint16(b, uint16(bits))
	b = append(b, "data"...)
	b = le.AppendUint32(b, uint32(len(data)))
	return append(b, data...)
}

func sine(hz float64, rate, n int) []int16 {
	out := make([]int16, n)
	for i := range out {
		out[i] = int16(math.Round(10000 * math.Sin(2*math.Pi*hz*float64(i)/float64(rate))))
	}
	return out
}

// amplitude of one frequency in 8 kHz samples, without their ends.
func amplitude(samples []int16, hz float64) float64 {
	samples = samples[400 : len(samples)-400]
	var re, im float64
	for i, s := range samples {
		a := 2 * math.Pi * hz * float64(i) / Rate
		re += float64(s) * math.Cos(a)
		im += float64(s) * math.Sin(a)
	}
	return 2 * math.Hypot(re, im) / float64(len(samples))
}

func TestEveryUsualRateKeepsPitchLevelAndLength(t *testing.T) {
	for _, rate := range []int{8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 96000} {
		for _, hz := range []float64{300, 1000, 3200} {
			got, err := Read(bytes.NewReader(file(1, 1, rate, 16, littleEndian(nil, sine(hz, rate, rate)))), Options{})
			if err != nil {
				t.Fatalf("%d Hz: %v", rate, err)
			}
			if len(got) != Rate {
				t.Errorf("%d Hz: a second became %d samples", rate, len(got))
			}
			if a := amplitude(got, hz); a < 9800 || a > 10200 {
				t.Errorf("%d Hz: a tone of %v Hz at 10000 came out at %.0f", rate, hz, a)
			}
		}
	}
}

func TestSoundAboveTheBandDoesNotFoldBack(t *testing.T) {
	for _, rate := range []int{16000, 44100, 48000} {
		got := Resample(sine(5000, rate, rate), rate, Rate) // would be heard at 3000 Hz
		if a := amplitude(got, 3000); a > 5 {
			t.Errorf("%d Hz: 5000 Hz folds back with %.1f of 10000", rate, a)
		}
	}
}

func TestEveryCodingOfTheSameSoundIsTheSame(t *testing.T) {
	want := sine(440, Rate, 1600)
	codings := map[string]struct {
		code, bits int
		put        func([]byte, int16) []byte
		within     int
	}{
		"pcm8":    {codePCM, 8, func(b []byte, s int16) []byte { return append(b, byte(int(s)>>8+128)) }, 256},
		"pcm16":   {codePCM, 16, func(b []byte, s int16) []byte { return append(b, byte(s), byte(s>>8)) }, 0},
		"pcm24":   {codePCM, 24, func(b []byte, s int16) []byte { return append(b, 0, byte(s), byte(s>>8)) }, 0},
		"pcm32":   {codePCM, 32, func(b []byte, s int16) []byte { return append(b, 0, 0, byte(s), byte(s>>8)) }, 0},
		"float32": {codeFloat, 32, func(b []byte, s int16) []byte { return float32LE(b, s) }, 0},
		"float64": {codeFloat, 64, func(b []byte, s int16) []byte { return float64LE(b, s) }, 0},
		"alaw":    {codeALaw, 8, func(b []byte, s int16) []byte { return append(b, g711.ALaw.EncodeSample(s)) }, 512},
		"mulaw":   {codeMuLaw, 8, func(b []byte, s int16) []byte { return append(b, g711.ULaw.EncodeSample(s)) }, 512},
	}
	for name, c := range codings {
		var data []byte
		for _, s := range want {
			data = c.put(data, s)
		}
		got, err := Read(bytes.NewReader(file(c.code, 1, Rate, c.bits, data)), Options{})
		if err != nil || len(got) != len(want) {
			t.Errorf("%s: %d samples of %d, %v", name, len(got), len(want), err)
			continue
		}
		for i := range got {
			if d := int(got[i]) - int(want[i]); d > c.within || d < -c.within {
				t.Errorf("%s: sample %d is %d, want %d", name, i, got[i], want[i])
				break
			}
		}
	}
}

func float32LE(b []byte, s int16) []byte {
	return binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(s)/32768))
}

func float64LE(b []byte, s int16) []byte {
	return binary.LittleEndian.AppendUint64(b, math.Float64bits(float64(s)/32768))
}

func TestStereoIsMixedToTheMiddle(t *testing.T) {
	got, err := Read(bytes.NewReader(file(1, 2, Rate, 16, littleEndian(nil, []int16{1000, 3000, -200, -400}))), Options{})
	if err != nil || !slices.Equal(got, []int16{2000, -300}) {
		t.Errorf("%v %v", got, err)
	}
}

func TestExtensibleHeaderIsRead(t *testing.T) {
	b := file(codeExtensible, 1, Rate, 16, littleEndian(nil, []int16{7, 8}))
	le := binary.LittleEndian
	ext := le.AppendUint16(nil, 22)
	ext = append(ext, 16, 0, 0, 0, 0, 0) // valid bits, speaker mask
	ext = le.AppendUint16(ext, codePCM)
	ext = append(ext, make([]byte, 14)...)
	le.PutUint32(b[16:], 40)
	b = slices.Insert(b, 36, ext...)
	got, err := Read(bytes.NewReader(b), Options{})
	if err != nil || !slices.Equal(got, []int16{7, 8}) {
		t.Errorf("%v %v", got, err)
	}
}

func TestUnfinishedHeaderIsReadToTheEnd(t *testing.T) {
	for _, size := range []uint32{0, 0xFFFFFFFF, 1 << 20} {
		b := file(1, 1, Rate, 16, littleEndian(nil, []int16{1, 2, 3}))
		binary.LittleEndian.PutUint32(b[40:], size)
		got, err := Read(bytes.NewReader(b), Options{})
		if err != nil || !slices.Equal(got, []int16{1, 2, 3}) {
			t.Errorf("length %d: %v %v", size, got, err)
		}
	}
}

func TestForeignChunksAreSkipped(t *testing.T) {
	b := file(1, 1, Rate, 16, littleEndian(nil, []int16{5}))
	b = slices.Insert(b, 12, []byte("LIST\x03\x00\x00\x00abc\x00")...) // odd length, padded
	got, err := Read(bytes.NewReader(b), Options{})
	if err != nil || !slices.Equal(got, []int16{5}) {
		t.Errorf("%v %v", got, err)
	}
}

func TestBrokenAndHostileFilesAreRefused(t *testing.T) {
	good := file(1, 1, Rate, 16, littleEndian(nil, make([]int16, 100)))
	with := func(at int, v ...byte) []byte { b := slices.Clone(good); copy(b[at:], v); return b }
	cases := map[string]struct {
		b    []byte
		want error
	}{
		"empty":            {nil, ErrFormat},
		"text":             {[]byte(strings.Repeat("hello ", 20)), ErrFormat},
		"cut in fmt":       {good[:30], ErrFormat},
		"no data chunk":    {good[:36], ErrFormat},
		"no channels":      {with(22, 0, 0), ErrUnsupported},
		"999 channels":     {with(22, 0xE7, 3), ErrUnsupported},
		"rate 0":           {with(24, 0, 0, 0, 0), ErrUnsupported},
		"rate 4 G":         {with(24, 255, 255, 255, 255), ErrUnsupported},
		"prime rate":       {with(24, 0x45, 0xAC, 0, 0), ErrUnsupported},
		"13 bits":          {with(34, 13, 0), ErrUnsupported},
		"mp3 in wav":       {with(20, 0x55, 0), ErrUnsupported},
		"huge fmt":         {with(16, 255, 255, 255, 127), ErrFormat},
		"huge chunk first": {slices.Insert(slices.Clone(good), 12, []byte("junk\xff\xff\xff\x7f")...), ErrFormat},
	}
	for name, c := range cases {
		if _, err := Read(bytes.NewReader(c.b), Options{}); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestLengthIsBounded(t *testing.T) {
	b := file(1, 1, 48000, 16, make([]byte, 2*48000))
	if _, err := Read(bytes.NewReader(b), Options{MaxSamples: 7999}); !errors.Is(err, ErrTooLong) {
		t.Errorf("a second into 7999 samples: %v", err)
	}
	if got, err := Read(bytes.NewReader(b), Options{MaxSamples: 8001}); err != nil || len(got) != 8000 {
		t.Errorf("%d %v", len(got), err)
	}
}

func TestWrittenFilesAreReadBack(t *testing.T) {
	want := sine(600, Rate, 1234)
	var one bytes.Buffer
	if err := Write(&one, Rate, want); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(t.TempDir(), "a.wav"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := NewWriter(f, Rate, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Write(want[:1000]), w.Write(want[1000:]), w.Close()); err != nil {
		t.Fatal(err)
	}
	two, err := os.ReadFile(f.Name())
	if err != nil || !bytes.Equal(one.Bytes(), two) {
		t.Errorf("a file written in pieces differs: %d and %d bytes, %v", one.Len(), len(two), err)
	}
	if got, err := Read(&one, Options{}); err != nil || !slices.Equal(got, want) {
		t.Errorf("%d samples back, %v", len(got), err)
	}
}

func FuzzReadTakesAnything(f *testing.F) {
	f.Add(file(1, 2, 44100, 24, make([]byte, 600)))
	f.Add(file(codeFloat, 1, 8000, 32, bytes.Repeat([]byte{0xFF}, 64)))
	f.Fuzz(func(t *testing.T, b []byte) {
		if got, err := Read(bytes.NewReader(b), Options{MaxSamples: 1 << 16}); err == nil && len(got) > 1<<16 {
			t.Errorf("%d samples", len(got))
		}
	})
}

func TestFileThatWasNeverClosedIsRepaired(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "a.wav"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := NewWriter(f, 16000, 2)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write([]int16{1, 2, 3, 4, 5}); err != nil { // the last frame has lost its second channel
		t.Fatal(err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	if err := Repair(f); err != nil {
		t.Fatal(err)
	}
	head := make([]byte, headerSize)
	if _, err := f.ReadAt(head, 0); err != nil || !bytes.Equal(head, header(16000, 2, 8)) {
		t.Errorf("%q %v", head, err)
	}
	if err := Repair(readWriteSeeker{bytes.NewReader([]byte("RIFF, not ours"))}); !errors.Is(err, ErrFormat) {
		t.Error(err)
	}
}

type readWriteSeeker struct{ *bytes.Reader }

func (readWriteSeeker) Write([]byte) (int, error) { return 0, io.ErrShortWrite }
