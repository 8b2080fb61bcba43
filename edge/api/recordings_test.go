package api_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"strings"
	"testing"

	"github.com/offhook/offhook/edge/api"
	"github.com/offhook/offhook/schemas/config"
)

// shelf has one recording.
type shelf struct{}

func (shelf) Get(_ context.Context, location string) (io.ReadCloser, int64, error) {
	switch location {
	case "acme/2026-03-01/a.wav":
		return io.NopCloser(strings.NewReader("RIFF")), 4, nil
	case "s3://away/a.wav":
		return nil, 0, errors.New("dial 10.0.0.9")
	}
	return nil, 0, fs.ErrNotExist
}

func TestAStoredRecordingIsSentToItsTenant(t *testing.T) {
	w := newWorld()
	for i, location := range []string{"acme/2026-03-01/a.wav", "acme/elsewhere.wav", "s3://away/a.wav", ""} {
		d := ev("call_a", i+2, "recording.stored", "acme")
		d.Data = []byte(`{"tenant":"acme","recording":"call_a-` + string(rune('1'+i)) + `","location":"` + location + `"}`)
		w.past["call_a"] = append(w.past["call_a"], d)
	}
	h := api.New(api.Config{Calls: w, Log: w, Tenants: func() *config.Config { return w.config }, Recordings: shelf{}, Logger: slog.New(slog.DiscardHandler)})
	got := ask(h, "GET /v1/recordings/call_a-1", "acme", "")
	if got.code != 200 || got.body != "RIFF" || got.header.Get("Content-Type") != "audio/wav" || got.header.Get("Content-Length") != "4" {
		t.Errorf("%+v", got)
	}
	for _, c := range []struct{ id, key, code string }{
		{"call_a-1", "bolt", "no_such_recording"}, {"call_a-2", "acme", "recording_not_here"}, {"call_a-3", "acme", "recording_unavailable"},
		{"call_a-4", "acme", "no_such_recording"}, {"call_a-9", "acme", "no_such_recording"}, {"call_a", "acme", "no_such_recording"}, {"-1", "acme", "no_such_recording"},
	} {
		got := ask(h, "GET /v1/recordings/"+c.id, c.key, "")
		if got.problem(t) != c.code || strings.Contains(got.body, "10.0.0.9") {
			t.Errorf("%s: %d %s", c.id, got.code, got.body)
		}
	}
	w.logDown = true
	if got := ask(h, "GET /v1/recordings/call_a-1", "acme", ""); got.problem(t) != "log_unavailable" {
		t.Error(got.body)
	}
}
