package recordings_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"github.com/offhook/offhook/edge/recordings"
	"github.com/offhook/offhook/edge/sound/wav"
)

var day = time.Date(2026, 3, 1, 23, 30, 0, 0, time.FixedZone("", 3600)) // 22:30 UTC

func open(t *testing.T, cfg recordings.Config) *recordings.Store {
	t.Helper()
	if cfg.Folder == "" {
		cfg.Folder = t.TempDir()
	}
	s, err := recordings.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func create(t *testing.T, s *recordings.Store, name string, channels int) *recordings.File {
	t.Helper()
	f, err := s.Create(recordings.New{Tenant: "demo", Name: name, ID: "call_1-7", At: day, Rate: 8000, Channels: channels})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// made stores one second of a level.
func made(t *testing.T, s *recordings.Store, name string, level int16) (recordings.Stored, error) {
	t.Helper()
	f := create(t, s, name, 1)
	if err := f.Write(slices.Repeat([]int16{level}, 8000)); err != nil {
		t.Fatal(err)
	}
	return f.Store(t.Context())
}

func fetch(t *testing.T, s *recordings.Store, location string) []byte {
	t.Helper()
	r, size, err := s.Get(t.Context(), location)
	if err != nil {
		t.Fatal(location, err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil || int64(len(b)) != size {
		t.Fatalf("%d bytes of %d, %v", len(b), size, err)
	}
	return b
}

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

func TestRecordingIsAWaveFileInItsFolder(t *testing.T) {
	dir := t.TempDir()
	s := open(t, recordings.Config{Folder: dir})
	f := create(t, s, "", 2)
	for range 50 {
		if err := f.Write(slices.Repeat([]int16{1000, -2000}, 160)); err != nil {
			t.Fatal(err)
		}
	}
	st, err := f.Store(t.Context())
	if err != nil || st.Location != "demo/2026-03-01/call_1-7.wav" || st.Bytes != 44+50*160*4 {
		t.Fatalf("%+v %v", st, err)
	}
	b, err := os.ReadFile(filepath.Join(dir, st.Location))
	if err != nil || sum(b) != st.SHA256 || !bytes.Equal(b, fetch(t, s, st.Location)) {
		t.Fatal("the file is not what was told", err)
	}
	if got := string(b[:48]); got != wantHeader(50*160*4)+"\xe8\x03\x30\xf8" {
		t.Errorf("header %q", got)
	}
	if left := below(t, filepath.Join(dir, ".edge")); len(left) > 0 {
		t.Error("left over:", left)
	}
}

// wantHeader is the canonical header of 8 kHz, 16 bit, two channels.
func wantHeader(data int) string {
	le := func(n, v int) string {
		b := []byte{byte(v), byte(v >> 8), byte(v >> 16), byte(v >> 24)}
		return string(b[:n])
	}
	return "RIFF" + le(4, 36+data) + "WAVEfmt " + le(4, 16) + le(2, 1) + le(2, 2) + le(4, 8000) + le(4, 32000) + le(2, 4) + le(2, 16) + "data" + le(4, data)
}

func below(t *testing.T, dir string) (list []string) {
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // a store that runs has moved it meanwhile
		}
		if err == nil && !d.IsDir() {
			list = append(list, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestNamesAreNeverPaths(t *testing.T) {
	dir := t.TempDir()
	s := open(t, recordings.Config{Folder: dir})
	for name, want := range map[string]string{
		"greeting-+371":         "greeting-+371.wav",
		"Ilzes sveiciens āē":    "Ilzes sveiciens āē.wav",
		"a.WAV":                 "a.wav",
		"../../etc/passwd":      "-..-etc-passwd.wav",
		"..":                    "call_1-7.wav",
		"/abs":                  "-abs.wav",
		`C:\x`:                  "C--x.wav",
		"a\r\nb\x00c\u202e":     "a--b-c-.wav",
		".hidden":               "hidden.wav",
		"///":                   "call_1-7.wav",
		"a?b#c%2f":              "a-b-c-2f.wav",
		"bad \xff utf8":         "bad  utf8.wav",
		strings.Repeat("ā", 90): strings.Repeat("ā", 60) + ".wav",
	} {
		st, err := made(t, s, name, 1)
		if err != nil || st.Location != "demo/2026-03-01/"+want && !strings.HasPrefix(want, "call_1-7") {
			t.Errorf("%q became %q, want %q (%v)", name, st.Location, want, err)
		}
	}
	for _, path := range below(t, dir) {
		if filepath.Dir(path) != filepath.Join(dir, "demo/2026-03-01") {
			t.Error("outside:", path)
		}
	}
}

func TestAnExistingNameGetsASuffix(t *testing.T) {
	s := open(t, recordings.Config{})
	var at []string
	for i := range 3 {
		st, err := made(t, s, "a", int16(i))
		if err != nil {
			t.Fatal(err)
		}
		at = append(at, filepath.Base(st.Location))
	}
	if !slices.Equal(at, []string{"a.wav", "a-2.wav", "a-3.wav"}) {
		t.Error(at)
	}
	// also among those being made at the same time
	f, g := create(t, s, "b", 1), create(t, s, "b", 1)
	x, err := g.Store(t.Context())
	y, err2 := f.Store(t.Context())
	if errors.Join(err, err2) != nil || x.Location == y.Location {
		t.Error(x, y, err, err2)
	}
}

func TestOnlyRecordingsCanBeFetched(t *testing.T) {
	dir := t.TempDir()
	s := open(t, recordings.Config{Folder: filepath.Join(dir, "r"), Node: "n"})
	f := create(t, s, "x", 1)
	if err := errors.Join(os.WriteFile(filepath.Join(dir, "secret"), nil, 0o600), os.Symlink(filepath.Join(dir, "secret"), filepath.Join(dir, "r", "link"))); err != nil {
		t.Fatal(err)
	}
	for _, location := range []string{"../secret", "link", "/etc/passwd", ".n/making/demo/2026-03-01/x.wav", "demo/../.n/making/demo/2026-03-01/x.wav", "", "demo", "s3://b/x"} {
		if r, _, err := s.Get(t.Context(), location); err == nil {
			t.Error(location, "was given")
			r.Close()
		}
	}
	if _, err := f.Store(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestFileIsReadableWhileItIsMadeAndFinishedAfterACrash(t *testing.T) {
	dir := t.TempDir()
	s := open(t, recordings.Config{Folder: dir, Node: "riga"})
	f := create(t, s, "long", 2)
	for range 15 * 50 {
		if err := f.Write(make([]int16, 320)); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, ".riga/making/demo/2026-03-01/long.wav")
	b, err := os.ReadFile(path)
	if err != nil || string(b[:44]) != wantHeader(10*32000) {
		t.Fatalf("%q %v", b[:44], err)
	}
	if err := os.Truncate(path, int64(44+15*32000-3)); err != nil { // the last write was cut
		t.Fatal(err)
	}
	again := open(t, recordings.Config{Folder: dir, Node: "riga"})
	run(t, again)
	got := eventually(t, again, "demo/2026-03-01/long.wav")
	if string(got[:44]) != wantHeader(15*32000-4) {
		t.Errorf("%q", got[:44])
	}
	if pcm, err := wav.Read(bytes.NewReader(got), wav.Options{}); err != nil || len(pcm) < 15*8000-1 {
		t.Error(len(pcm), err)
	}
}

func TestAnotherNodesUnfinishedFilesAreLeftAlone(t *testing.T) {
	dir := t.TempDir()
	s := open(t, recordings.Config{Folder: dir, Node: "riga"})
	f := create(t, s, "x", 1)
	create(t, open(t, recordings.Config{Folder: dir, Node: "oslo"}), "zzz", 1) // of a process that died
	other := open(t, recordings.Config{Folder: dir, Node: "oslo"})
	run(t, other)
	eventually(t, other, "demo/2026-03-01/zzz.wav")
	if st, err := f.Store(t.Context()); err != nil || st.Location != "demo/2026-03-01/x.wav" {
		t.Error(st, err)
	}
}

// run runs a store until the test ends.
func run(t *testing.T, s *recordings.Store) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// until waits for what a running store does; it tells nobody.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for begun := time.Now(); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Since(begun) > time.Minute {
			t.Fatal("never: ", what)
		}
	}
}

func eventually(t *testing.T, s *recordings.Store, location string) []byte {
	t.Helper()
	until(t, location, func() bool {
		r, size, err := s.Get(t.Context(), location)
		return err == nil && r.Close() == nil && size > 0 // empty: its name is taken, the file comes
	})
	return fetch(t, s, location)
}

// cloud is an S3 server in this process, which can be away.
type cloud struct {
	*httptest.Server
	away    atomic.Bool
	most    atomic.Int64 // puts at once
	atOnce  atomic.Int64
	meet    chan struct{} // puts wait here until three are there, and a moment for a fourth
	met     sync.Once
	dropped atomic.Int64 // answers that get lost after the work was done
}

func newCloud(t *testing.T) *cloud {
	t.Setenv("AWS_ACCESS_KEY_ID", "id")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	back := s3mem.New()
	if err := back.CreateBucket("acme"); err != nil {
		t.Fatal(err)
	}
	c := &cloud{}
	inner := gofakes3.New(back).Server()
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c.away.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		if r.Method == http.MethodPut {
			n := c.atOnce.Add(1)
			defer c.atOnce.Add(-1)
			for most := c.most.Load(); n > most && !c.most.CompareAndSwap(most, n); most = c.most.Load() {
			}
			c.gather(n)
		}
		if r.Method == http.MethodPut && c.dropped.Add(-1) >= 0 {
			inner.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		}
		inner.ServeHTTP(w, r)
	}))
	t.Cleanup(c.Close)
	return c
}

func (c *cloud) gather(n int64) {
	if c.meet == nil {
		return
	}
	if n == 3 {
		c.met.Do(func() { time.Sleep(20 * time.Millisecond); close(c.meet) })
	}
	<-c.meet
}

func (c *cloud) store() string { return "s3://acme/pbx/calls?region=eu-north-1&endpoint=" + c.URL }

func TestBucketTakesRecordings(t *testing.T) {
	c := newCloud(t)
	dir := t.TempDir()
	s := open(t, recordings.Config{Folder: dir, Store: c.store()})
	st, err := made(t, s, "a", 7)
	if err != nil || st.Location != "s3://acme/pbx/calls/demo/2026-03-01/a.wav" {
		t.Fatalf("%+v %v", st, err)
	}
	if got := fetch(t, s, st.Location); sum(got) != st.SHA256 || int64(len(got)) != st.Bytes {
		t.Error("another file came back")
	}
	again, err := made(t, s, "a", 8)
	if err != nil || again.Location != "s3://acme/pbx/calls/demo/2026-03-01/a-2.wav" || sum(fetch(t, s, st.Location)) != st.SHA256 {
		t.Errorf("%+v %v", again, err)
	}
	if left := below(t, dir); len(left) > 0 {
		t.Error("left over:", left)
	}
	if s.String() != "s3://acme/pbx/calls/" {
		t.Error(s)
	}
	if _, _, err := s.Get(t.Context(), "s3://acme/pbx/calls/demo/2026-03-01/none.wav"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func TestAnAnswerThatWasLostIsNoSecondObject(t *testing.T) {
	c := newCloud(t)
	s := open(t, recordings.Config{Store: c.store()})
	c.dropped.Store(1)
	st, err := made(t, s, "a", 7)
	if err != nil || st.Location != "s3://acme/pbx/calls/demo/2026-03-01/a.wav" {
		t.Fatalf("%+v %v", st, err)
	}
}

func TestBucketThatIsAwayGetsItLater(t *testing.T) {
	c := newCloud(t)
	dir := t.TempDir()
	s := open(t, recordings.Config{Folder: dir, Store: c.store(), Patience: 200 * time.Millisecond})
	c.away.Store(true)
	st, err := made(t, s, "a", 7)
	if err == nil || !strings.Contains(err.Error(), "kept at the edge") || st.Location != "s3://acme/pbx/calls/demo/2026-03-01/a.wav" || st.Bytes == 0 {
		t.Fatalf("%+v %v", st, err)
	}
	if sum(fetch(t, s, st.Location)) != st.SHA256 {
		t.Error("what waits cannot be fetched")
	}
	c.away.Store(false)
	run(t, s)
	until(t, "it is uploaded", func() bool { return len(below(t, dir)) == 0 })
	if sum(fetch(t, s, st.Location)) != st.SHA256 {
		t.Error("another file")
	}
}

func TestRestartUploadsWhatWaits(t *testing.T) {
	c := newCloud(t)
	dir := t.TempDir()
	cfg := recordings.Config{Folder: dir, Store: c.store(), Patience: 50 * time.Millisecond}
	c.away.Store(true)
	st, err := made(t, open(t, cfg), "a", 7)
	if err == nil {
		t.Fatal("taken")
	}
	c.away.Store(false)
	run(t, open(t, cfg))
	until(t, "it is uploaded", func() bool { return len(below(t, dir)) == 0 })
	if got := fetch(t, open(t, recordings.Config{Store: c.store()}), st.Location); sum(got) != st.SHA256 {
		t.Error("another file")
	}
}

func TestUploadsAtOnceAreBounded(t *testing.T) {
	c := newCloud(t)
	c.meet = make(chan struct{})
	s := open(t, recordings.Config{Store: c.store(), Uploads: 3})
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			if _, err := made(t, s, fmt.Sprint("r", i), 1); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if most := c.most.Load(); most != 3 {
		t.Errorf("%d at once", most)
	}
}

func TestBadStoresAreToldAtOnce(t *testing.T) {
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(t.TempDir(), "none"))
	t.Setenv("AWS_REGION", "")
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for store, want := range map[string]string{
		"s3://":                                "want a folder or s3://BUCKET",
		"s3://acme/x":                          "no region",
		"s3://acme?region=a&zone=b":            `not "zone"`,
		"s3://acme?region=a&endpoint=minio:90": "endpoint: want http://HOST",
		"https://acme.test/x":                  "want a folder or s3://BUCKET",
		"s3://id:hush@acme?region=a":           "want a folder",
		file:                                   "not a directory",
	} {
		_, err := recordings.Open(recordings.Config{Folder: t.TempDir(), Store: store})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: %v", store, err)
		}
	}
}

// Whoever is done tidies folders away in which another is about to begin.
func TestARecordingBeginsWhileItsFolderIsTidied(t *testing.T) {
	dir := t.TempDir()
	s := open(t, recordings.Config{Folder: dir, Node: "riga"})
	tenant := filepath.Join(dir, ".riga/making/demo")
	done := make(chan struct{})
	var tidying sync.WaitGroup
	tidying.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				_ = os.Remove(filepath.Join(tenant, "2026-03-01"))
				_ = os.Remove(tenant)
			}
		}
	})
	for range 40 {
		f := create(t, s, "a", 1)
		if _, err := f.Store(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	close(done)
	tidying.Wait()
}
