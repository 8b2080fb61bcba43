package sound

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/offhook/offhook/edge/media"
	"github.com/offhook/offhook/edge/sound/file"
	"github.com/offhook/offhook/edge/sound/tone"
	"github.com/offhook/offhook/edge/sound/wav"
	"github.com/offhook/offhook/edge/speech"
	"github.com/offhook/offhook/schemas/verb"
)

// ramp numbers its samples.
func ramp(n int) []int16 {
	pcm := make([]int16, n)
	for i := range pcm {
		pcm[i] = int16(i % 10000)
	}
	return pcm
}

func wideWAV(t *testing.T, samples []int16) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := wav.Write(&b, wav.WideRate, samples); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// wideFrames reads a source to its end and gives what it has at 16 kHz.
func wideFrames(t *testing.T, src media.Source) (frames [][]int16) {
	t.Helper()
	pcm, err := all(t, src)
	if err != nil {
		t.Fatal(err)
	}
	for n := range len(pcm) / frame {
		frames = append(frames, src.(media.Wide).FrameWide(n))
	}
	if beyond := src.(media.Wide).FrameWide(len(frames)); beyond != nil || src.(media.Wide).FrameWide(-1) != nil {
		t.Error("a frame outside of the sound")
	}
	return frames
}

func TestASampleOf16kHzHasBothRates(t *testing.T) {
	dir := t.TempDir()
	content := wideWAV(t, ramp(4000)) // 12.5 frames
	if err := os.WriteFile(filepath.Join(dir, "menu.wav"), content, 0o600); err != nil {
		t.Fatal(err)
	}
	writeWAV(t, filepath.Join(dir, "old.wav"), tone.Sine(500, 250*time.Millisecond, 0.5))
	l := start(t, Config{Folder: folder(dir), Music: func(string, string) string { return "menu" }})
	for name, src := range map[string]media.Source{"sample": open(t, l, verb.Audio{Name: "menu"}), "music": l.Music(context.Background(), "demo", "hold")} {
		frames := wideFrames(t, src)
		if len(frames) != 13 {
			t.Fatalf("%s: %d frames", name, len(frames))
		}
		for n, pcm := range frames {
			if len(pcm) != wideFrame || pcm[0] != int16(n*wideFrame) {
				t.Errorf("%s: frame %d has %d samples from %v", name, n, len(pcm), pcm[:1])
			}
		}
		if last := frames[12]; last[159] != 3999 || last[160] != 0 {
			t.Errorf("%s: it is not filled up with silence", name)
		}
		narrow, _, _ := src.Frame(5)
		if d := int(narrow[0]) - 5*wideFrame; d < -20 || d > 20 {
			t.Errorf("%s: frame 5 begins with %d at 8 kHz, with %d at 16", name, narrow[0], 5*wideFrame)
		}
	}
	for n, pcm := range wideFrames(t, open(t, l, verb.Audio{Name: "old"})) {
		if pcm != nil {
			t.Errorf("frame %d of 8 kHz is there at 16", n)
		}
	}
}

func TestMusicThatIsGoneHasTheRateOfTheOther(t *testing.T) {
	l := start(t, Config{Folder: folder(t.TempDir()), Music: func(string, string) string { return "gone" }})
	for _, pcm := range wideFrames(t, l.Music(context.Background(), "demo", "hold"))[:50] {
		if pcm != nil {
			t.Fatal("the built-in music is there at 16 kHz")
		}
	}
}

func TestAnUploadIsKeptAtItsRateWithinTheBytesOfAnUpload(t *testing.T) {
	dir := t.TempDir()
	l := start(t, Config{Folder: folder(dir)})
	for _, c := range []struct {
		name    string
		content []byte
		hint    string
		rate    int
		ms      int64
	}{
		{"wide", wideWAV(t, ramp(16000)), "a.wav", wav.WideRate, 1000},
		{"raw", bytes.Repeat([]byte{0x55}, 8000), "a.ulaw", wav.Rate, 1000},
		{"long", wideWAV(t, make([]int16, 330*wav.WideRate)), "a.wav", wav.Rate, 330_000},
	} {
		s, err := l.Keep(context.Background(), "demo", c.name, c.hint, "", c.content)
		if err != nil || s.DurationMS != c.ms || s.Bytes > MaxUpload {
			t.Fatalf("%s: %+v, %v", c.name, s, err)
		}
		f, err := os.Open(filepath.Join(dir, c.name+".wav"))
		if err != nil {
			t.Fatal(err)
		}
		got, err := file.Read(f, file.Hint{}, maxSamples)
		if err = errors.Join(err, f.Close()); err != nil || got.Rate != c.rate || got.Duration().Milliseconds() != c.ms {
			t.Errorf("%s: %s of %d Hz, %v", c.name, got.Duration(), got.Rate, err)
		}
	}
}

func TestBothRatesCountAsKept(t *testing.T) {
	narrow, wide := newClip(wav.Sound{Samples: make([]int16, 8000), Rate: wav.Rate}), newClip(wav.Sound{Samples: make([]int16, 16000), Rate: wav.WideRate})
	if narrow.size() != 32000 || wide.size() != 64000 || narrow.frames() != wide.frames() {
		t.Errorf("a second takes %d and %d bytes", narrow.size(), wide.size())
	}
}

// studio speaks at 16 kHz, or fails.
type studio struct{ err error }

func (s studio) Speak(context.Context, speech.Request) (wav.Sound, error) {
	return wav.Sound{Samples: ramp(3200), Rate: wav.WideRate}, s.err
}

func TestSpeechOf16kHzHasBothRates(t *testing.T) {
	if got := wideFrames(t, open(t, start(t, Config{Speech: studio{}}), say("hello"))); len(got) != 10 || len(got[9]) != wideFrame || got[9][0] != 9*wideFrame {
		t.Errorf("%d frames", len(got))
	}
	src := open(t, start(t, Config{Speech: studio{err: speech.ErrEngine}}), say("hello"))
	if _, err := all(t, src); !errors.Is(err, speech.ErrEngine) || src.(media.Wide).FrameWide(0) != nil {
		t.Errorf("speech that failed: %v", err)
	}
}
