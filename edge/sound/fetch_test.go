package sound

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/offhook/offhook/edge/sound/wav"
	"github.com/offhook/offhook/schemas/verb"
)

// web answers requests within a bubble.
type web struct {
	mu     sync.Mutex // fetchers ask at the same time
	asked  []http.Header
	answer func(r *http.Request) (*http.Response, error)
}

func (w *web) RoundTrip(r *http.Request) (*http.Response, error) {
	w.mu.Lock()
	w.asked = append(w.asked, r.Header)
	w.mu.Unlock()
	return w.answer(r)
}

// sounds answers with n samples under the header lines.
func sounds(status, n int, lines ...string) func(*http.Request) (*http.Response, error) {
	return func(r *http.Request) (*http.Response, error) {
		var b bytes.Buffer
		if status == http.StatusOK {
			if err := wav.Write(&b, 8000, make([]int16, n)); err != nil {
				return nil, err
			}
		}
		h := http.Header{}
		for _, l := range lines {
			name, value, _ := strings.Cut(l, ": ")
			h.Add(name, value)
		}
		return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(&b), Request: r}, nil
	}
}

const site = "https://acme.test/a.wav"

// inWeb runs a test with a library whose URLs lead to a web, in virtual time. play gives samples heard and the error.
func inWeb(t *testing.T, test func(w *web, play func(url string) (int, error))) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &web{}
		l := start(t, Config{HTTP: func(string) *http.Client { return &http.Client{Transport: w} }})
		test(w, func(url string) (int, error) {
			got, err := all(t, open(t, l, verb.Audio{Name: url}))
			synctest.Wait()
			return len(got), err
		})
	})
}

func TestUnchangedSoundIsNotSentAgain(t *testing.T) {
	inWeb(t, func(w *web, play func(string) (int, error)) {
		w.answer = sounds(200, 800, `ETag: "v1"`, "Last-Modified: Mon, 02 Mar 2026 09:00:00 GMT", "Cache-Control: max-age=60")
		for range 3 {
			if n, err := play(site); n != 800 || err != nil {
				t.Fatalf("%d, %v", n, err)
			}
		}
		if len(w.asked) != 1 {
			t.Fatalf("asked %d times within the minute", len(w.asked))
		}
		time.Sleep(61 * time.Second)
		w.answer = sounds(304, 0, "Cache-Control: max-age=60")
		for range 2 {
			if n, err := play(site); n != 800 || err != nil {
				t.Errorf("after 304: %d, %v", n, err)
			}
		}
		if len(w.asked) != 2 || w.asked[1].Get("If-None-Match") != `"v1"` || w.asked[1].Get("If-Modified-Since") == "" {
			t.Errorf("asked %d times: %v", len(w.asked), w.asked)
		}
		time.Sleep(61 * time.Second)
		w.answer = sounds(200, 1600, `ETag: "v2"`)
		if n, err := play(site); n != 1600 || err != nil {
			t.Errorf("the new one: %d, %v", n, err)
		}
	})
}

func TestServerSaysHowLongASoundIsKept(t *testing.T) {
	for lines, want := range map[string]int{
		"Cache-Control: no-store": 3, "Cache-Control: no-cache": 3, "Cache-Control: max-age=0": 3, "Expires: 0": 3,
		"Cache-Control: public, max-age=3600": 1, "": 1, "Cache-Control: max-age=20|Age: 15": 2,
	} {
		inWeb(t, func(w *web, play func(string) (int, error)) {
			w.answer = sounds(200, 800, strings.Split(lines, "|")...)
			for range 3 {
				if n, err := play(site); n != 800 || err != nil {
					t.Fatalf("%s: %d, %v", lines, n, err)
				}
				time.Sleep(4 * time.Second)
			}
			if len(w.asked) != want {
				t.Errorf("%q: asked %d times in 8 s, want %d", lines, len(w.asked), want)
			}
		})
	}
}

func TestOldSoundIsPlayedWhenTheServerFails(t *testing.T) {
	inWeb(t, func(w *web, play func(string) (int, error)) {
		w.answer = sounds(200, 800, "Cache-Control: max-age=1")
		if n, _ := play(site); n != 800 {
			t.Fatal(n)
		}
		time.Sleep(time.Minute)
		w.answer = sounds(503, 0)
		if n, err := play(site); n != 800 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
	})
}

func TestServerThatHangsIsGivenUpInTime(t *testing.T) {
	hang := func(r *http.Request) (*http.Response, error) { <-r.Context().Done(); return nil, r.Context().Err() }
	stuck := func(r *http.Request) (*http.Response, error) {
		res, _ := sounds(200, 800)(r)
		res.Body = io.NopCloser(io.MultiReader(io.LimitReader(res.Body, 60), waits{r.Context()}))
		return res, nil
	}
	for what, answer := range map[string]func(*http.Request) (*http.Response, error){"no answer": hang, "half a file": stuck} {
		inWeb(t, func(w *web, play func(string) (int, error)) {
			w.answer = answer
			begun := time.Now()
			n, err := play(site)
			if !errors.Is(err, ErrFetch) || !strings.Contains(err.Error(), "within") || n != 0 {
				t.Errorf("%s: %d, %v", what, n, err)
			}
			if d := time.Since(begun); d > 5*time.Second {
				t.Errorf("%s: given up after %s", what, d)
			}
		})
	}
}

type waits struct{ ctx context.Context }

func (w waits) Read([]byte) (int, error) { <-w.ctx.Done(); return 0, w.ctx.Err() }

func TestServersOfOneTenantThatHangHoldUpNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &web{answer: func(r *http.Request) (*http.Response, error) {
			if r.URL.Host == "acme.test" {
				return sounds(200, 800)(r)
			}
			<-r.Context().Done()
			return nil, r.Context().Err()
		}}
		l := start(t, Config{HTTP: func(string) *http.Client { return &http.Client{Transport: w} }})
		for i := range 100 {
			if _, err := l.Open(context.Background(), "noisy", verb.Audio{Name: fmt.Sprintf("https://slow.test/%d.wav", i)}); err != nil {
				t.Fatal(err)
			}
		}
		begun := time.Now()
		if got, err := all(t, open(t, l, verb.Audio{Name: site})); err != nil || len(got) != 800 || time.Since(begun) > 100*time.Millisecond {
			t.Errorf("%d samples, %v, after %s", len(got), err, time.Since(begun))
		}
	})
}

func TestMP3AndRawCodesFromDiskAndFolders(t *testing.T) {
	dir := t.TempDir()
	mp3, err := os.ReadFile("mp3/testdata/mono22.mp3")
	if err := errors.Join(err, os.Mkdir(filepath.Join(dir, "lv"), 0o700), os.WriteFile(filepath.Join(dir, "lv", "hello.mp3"), mp3, 0o600),
		os.WriteFile(filepath.Join(dir, "raw.ulaw"), bytes.Repeat([]byte{0x55}, 320), 0o600)); err != nil {
		t.Fatal(err)
	}
	l := start(t, Config{Folder: folder(dir)})
	for name, least := range map[string]int{"lv/hello": 8000, "lv/hello.mp3": 8000, "raw": 320, "raw.ulaw": 320} {
		if got, err := all(t, open(t, l, verb.Audio{Name: name})); err != nil || len(got) < least {
			t.Errorf("%s: %d samples, %v", name, len(got), err)
		}
	}
	if _, err := all(t, open(t, l, verb.Audio{Name: "raw.alaw"})); !errors.Is(err, ErrUnknown) {
		t.Errorf("raw.alaw: %v", err)
	}
}
