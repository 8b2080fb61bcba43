package node_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/offhook/offhook/edge/node"
	"github.com/offhook/offhook/edge/sound"
	"github.com/offhook/offhook/edge/sound/wav"
	"github.com/offhook/offhook/edge/speech"
	"github.com/offhook/offhook/schemas/event"
)

// Codes of sounds, one all the way.
const (
	goodSound     = 11
	fallbackSound = 12
	longSound     = 13 // its tenth second is the next
	markSound     = 14
)

// engine speaks in one tone, after a while, or fails.
type engine struct {
	takes time.Duration
	err   error

	mu      sync.Mutex
	spoken  []string
	givenUp int
}

func (e *engine) Speak(ctx context.Context, r speech.Request) (wav.Sound, error) {
	e.mu.Lock()
	e.spoken = append(e.spoken, r.Text)
	e.mu.Unlock()
	select {
	case <-time.After(e.takes):
	case <-ctx.Done():
		e.mu.Lock()
		defer e.mu.Unlock()
		e.givenUp++
		return wav.Sound{}, ctx.Err()
	}
	if e.err != nil {
		return wav.Sound{}, e.err
	}
	return wav.Sound{Samples: slices.Repeat([]int16{level(byte(len(r.Text)))}, 8000), Rate: wav.Rate}, nil
}

func (e *engine) done() (spoken []string, givenUp int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.spoken), e.givenUp
}

// web answers by path.
type web struct{}

func (web) RoundTrip(r *http.Request) (*http.Response, error) {
	res := &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("<!DOCTYPE html><html>")), Request: r}
	switch r.URL.Path {
	case "/down.wav":
		return nil, errors.New("connection refused")
	case "/hangs.wav":
		<-r.Context().Done()
		return nil, r.Context().Err()
	case "/secret.wav":
		res.StatusCode = 403
	case "/gone.wav":
		res.StatusCode = 404
	case "/large.wav":
		res.ContentLength = 100 << 20
	case "/long.ulaw":
		res.Body = io.NopCloser(io.LimitReader(endless{}, 8000*601))
	}
	return res, nil
}

type endless struct{}

func (endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 1
	}
	return len(b), nil
}

// withSounds has the node play from a folder, a web and an engine, through the library that production has.
func withSounds(t *testing.T, e *engine, test func(*rig)) {
	t.Helper()
	dir := t.TempDir()
	long := bytes.Repeat([]byte{longSound}, 20*8000)
	copy(long[10*8000:11*8000], bytes.Repeat([]byte{markSound}, 8000))
	for name, b := range map[string][]byte{"good.ulaw": bytes.Repeat([]byte{goodSound}, 8000), "instead.ulaw": bytes.Repeat([]byte{fallbackSound}, 8000),
		"long.ulaw": long, "page.wav": []byte("<html>"), "empty.wav": nil} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var library *sound.Library
	inBubble(t, func(s *setup) {
		library = sound.New(sound.Config{Folder: func(string) string { return dir }, Speech: e,
			HTTP: func(string) *http.Client { return &http.Client{Transport: web{}} }})
		s.node.Sounds = library
	}, func(r *rig) {
		ctx, cancel := context.WithCancel(context.Background())
		over := make(chan error)
		go func() { over <- library.Run(ctx) }()
		defer func() {
			cancel()
			if err := <-over; err != nil {
				t.Error(err)
			}
		}()
		test(r)
	})
}

var _ node.Sounds = (*sound.Library)(nil)

func TestWhatCannotBePlayedIsToldAndTheCallerHearsWhatFollows(t *testing.T) {
	for audio, code := range map[string]string{
		`"nosuch"`: "not_found", `"page"`: "not_audio", `"empty"`: "not_audio", `"https://acme.test/down.wav?key=secret"`: "unreachable",
		`"https://acme.test/hangs.wav"`: "unreachable", `"https://acme.test/secret.wav"`: "refused", `"https://acme.test/gone.wav"`: "not_found",
		`"https://acme.test/large.wav"`: "too_large", `"https://acme.test/long.ulaw"`: "too_large", `"https://acme.test/page"`: "not_audio",
		`{"say": "Hello."}`: "speech_failed",
	} {
		withSounds(t, &engine{err: speech.ErrEngine}, func(r *rig) {
			p, d := r.joins(6000, `[{"verb": "play", "id": "x", "audio": `+audio+`}, {"verb": "play", "audio": "good"}, {"verb": "pause", "for": "9s"}]`)
			wait(8 * time.Second)
			if got := p.voices(); !slices.Contains(got, goodSound) {
				r.Errorf("%s: heard %v", audio, got)
			}
			ev := last[event.Audio](r, event.AudioFailed)
			if ev.Code != code || ev.Verb != "play" || ev.VerbID != "x" || ev.Fallback || ev.Error == "" || strings.Contains(ev.Audio, "secret=") || strings.Contains(ev.Audio, "key") {
				r.Errorf("%s: told %+v", audio, ev)
			}
			d.request("BYE", "", "")
			p.expect("200 BYE")
		})
		withSounds(t, &engine{err: speech.ErrEngine}, func(r *rig) {
			p, d := r.joins(6000, `[{"verb": "play", "audio": [`+audio+`, "good"], "fallback": "instead"}, {"verb": "pause", "for": "9s"}]`)
			wait(8 * time.Second)
			if got := p.voices(); !slices.Equal(got, []byte{goodSound, fallbackSound}) {
				r.Errorf("%s with a fallback: heard %v", audio, got)
			}
			if ev := last[event.Audio](r, event.AudioFailed); ev.Code != code || !ev.Fallback {
				r.Errorf("%s with a fallback: told %+v", audio, ev)
			}
			d.request("BYE", "", "")
			p.expect("200 BYE")
		})
	}
}

func TestPlaybackIsMovedFromOutside(t *testing.T) {
	withSounds(t, &engine{}, func(r *rig) {
		p, d := r.joins(6000, `[{"verb": "play", "id": "m1", "audio": "long", "from": "2s"}, {"verb": "pause", "for": "9s"}]`)
		id := r.only().ID
		act := func(text string) {
			t.Helper()
			if err := r.node.Beside(id, document(t, text), false); err != nil {
				t.Fatal(err)
			}
			wait(100 * time.Millisecond)
			p.voices()
			wait(time.Second)
		}
		act(`[{"verb": "play", "action": "skip", "by": "7s"}]`)
		if got := p.voices(); !slices.Contains(got, markSound) {
			t.Errorf("seven seconds on: heard %v", got)
		}
		act(`[{"verb": "play", "action": "pause", "of_id": "m1"}]`)
		if got := p.voices(); len(got) > 0 {
			t.Errorf("paused: heard %v", got)
		}
		act(`[{"verb": "play", "action": "resume"}, {"verb": "play", "action": "skip", "from": "3s"}]`)
		if got := p.voices(); !slices.Equal(got, []byte{longSound}) {
			t.Errorf("back: heard %v", got)
		}
		act(`[{"verb": "play", "action": "skip", "from": "1m"}]`)
		ev := last[event.Verb](r, event.VerbStarted)
		if ended := last[event.Verb](r, event.VerbEnded); ev.Verb != "pause" || ended.Result.Status != "done" || ended.Result.PositionMS != 20_000 {
			t.Errorf("past the end: %+v, %+v", ev, ended.Result)
		}
		d.request("BYE", "", "")
		p.expect("200 BYE")
	})
}

const (
	tenLetters    = `"0123456789"` // spoken, it is sound 10
	twentyLetters = `"01234567890123456789"`
)

func TestSpeechAfterAPlaybackBeginsAtOnce(t *testing.T) {
	e := &engine{takes: 3 * time.Second}
	withSounds(t, e, func(r *rig) {
		script := `[{"verb": "play", "audio": "long", "until": "5s"}, {"verb": "say", "text": ` + tenLetters + `}, {"verb": "pause", "for": "9s"}]`
		for round := range 2 { // the second time it is known
			p, d := r.joins(uint16(6000+round), script)
			wait(4500 * time.Millisecond)
			if got := p.voices(); !slices.Equal(got, []byte{longSound}) {
				t.Errorf("first heard %v", got)
			}
			wait(600 * time.Millisecond) // the playback ends in the midst of it
			if got := p.voices(); !slices.Contains(got, 10) {
				t.Errorf("then heard %v: the speech is late", got)
			}
			d.request("BYE", "", "")
			p.expect("200 BYE")
		}
		if spoken, _ := e.done(); len(spoken) != 1 {
			t.Errorf("the engine spoke %q", spoken)
		}
	})
}

func TestSpeechThatIsNotPreparedKeepsTheCallerWaiting(t *testing.T) {
	e := &engine{takes: 3 * time.Second}
	withSounds(t, e, func(r *rig) {
		p, d := r.joins(6000, `[{"verb": "answer"}, {"verb": "say", "text": `+tenLetters+`}, {"verb": "pause", "for": "9s"}]`)
		wait(2500 * time.Millisecond)
		if got := p.voices(); len(got) > 0 {
			t.Errorf("heard %v before it could be made", got)
		}
		wait(time.Second)
		if got := p.voices(); !slices.Equal(got, []byte{10}) {
			t.Errorf("heard %v", got)
		}
		d.request("BYE", "", "")
		p.expect("200 BYE")
	})
}

func TestSpeechOfACallThatHasEndedIsGivenUp(t *testing.T) {
	e := &engine{takes: 3 * time.Second}
	withSounds(t, e, func(r *rig) {
		p, d := r.joins(6000, `[{"verb": "play", "audio": "long"}, {"verb": "say", "text": `+tenLetters+`}, {"verb": "say", "text": `+twentyLetters+`}]`)
		wait(time.Second)
		d.request("BYE", "", "")
		p.expect("200 BYE")
		wait(10 * time.Second)
		if spoken, givenUp := e.done(); len(spoken) != 1 || givenUp != 1 {
			t.Errorf("the engine spoke %q, and gave up %d", spoken, givenUp)
		}
		q, d := r.joins(6001, `[{"verb": "say", "text": `+tenLetters+`}, {"verb": "pause", "for": "9s"}]`) // others may say it all the same
		wait(4 * time.Second)
		if got := q.voices(); !slices.Equal(got, []byte{10}) {
			t.Errorf("heard %v", got)
		}
		d.request("BYE", "", "")
		q.expect("200 BYE")
	})
}
