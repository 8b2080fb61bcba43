package real

import (
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
)

// Webhook answers every ask with one document and keeps the asks.
type Webhook struct {
	URL string

	mu   sync.Mutex
	asks [][]byte
}

// StartWebhook serves a document.
func StartWebhook(t *testing.T, document string) *Webhook {
	t.Helper()
	return StartHandler(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, document)
	}))
}

// StartHandler serves a handler.
func StartHandler(t *testing.T, h http.Handler) *Webhook {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	w := &Webhook{URL: "http://" + l.Addr().String()}
	server := &http.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(io.LimitReader(r.Body, 1<<20))
		w.mu.Lock()
		w.asks = append(w.asks, body)
		w.mu.Unlock()
		h.ServeHTTP(rw, r)
	})}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close(); <-done })
	return w
}

// Asked counts the asks.
func (w *Webhook) Asked() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.asks)
}
