package mp3

import (
	"bytes"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/offhook/offhook/edge/sound/wav"
)

func load(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// share is how much of the power in the middle of samples a tone has.
func share(samples []int16, hz float64) float64 {
	middle := samples[len(samples)/4 : len(samples)*3/4]
	var re, im, all float64
	for i, s := range middle {
		at := 2 * math.Pi * hz * float64(i) / wav.WideRate
		re, im, all = re+float64(s)*math.Cos(at), im+float64(s)*math.Sin(at), all+float64(s)*float64(s)
	}
	return 2 * (re*re + im*im) / float64(len(middle)) / all
}

func TestTonesOfEveryKindComeOut(t *testing.T) {
	for name, hz := range map[string]float64{"stereo44.mp3": 1000, "mono22.mp3": 600, "vbr48.mp3": 440, "mono16.mp3": 600, "stereo22.mp3": 700} {
		got, err := Read(bytes.NewReader(load(t, name)), 10*wav.Rate)
		if err != nil || !got.Wide() || got.Duration() < time.Second || got.Duration() > 5*time.Second/4 {
			t.Errorf("%s: %d samples, %v; it is a second", name, len(got.Samples), err)
			continue
		}
		if s := share(got.Samples, hz); s < 0.98 {
			t.Errorf("%s: %.0f Hz is %.2f of what is heard", name, hz, s)
		}
	}
}

func TestOldLowRatesAreRefusedInWords(t *testing.T) {
	_, err := Read(bytes.NewReader(load(t, "mpeg25.mp3")), 10*wav.Rate)
	if !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), "8000 Hz") {
		t.Errorf("%v", err)
	}
}

func TestTagsAndRubbishBeforeTheSoundAreSkipped(t *testing.T) {
	picture := append([]byte("ID3\x03\x00\x00\x00\x08\x00\x00"), make([]byte, 8<<14)...)
	for what, before := range map[string][]byte{"a picture": picture, "two tags": append(picture, picture...), "zeros": make([]byte, 500)} {
		got, err := Read(bytes.NewReader(append(bytes.Clone(before), load(t, "mono22.mp3")...)), 10*wav.Rate)
		if err != nil || got.Duration() < time.Second {
			t.Errorf("%s: %d samples, %v", what, len(got.Samples), err)
		}
	}
}

func TestSoundBeforeRubbishIsKept(t *testing.T) {
	got, err := Read(io.MultiReader(bytes.NewReader(load(t, "mono22.mp3")), strings.NewReader(strings.Repeat("TAG of old ", 20))), 10*wav.Rate)
	if err != nil || got.Duration() < time.Second || share(got.Samples, 600) < 0.98 {
		t.Errorf("%d samples, %v", len(got.Samples), err)
	}
}

func TestWhatIsNoMP3IsRefused(t *testing.T) {
	for what, b := range map[string]string{"nothing": "", "text": "hello there, this is no sound", "only a tag": "ID3\x03\x00\x00\x00\x00\x00\x05hello",
		"a tag that is cut": "ID3\x03\x00\x00\x7f\x7f\x7f\x7fabc", "one sync": "\xff\xfb\x90\x00" + strings.Repeat("x", 2000)} {
		if got, err := Read(strings.NewReader(b), 10*wav.Rate); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %d samples, %v", what, len(got.Samples), err)
		}
	}
}

func TestTooMuchSoundIsRefused(t *testing.T) {
	if _, err := Read(bytes.NewReader(load(t, "stereo44.mp3")), wav.Rate/2); !errors.Is(err, wav.ErrTooLong) {
		t.Errorf("%v", err)
	}
}

func TestErrorOfTheReaderIsTold(t *testing.T) {
	broken := errors.New("connection lost")
	whole := load(t, "stereo44.mp3")
	for _, n := range []int{0, 5, 300, 5000} {
		if _, err := Read(io.MultiReader(bytes.NewReader(whole[:n]), iotest.ErrReader(broken)), 10*wav.Rate); !errors.Is(err, broken) {
			t.Errorf("after %d bytes: %v", n, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, name := range []string{"stereo44.mp3", "mono22.mp3", "vbr48.mp3", "mono16.mp3", "stereo22.mp3", "mpeg25.mp3"} {
		b := load(f, name)
		f.Add(b)
		f.Add(b[:len(b)/3])
	}
	f.Add([]byte("ID3\x03\x00\x00\x7f\x7f\x7f\x7f"))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := Read(bytes.NewReader(b), 2*wav.Rate)
		if got.Duration() > 2100*time.Millisecond || err != nil && got.Samples != nil {
			t.Errorf("%d samples, %v", len(got.Samples), err)
		}
	})
}
