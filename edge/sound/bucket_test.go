package sound

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"github.com/offhook/offhook/edge/bucket"
	"github.com/offhook/offhook/edge/sound/wav"
	"github.com/offhook/offhook/schemas/verb"
)

// cloud is an S3 server in this process. status, when set, is all that it answers.
type cloud struct {
	*httptest.Server
	mu     sync.Mutex
	status int
	gets   int // of objects
}

func newCloud(t *testing.T) *cloud {
	t.Setenv("AWS_ACCESS_KEY_ID", "id")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_MAX_ATTEMPTS", "1")
	back := s3mem.New()
	if err := back.CreateBucket("acme"); err != nil {
		t.Fatal(err)
	}
	c, inner := &cloud{}, gofakes3.New(back).Server()
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		status := c.status
		if r.Method == http.MethodGet && !r.URL.Query().Has("list-type") {
			c.gets++
		}
		c.mu.Unlock()
		if status != 0 {
			w.WriteHeader(status)
			return
		}
		inner.ServeHTTP(w, r)
	}))
	t.Cleanup(c.Close)
	return c
}

func (c *cloud) answers(status int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.status = status
}

func (c *cloud) fetched() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.gets
}

func (c *cloud) store(prefix string) string {
	return "s3://acme/" + prefix + "?region=eu-north-1&endpoint=" + c.URL
}

// library has each tenant's samples below a prefix of its own.
func (c *cloud) library(t *testing.T) *Library {
	return start(t, Config{Folder: func(tenant string) string { return c.store("sounds/" + tenant) }})
}

func (c *cloud) put(t *testing.T, key string, content []byte) {
	t.Helper()
	b, err := bucket.Open(c.store(""))
	if err == nil {
		err = b.Put(t.Context(), bucket.Object{Key: key, Bytes: int64(len(content)), Type: "audio/wav"}, bytes.NewReader(content), false)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func wave(t *testing.T, n int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := wav.Write(&b, wav.Rate, make([]int16, n)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// later makes all that is kept overdue.
func (l *Library) later() {
	l.store.mu.Lock()
	defer l.store.mu.Unlock()
	for _, e := range l.store.entries {
		e.Value.(*entry).until = time.Time{}
	}
}

func heard(t *testing.T, l *Library, name string) (int, error) {
	t.Helper()
	got, err := all(t, open(t, l, verb.Audio{Name: name}))
	return len(got), err
}

func TestUploadsGoToTheBucketAndAreHeardFromIt(t *testing.T) {
	c := newCloud(t)
	l, other, ctx := c.library(t), c.library(t), context.Background()
	if list, err := l.Samples(ctx, "demo"); err != nil || len(list) != 0 {
		t.Fatalf("%v, %v", list, err)
	}
	for i, n := range []int{1600, 3200} { // the second takes the place of the first
		s, err := l.Keep(ctx, "demo", "hello", "hello.wav", "", wave(t, n))
		if err != nil || s.Name != "hello" || s.File != "hello.wav" || s.DurationMS != int64(n/8) {
			t.Fatalf("%d: %+v, %v", i, s, err)
		}
		if got, err := heard(t, l, "hello"); got != n || err != nil {
			t.Errorf("%d: heard %d samples, %v", i, got, err)
		}
	}
	if got, err := heard(t, other, "hello.wav"); got != 3200 || err != nil {
		t.Errorf("another edge: heard %d samples, %v", got, err)
	}
	s, f, err := l.Sample(ctx, "demo", "hello")
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(f)
	if err != nil || int64(len(content)) != s.Bytes || !bytes.Equal(content, wave(t, 3200)) {
		t.Errorf("%d bytes of %d, %v", len(content), s.Bytes, err)
	}
	if list, err := l.Samples(ctx, "demo"); err != nil || len(list) != 1 || list[0].Name != "hello" || list[0].Bytes != s.Bytes {
		t.Errorf("%+v, %v", list, err)
	}
	if list, err := l.Samples(ctx, "acme"); err != nil || len(list) != 0 {
		t.Errorf("another tenant's: %+v, %v", list, err)
	}
	if err := l.Discard(ctx, "demo", "hello"); err != nil {
		t.Error(err)
	}
	if err := l.Discard(ctx, "demo", "hello"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("deleted twice: %v", err)
	}
	if _, err := heard(t, l, "hello"); !errors.Is(err, ErrUnknown) {
		t.Errorf("deleted and heard: %v", err)
	}
}

func TestUnchangedObjectIsNotFetchedAgain(t *testing.T) {
	c := newCloud(t)
	c.put(t, "sounds/demo/lv/hello.mp3", wave(t, 800)) // told apart by how it begins
	l := c.library(t)
	for range 3 {
		if n, err := heard(t, l, "lv/hello"); n != 800 || err != nil {
			t.Fatalf("%d, %v", n, err)
		}
		l.later()
	}
	if n := c.fetched(); n != 1 {
		t.Errorf("fetched %d times", n)
	}
	c.put(t, "sounds/demo/lv/hello.mp3", wave(t, 1600))
	for begun := time.Now(); ; time.Sleep(5 * time.Millisecond) { // the old one is heard while it is looked at
		l.later()
		if n, err := heard(t, l, "lv/hello"); n == 1600 && err == nil {
			break
		}
		if time.Since(begun) > time.Minute {
			t.Fatal("the new one is never heard")
		}
	}
}

func TestWhatABucketCannotGiveIsToldInWords(t *testing.T) {
	c := newCloud(t)
	c.put(t, "sounds/demo/page.wav", []byte("<html>"))
	c.put(t, "sounds/demo/large.wav", make([]byte, maxFetch+1))
	c.put(t, "sounds/demo/long.ulaw", bytes.Repeat([]byte{1}, maxSamples+1))
	for name, want := range map[string]string{"page": "not_audio", "large": "too_large", "long": "too_large", "nosuch": "not_found"} {
		if _, err := heard(t, c.library(t), name); Code(err) != want {
			t.Errorf("%s: %v is %s, want %s", name, err, Code(err), want)
		}
	}
	for status, want := range map[int]string{403: "refused", 404: "not_found", 500: "unreachable"} {
		c.answers(status)
		_, err := heard(t, c.library(t), "welcome")
		if Code(err) != want || !strings.Contains(err.Error(), "bucket") || strings.Contains(err.Error(), c.URL) {
			t.Errorf("%d: %v is %s, want %s", status, err, Code(err), want)
		}
	}
	gone := newCloud(t)
	gone.Close()
	if _, err := heard(t, gone.library(t), "welcome"); Code(err) != "unreachable" {
		t.Errorf("nobody listens: %v", err)
	}
	l := start(t, Config{Folder: func(string) string { return "s3://acme/x?region=eu-north-1&no=1" }})
	if _, err := heard(t, l, "welcome"); Code(err) != "refused" {
		t.Errorf("a bad URL: %v", err)
	}
}

func TestOldSampleIsPlayedWhileTheBucketIsAway(t *testing.T) {
	c := newCloud(t)
	c.put(t, "sounds/demo/hello.wav", wave(t, 800))
	l := c.library(t)
	for range 3 {
		if n, err := heard(t, l, "hello"); n != 800 || err != nil {
			t.Fatalf("%d, %v", n, err)
		}
		c.answers(503)
		l.later()
	}
}

func TestBucketWithoutTheSampleGivesTheBuiltInOne(t *testing.T) {
	l := newCloud(t).library(t)
	n, err := heard(t, l, "music")
	for ; errors.Is(err, ErrFetch); n, err = heard(t, l, "music") { // a busy machine makes it in time for who asks later
	}
	if n == 0 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if !slices.Contains(BuiltIn(), "music") {
		t.Error("music is not built in")
	}
}
