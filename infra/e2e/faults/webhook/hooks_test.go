//go:build e2e

package webhook

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/offhook/offhook/infra/e2e/real"
)

const (
	hangUp = `[{"verb":"hangup"}]`
	huge   = 300 << 20
)

// answers says one thing.
func answers(status int, kind, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func hangs(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// drips sends a byte a second, a good document that is never complete in time.
func drips(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for i := 0; i < len(hangUp); i++ {
		select {
		case <-tick.C:
			_, _ = io.WriteString(w, hangUp[i:i+1])
			w.(http.Flusher).Flush()
		case <-r.Context().Done():
			return
		}
	}
}

// floods sends 300 MB that begin well, as long as somebody reads.
func floods(sent *atomic.Int64) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		block := make([]byte, 64<<10)
		for i := range block {
			block[i] = ' '
		}
		for n := 0; n < huge; n += len(block) {
			k, err := w.Write(block)
			sent.Add(int64(k))
			if err != nil {
				return
			}
		}
	}
}

// serve gives a handler's URL.
func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	return real.StartHandler(t, h).URL + "/call"
}

// selfSigned is a good webhook behind a certificate that nobody trusts.
func selfSigned(t *testing.T) string {
	t.Helper()
	s := httptest.NewUnstartedServer(answers(200, "application/json", hangUp))
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // it complains of every handshake
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.URL + "/call"
}

// closed is a port that refuses.
func closed(t *testing.T) string {
	t.Helper()
	return fmt.Sprintf("http://127.0.0.1:%d/call", real.Port(t, 1))
}

// rebinding is a host that belongs to an attacker: its names lead to 127.0.0.2, which the tenant may ask, and from the
// second look-up on to 127.0.0.1, which it may not, where a service listens at the same port.
type rebinding struct {
	port     int
	reached  atomic.Int64 // connections that the protected service got
	answered atomic.Int64 // asks that the attacker's own host got
}

func startRebinding(t *testing.T) *rebinding {
	t.Helper()
	r := &rebinding{port: real.Port(t, 1)}
	protected, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", r.port))
	if err != nil {
		t.Fatal(err)
	}
	evil, err := net.Listen("tcp", fmt.Sprintf("127.0.0.2:%d", r.port))
	if err != nil {
		t.Fatal(err)
	}
	r.serve(t, protected, func(w http.ResponseWriter, q *http.Request) {
		r.reached.Add(1)
		answers(200, "application/json", hangUp)(w, q)
	})
	r.serve(t, evil, func(w http.ResponseWriter, q *http.Request) {
		r.answered.Add(1)
		w.Header().Set("Connection", "close") // so that the same name is looked up and dialled anew
		http.Redirect(w, q, q.URL.Path+"/inner", http.StatusTemporaryRedirect)
	})
	return r
}

func (r *rebinding) serve(t *testing.T, l net.Listener, h http.HandlerFunc) {
	server := &http.Server{Handler: h, BaseContext: func(net.Listener) context.Context { return context.Background() }}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close(); <-done })
}
