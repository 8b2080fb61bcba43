package speech

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/offhook/offhook/edge/sound/wav"
)

func speaker(t *testing.T, cfg Config) *Voices {
	t.Helper()
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func TestBuiltInVoiceSaysASentenceInItsTime(t *testing.T) {
	s := speaker(t, Config{})
	for _, voice := range []string{"", "slt", "rms", "awb", "kal16"} {
		got, err := s.Speak(context.Background(), Request{Text: "For sales, press one. For support, press two.", Voice: voice})
		if err != nil {
			t.Fatalf("%q: %v", voice, err)
		}
		if d := got.Duration(); !got.Wide() || d < 2*time.Second || d > 6*time.Second {
			t.Errorf("%q: %s long, %d Hz", voice, d, got.Rate)
		}
		if rms, peak := measure(got); math.Abs(20*math.Log10(rms)-wantedDB) > 2 || peak > peakLimit+0.01 {
			t.Errorf("%q: %.1f dBFS, peak %.2f", voice, 20*math.Log10(rms), peak)
		}
	}
}

func TestEstimateIsNearToWhatIsSpoken(t *testing.T) {
	text := "Nobody can take your call right now. Please try again later, or leave a message after the tone."
	got, err := speaker(t, Config{}).Speak(context.Background(), Request{Text: text})
	if err != nil {
		t.Fatal(err)
	}
	spoken := got.Duration()
	if e := Estimate(text); e < spoken*6/10 || e > spoken*16/10 {
		t.Errorf("estimated %s, spoken %s", e, spoken)
	}
}

func TestTextThatCannotBeSaidIsRefused(t *testing.T) {
	s := speaker(t, Config{})
	for name, c := range map[string]struct {
		r    Request
		want error
	}{
		"empty":          {Request{}, ErrNoText},
		"only signs":     {Request{Text: " \n\t ... !!"}, ErrNoText},
		"only controls":  {Request{Text: "\x00\x1b\u202e"}, ErrNoText},
		"too long":       {Request{Text: strings.Repeat("word ", 401)}, ErrTextTooLong},
		"unknown engine": {Request{Text: "hi", Engine: "parrot"}, ErrUnknownEngine},
		"unknown voice":  {Request{Text: "hi", Voice: "bob"}, ErrUnknownVoice},
		"hostile voice":  {Request{Text: "hi", Voice: "../x"}, ErrUnknownVoice},
		"no english":     {Request{Text: "Привет", Engine: EngineFlite}, ErrNoText},
	} {
		if _, err := s.Speak(context.Background(), c.r); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// parrot gives a sound as long as the text, and counts.
type parrot struct {
	rate  int
	calls []Request
}

func (p *parrot) Speak(_ context.Context, r Request) (wav.Sound, error) {
	p.calls = append(p.calls, r)
	return wav.Sound{Samples: make([]int16, 100*len(r.Text)), Rate: cmp.Or(p.rate, wav.Rate)}, nil
}

func TestControlCharactersNeverReachAnEngine(t *testing.T) {
	p := &parrot{}
	s := speaker(t, Config{Engine: "parrot", Engines: map[string]Engine{"parrot": p}})
	if _, err := s.Speak(context.Background(), Request{Text: " Hello,\r\n\x1b[31m \u200bworld\x00 "}); err != nil {
		t.Fatal(err)
	}
	if got := p.calls[0].Text; got != "Hello, [31m world" {
		t.Errorf("%q", got)
	}
}

func TestSpeechIsKeptInMemoryAndOnDisk(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "speech")
	p := &parrot{}
	cfg := Config{Engine: "parrot", Engines: map[string]Engine{"parrot": p}, Folder: dir}
	for range 2 { // the second one knows it from the disk
		s := speaker(t, cfg)
		for range 2 {
			if got, err := s.Speak(context.Background(), Request{Text: "hello"}); err != nil || len(got.Samples) != 500 {
				t.Fatalf("%d samples, %v", len(got.Samples), err)
			}
		}
	}
	if len(p.calls) != 1 {
		t.Errorf("spoken %d times", len(p.calls))
	}
	if _, err := speaker(t, cfg).Speak(context.Background(), Request{Text: "hello", Voice: "other"}); err != nil || len(p.calls) != 2 {
		t.Errorf("another voice: %v, spoken %d times", err, len(p.calls))
	}
}

func TestFolderStaysWithinItsBytes(t *testing.T) {
	dir := t.TempDir()
	s := speaker(t, Config{Engine: "parrot", Engines: map[string]Engine{"parrot": &parrot{}}, Folder: dir, DiskBytes: 5000})
	for _, text := range []string{"aaaaaaaaaa", "bbbbbbbbbb", "cccccccccc", "dddddddddd"} { // 2044 bytes each
		if _, err := s.Speak(context.Background(), Request{Text: text}); err != nil {
			t.Fatal(err)
		}
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 2 {
		t.Errorf("%d files, %v", len(files), err)
	}
}

func TestBrokenFileOnDiskIsSpokenAgain(t *testing.T) {
	dir := t.TempDir()
	p := &parrot{}
	s := speaker(t, Config{Engine: "parrot", Engines: map[string]Engine{"parrot": p}, Folder: dir})
	r := Request{Text: "hello", Engine: "parrot"}
	if err := os.WriteFile(s.disk.path(r), []byte("RIFF junk"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Speak(context.Background(), r); err != nil || len(got.Samples) != 500 || len(p.calls) != 1 {
		t.Errorf("%d samples, %v, spoken %d times", len(got.Samples), err, len(p.calls))
	}
}

// espeakStandIn is a program that notes its words and its input and gives a WAV file, or fails.
func espeakStandIn(t *testing.T, status string) (path, notes string) {
	t.Helper()
	dir := t.TempDir()
	var b bytes.Buffer
	script := "#!/bin/sh\necho \"$@\" > " + dir + "/notes\ncat >> " + dir + "/notes\ncat " + dir + "/a.wav\necho no such voice >&2\nexit " + status + "\n"
	err := errors.Join(wav.Write(&b, 22050, make([]int16, 22050)), os.WriteFile(filepath.Join(dir, "a.wav"), b.Bytes(), 0o600),
		os.WriteFile(filepath.Join(dir, "espeak-ng"), []byte(script), 0o700))
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "espeak-ng"), filepath.Join(dir, "notes")
}

func TestOtherLanguagesGoToEspeakWithoutAShell(t *testing.T) {
	path, notes := espeakStandIn(t, "0")
	s := speaker(t, Config{Espeak: path})
	got, err := s.Speak(context.Background(), Request{Text: "Labdien $(rm -rf) -v x", Language: "lv"})
	if err != nil || got.Duration() != time.Second || !got.Wide() {
		t.Fatalf("%s of %d Hz, %v", got.Duration(), got.Rate, err)
	}
	b, err := os.ReadFile(notes)
	if err != nil || string(b) != "-v lv --stdin --stdout\nLabdien $(rm -rf) -v x" {
		t.Errorf("%q, %v", b, err)
	}
}

func TestEngineThatFailsTellsWhatItSaid(t *testing.T) {
	path, _ := espeakStandIn(t, "1")
	_, err := speaker(t, Config{Espeak: path}).Speak(context.Background(), Request{Text: "hi", Engine: EngineEspeak})
	if !errors.Is(err, ErrEngine) || !strings.Contains(err.Error(), "no such voice") {
		t.Errorf("%v", err)
	}
	_, err = speaker(t, Config{Espeak: "/nowhere/espeak-ng"}).Speak(context.Background(), Request{Text: "hi", Engine: EngineEspeak})
	if !errors.Is(err, ErrEngine) {
		t.Errorf("%v", err)
	}
}

func TestUnknownDefaultEngineIsRefusedAtTheStart(t *testing.T) {
	if _, err := New(Config{Engine: "parrot"}); !errors.Is(err, ErrUnknownEngine) {
		t.Errorf("%v", err)
	}
}

func TestSpeechIsClosedByTheEndOfRun(t *testing.T) {
	s := speaker(t, Config{})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Speak(context.Background(), Request{Text: "hi"}); !errors.Is(err, ErrClosed) {
		t.Errorf("%v", err)
	}
}

func TestSpeechKeepsItsRateInTheCacheAndInSSML(t *testing.T) {
	cfg := Config{Engine: "parrot", Engines: map[string]Engine{"parrot": &parrot{rate: wav.WideRate}}, Folder: t.TempDir()}
	for range 2 { // the second one knows it from the disk
		for text, want := range map[string]time.Duration{"0123456789abcdef": 100 * time.Millisecond, `<speak><break time="1s"/>0123456789abcdef</speak>`: 1100 * time.Millisecond} {
			if got := say(t, speaker(t, cfg), Request{Text: text}); !got.Wide() || got.Duration() != want {
				t.Errorf("%s: %s of %d Hz", text, got.Duration(), got.Rate)
			}
		}
	}
}
