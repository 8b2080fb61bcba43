package sound

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/offhook/offhook/edge/media"
	"github.com/offhook/offhook/edge/media/g711"
	"github.com/offhook/offhook/edge/sound/tone"
	"github.com/offhook/offhook/edge/sound/wav"
	"github.com/offhook/offhook/edge/speech"
	"github.com/offhook/offhook/schemas/verb"
)

// start runs a library for the length of the test.
func start(t *testing.T, cfg Config) *Library {
	t.Helper()
	l := New(cfg)
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan error, 1)
	go func() { over <- l.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-over; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return l
}

func open(t *testing.T, l *Library, a verb.Audio) media.Source {
	t.Helper()
	src, err := l.Open(context.Background(), "demo", a)
	if err != nil {
		t.Fatalf("%+v: %v", a, err)
	}
	return src
}

// all plays a source to its end, waiting as a player does while it is not ready.
func all(t *testing.T, src media.Source) ([]int16, error) {
	t.Helper()
	var out []int16
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for n, waited := 0, 0; ; {
		pcm, ok, err := src.Frame(n)
		switch {
		case err != nil || !ok:
			return out, err
		case pcm != nil:
			out = append(out, pcm...)
			n++
		default:
			if waited++; waited > 20000 {
				t.Fatal("never ready")
			}
			<-tick.C
		}
	}
}

func writeWAV(t *testing.T, path string, samples []int16) {
	t.Helper()
	var b bytes.Buffer
	if err := errors.Join(wav.Write(&b, 8000, samples), os.WriteFile(path, b.Bytes(), 0o600)); err != nil {
		t.Fatal(err)
	}
}

func folder(path string) func(string) string { return func(string) string { return path } }

func TestToneIsReadyWithoutWorkersInAllCodings(t *testing.T) {
	src := open(t, New(Config{}), verb.Audio{Name: "tone:busy"})
	pcm, ok, err := src.Frame(1)
	if !ok || err != nil || len(pcm) != 160 {
		t.Fatalf("%d samples, %v, %v", len(pcm), ok, err)
	}
	for _, law := range []g711.Law{g711.ULaw, g711.ALaw} {
		want := make([]byte, 160)
		law.Encode(want, pcm)
		got, ok, err := src.(media.Encoded).FrameG711(1, law == g711.ALaw)
		if !ok || err != nil || !bytes.Equal(got, want) {
			t.Errorf("%v: coded frame differs from the linear one", law)
		}
	}
	if _, ok, err := src.Frame(50); ok || err != nil {
		t.Errorf("after one second of cadence: ok %v, %v", ok, err)
	}
}

func TestSampleOfTheTenantIsPlayedWhole(t *testing.T) {
	dir := t.TempDir()
	writeWAV(t, filepath.Join(dir, "menu.wav"), tone.Sine(500, 250*time.Millisecond, 0.5))
	l := start(t, Config{Folder: folder(dir)})
	got, err := all(t, open(t, l, verb.Audio{Name: "menu"}))
	if err != nil || len(got) != 2080 { // 12.5 frames are 13
		t.Errorf("%d samples, %v", len(got), err)
	}
}

func TestNamesThatAreNoSoundAreRefusedAtOnce(t *testing.T) {
	l := New(Config{Folder: folder(t.TempDir())})
	for _, name := range []string{"", "../secret", "a/../b", "/a", "a//b", "a/.b", ".hidden", "tone:polka", "ftp://x.test/a.wav", "https://u:p@x.test/a.wav",
		"https://u:p@x.test:b/a.wav", "file:///etc/passwd", "a\x00b", strings.Repeat("a", 65), `..\x`} {
		if _, err := l.Open(context.Background(), "demo", verb.Audio{Name: name}); !errors.Is(err, ErrName) || strings.Contains(err.Error(), "u:p") {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestSymbolicLinkOutOfTheFolderIsNotFollowed(t *testing.T) {
	dir, outside := t.TempDir(), filepath.Join(t.TempDir(), "x.wav")
	writeWAV(t, outside, make([]int16, 800))
	if err := os.Symlink(outside, filepath.Join(dir, "x.wav")); err != nil {
		t.Fatal(err)
	}
	got, err := all(t, open(t, start(t, Config{Folder: folder(dir)}), verb.Audio{Name: "x"}))
	if err == nil {
		t.Errorf("%d samples of a file outside were played", len(got))
	}
}

func TestUnknownSampleFailsAndNamesTheBuiltInOnes(t *testing.T) {
	_, err := all(t, open(t, start(t, Config{Folder: folder(t.TempDir())}), verb.Audio{Name: "nothing"}))
	if !errors.Is(err, ErrUnknown) || !strings.Contains(err.Error(), "welcome") {
		t.Errorf("%v", err)
	}
}

func TestChangedSampleIsHeardAfterASecond(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.wav")
	writeWAV(t, path, make([]int16, 160))
	synctest.Test(t, func(t *testing.T) {
		l := start(t, Config{Folder: folder(dir)})
		length := func() int { got, _ := all(t, open(t, l, verb.Audio{Name: "a"})); return len(got) }
		if n := length(); n != 160 {
			t.Fatalf("%d samples", n)
		}
		writeWAV(t, path, make([]int16, 320))
		time.Sleep(sampleKept + time.Millisecond) // the bubble's clock, not ours
		if n := length(); n != 320 {
			t.Errorf("%d samples after the file changed", n)
		}
	})
}

func TestMusicIsQuietSeamlessAndHalfAMinute(t *testing.T) {
	got, err := all(t, start(t, Config{}).Music(context.Background(), "demo", "hold"))
	if err != nil || len(got) != 32*8000 {
		t.Fatalf("%d samples, %v", len(got), err)
	}
	var peak, step int
	for i, s := range got {
		peak = max(peak, int(s), -int(s))
		d := int(got[(i+1)%len(got)]) - int(s)
		step = max(step, d, -d)
	}
	if peak < 5000 || peak > 8000 {
		t.Errorf("peak %d", peak)
	}
	if d := int(got[0]) - int(got[len(got)-1]); max(d, -d) > step {
		t.Errorf("a step of %d at the seam", d)
	}
}

func TestMusicOfTheTenantGivesWayToTheBuiltInWhenItIsMissing(t *testing.T) {
	l := start(t, Config{Music: func(string, string) string { return "gone" }})
	got, err := all(t, l.Music(context.Background(), "demo", "hold"))
	if err != nil || len(got) != 32*8000 {
		t.Errorf("%d samples, %v", len(got), err)
	}
}

type voice struct {
	calls atomic.Int32
	hold  chan struct{}
	err   error
}

func (v *voice) Speak(ctx context.Context, _ speech.Request) (wav.Sound, error) {
	v.calls.Add(1)
	if v.hold != nil {
		select {
		case <-v.hold:
		case <-ctx.Done():
			return wav.Sound{}, ctx.Err()
		}
	}
	return narrow(make([]int16, 1600)), v.err
}

func narrow(samples []int16) wav.Sound { return wav.Sound{Samples: samples, Rate: wav.Rate} }

func say(text string) verb.Audio { return verb.Audio{Say: &verb.Say{Text: text}} }

func TestSpeechIsAskedForOnceHoweverManyWantIt(t *testing.T) {
	v := &voice{hold: make(chan struct{})}
	l := start(t, Config{Speech: v})
	a, b := open(t, l, say("hello")), open(t, l, say("hello"))
	if pcm, ok, err := a.Frame(0); pcm != nil || !ok || err != nil {
		t.Fatalf("before it is spoken: %v %v %v, want to wait", pcm, ok, err)
	}
	close(v.hold)
	for _, src := range []media.Source{a, b, open(t, l, say("hello"))} {
		if got, err := all(t, src); err != nil || len(got) != 1600 {
			t.Errorf("%d samples, %v", len(got), err)
		}
	}
	if n := v.calls.Load(); n != 1 {
		t.Errorf("spoken %d times", n)
	}
}

func TestSpeechThatFailsIsSilentForItsTimeAndThenTellsWhy(t *testing.T) {
	v := &voice{err: speech.ErrEngine}
	text := strings.Repeat("word ", 20)
	got, err := all(t, open(t, start(t, Config{Speech: v}), say(text)))
	if !errors.Is(err, speech.ErrEngine) {
		t.Errorf("%v", err)
	}
	if want := int(speech.Estimate(text) / frameTime); len(got) != want*160 {
		t.Errorf("%d samples of silence, want %d", len(got), want*160)
	}
}

func TestWhatWaitsFailsWhenTheLibraryCloses(t *testing.T) {
	l := New(Config{Speech: &voice{hold: make(chan struct{})}})
	src := open(t, l, verb.Audio{Name: "welcome"})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := l.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := all(t, src); err == nil {
		t.Error("a sound nobody loads any more is waited for")
	}
	if _, err := all(t, open(t, l, verb.Audio{Name: "goodbye"})); !errors.Is(err, ErrClosed) {
		t.Errorf("%v", err)
	}
}

func serve(t *testing.T, h http.HandlerFunc) (*httptest.Server, *Library) {
	t.Helper()
	srv := httptest.NewTLSServer(h)
	t.Cleanup(srv.Close)
	return srv, start(t, Config{HTTP: func(string) *http.Client { return srv.Client() }})
}

func TestSoundIsFetchedOnceFromItsURL(t *testing.T) {
	var asked atomic.Int32
	srv, l := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		_ = wav.Write(w, 16000, make([]int16, 16000))
	})
	for range 2 {
		if got, err := all(t, open(t, l, verb.Audio{Name: srv.URL + "/a.wav"})); err != nil || len(got) != 8000 {
			t.Fatalf("%d samples, %v", len(got), err)
		}
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("fetched %d times", n)
	}
}

func TestBadAnswersOfAURLFail(t *testing.T) {
	huge := make([]byte, 1<<20)
	srv, l := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/huge":
			_ = wav.Write(w, 48000, nil) // an open length: read to the end
			for range 12 {
				_, _ = w.Write(huge)
			}
		case "/html":
			_, _ = w.Write([]byte("<html>no sound</html>"))
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	})
	for _, path := range []string{"/huge", "/html", "/missing"} {
		if _, err := all(t, open(t, l, verb.Audio{Name: srv.URL + path})); !errors.Is(err, ErrFetch) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestCacheStaysWithinItsBytes(t *testing.T) {
	dir := t.TempDir()
	for _, n := range []string{"a", "b", "c"} {
		writeWAV(t, filepath.Join(dir, n+".wav"), make([]int16, 8000)) // 32 kB each with its codings
	}
	l := start(t, Config{Folder: folder(dir), CacheBytes: 70000})
	for _, n := range []string{"a", "b", "c"} {
		if got, err := all(t, open(t, l, verb.Audio{Name: n})); err != nil || len(got) != 8000 {
			t.Fatalf("%s: %d, %v", n, len(got), err)
		}
	}
	l.store.mu.Lock()
	defer l.store.mu.Unlock()
	if l.store.used > 70000 || len(l.store.entries) != 2 {
		t.Errorf("%d bytes, %d sounds", l.store.used, len(l.store.entries))
	}
	if l.store.entries[key{"sample", dir, "a"}] != nil {
		t.Error("the least recently used sound is still there")
	}
}

func TestWelcomeIsSpokenByTheBuiltInVoice(t *testing.T) {
	voice, err := speech.New(speech.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer voice.Close()
	got, err := all(t, open(t, start(t, Config{Speech: voice}), verb.Audio{Name: "welcome"}))
	if err != nil || len(got) < 8000 || len(got) > 5*8000 {
		t.Errorf("%d samples, %v", len(got), err)
	}
}
