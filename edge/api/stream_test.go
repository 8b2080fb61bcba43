package api_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/offhook/offhook/events"
)

func contextOf(t *testing.T) (context.Context, context.CancelFunc) {
	return context.WithCancel(t.Context())
}

// reader is the client's end of a stream. While it is stuck its writer waits, as a full socket does, until the deadline.
type reader struct {
	mu       sync.Mutex
	text     strings.Builder
	header   http.Header
	stuck    bool
	deadline time.Time
}

func (r *reader) Header() http.Header { return r.header }
func (r *reader) WriteHeader(int)     {}
func (r *reader) FlushError() error   { return nil }
func (r *reader) SetWriteDeadline(at time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.deadline = at
	return nil
}

func (r *reader) Write(b []byte) (int, error) {
	r.mu.Lock()
	stuck, deadline := r.stuck, r.deadline
	if !stuck {
		r.text.Write(b)
	}
	r.mu.Unlock()
	if stuck {
		time.Sleep(time.Until(deadline))
		return 0, os.ErrDeadlineExceeded
	}
	return len(b), nil
}

func (r *reader) stick() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stuck = true
}

// got is what came since the last look.
func (r *reader) got() string {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.text.Reset()
	return r.text.String()
}

// listen opens the stream; done is closed when it ends.
func listen(t *testing.T, w *world, query, key string) (r *reader, cancel func(), done chan struct{}) {
	t.Helper()
	ctx, cancel := contextOf(t)
	r, done = &reader{header: http.Header{}}, make(chan struct{})
	req := httptest.NewRequestWithContext(ctx, "GET", "/v1/events"+query, nil)
	req.Header.Set("X-API-Key", "key-"+key)
	go func() { defer close(done); w.handler(false).ServeHTTP(r, req) }()
	if got := r.got(); got != ": offhook events\n\n" || r.header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("the stream begins %q %v", got, r.header)
	}
	return r, cancel, done
}

func TestTheStreamHasWhatIsChosen(t *testing.T) {
	for _, c := range []struct{ query, key, want string }{
		{"", "all", "call_a-1 call_a-2 call_b-1"},
		{"", "acme", "call_a-1 call_a-2"},
		{"?call=call_b", "all", "call_b-1"},
		{"?call=call_b", "acme", ""},
		{"?type=call.*", "all", "call_a-1 call_b-1"},
		{"?type=verb.ended", "all", "call_a-2"},
		{"?type=offhook.call.held", "all", "call_a-1 call_b-1"},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld()
			r, cancel, done := listen(t, w, c.query, c.key)
			for _, d := range []events.Delivered{ev("call_a", 1, "call.held", "acme"), ev("call_a", 2, "verb.ended", "acme"), ev("call_b", 1, "call.held", "bolt")} {
				_ = w.feed.Take(d)
			}
			var ids []string
			for line := range strings.Lines(r.got()) {
				if id, ok := strings.CutPrefix(line, "id: "); ok {
					ids = append(ids, strings.TrimSpace(id))
				}
			}
			if got := strings.Join(ids, " "); got != c.want {
				t.Errorf("%s with the key of %s: %s, want %s", c.query, c.key, got, c.want)
			}
			cancel()
			<-done
		})
	}
}

func TestAnEventOfTheStreamIsOneBlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r, cancel, done := listen(t, w, "", "all")
		bad := ev("call_a", 1, "x\ndata: forged", "acme")
		bad.ID, bad.Data, bad.Time = "1\r\nevent: forged", []byte("no\njson"), time.Now()
		_ = w.feed.Take(bad)
		want := "id: 1event: forged\nevent: offhook.xdata: forged\ndata: {"
		if got := r.got(); !strings.HasPrefix(got, want) || strings.Count(got, "\n") != 4 {
			t.Errorf("%q", got)
		}
		_ = w.feed.Take(ev("call_a", 2, "call.held", "acme"))
		if got := r.got(); !strings.Contains(got, "id: call_a-2\n") {
			t.Errorf("after a stranger's record: %q", got)
		}
		cancel()
		<-done
	})
}

func TestAQuietStreamIsKeptAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, cancel, done := listen(t, newWorld(), "", "all")
		time.Sleep(31 * time.Second)
		if got := r.got(); got != ": alive\n\n: alive\n\n" {
			t.Errorf("%q", got)
		}
		cancel()
		<-done
	})
}

func TestAReaderThatStallsIsLetGoAndHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		slow, _, slowDone := listen(t, w, "", "all")
		good, cancel, goodDone := listen(t, w, "", "all")
		slow.stick()
		began := time.Now()
		for n := range 5000 {
			_ = w.feed.Take(ev("call_a", n+1, "call.held", "acme"))
			if n%100 == 0 {
				synctest.Wait()
			}
		}
		if got := good.got(); !strings.Contains(got, "id: call_a-5000\n") {
			t.Error("the other reader missed events")
		}
		<-slowDone
		if took := time.Since(began); took != 10*time.Second {
			t.Errorf("let go after %s", took)
		}
		cancel()
		<-goodDone
	})
}
