package run

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/offhook/offhook/edge/ask"
	"github.com/offhook/offhook/edge/sound"
	"github.com/offhook/offhook/edge/sound/wav"
	"github.com/offhook/offhook/schemas/verb"
)

// heard opens a URL as an edge does, for a tenant that allows some private addresses, and waits for its first frame.
func heard(t *testing.T, url string, allow ...netip.Prefix) error {
	t.Helper()
	asker := ask.New(ask.Config{})
	defer asker.Close()
	l := sound.New(sound.Config{HTTP: func(string) *http.Client { return asker.Client(ask.Policy{AllowPrivate: allow}) }})
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan error, 1)
	go func() { over <- l.Run(ctx) }()
	defer func() { cancel(); <-over }()
	src, err := l.Open(ctx, "demo", verb.Audio{Name: url})
	if err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for begun := time.Now(); time.Since(begun) < time.Minute; <-tick.C {
		if pcm, _, err := src.Frame(0); pcm != nil || err != nil {
			return err
		}
	}
	t.Fatal("never ready")
	return nil
}

func TestSoundsComeFromAllowedAddressesAlone(t *testing.T) {
	mux := http.NewServeMux()
	srv := httptest.NewServer(mux)
	defer srv.Close()
	mux.HandleFunc("/a.wav", func(w http.ResponseWriter, _ *http.Request) { _ = wav.Write(w, 8000, make([]int16, 800)) })
	mux.HandleFunc("/away", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, strings.Replace(srv.URL, "127.0.0.1", "127.0.0.2", 1)+"/a.wav", http.StatusFound)
	})
	mux.HandleFunc("/home", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/a.wav", http.StatusFound) })
	mux.HandleFunc("/round", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/round", http.StatusFound) })
	here := netip.MustParsePrefix("127.0.0.1/32")
	for _, path := range []string{"/a.wav", "/home"} {
		if err := heard(t, srv.URL+path, here); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	for _, c := range []struct {
		path  string
		allow []netip.Prefix
		why   string
	}{{"/a.wav", nil, "not a public address"}, {"/away", []netip.Prefix{here}, "not a public address"}, {"/round", []netip.Prefix{here}, "redirects"}} {
		if err := heard(t, srv.URL+c.path, c.allow...); !errors.Is(err, sound.ErrFetch) || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%s with %v: %v, want %q", c.path, c.allow, err, c.why)
		}
	}
}
