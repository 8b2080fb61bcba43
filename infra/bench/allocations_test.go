package main

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/offhook/offhook/infra/bench/rtp"
	edge "github.com/offhook/offhook/infra/run"
)

// mostAllocations of a call that a webhook answers: signalling, core, two asks over HTTP, media ports, eleven events up to
// the spool, and the caller and webhook of this test. 725 were measured; who raises it says why.
const mostAllocations = 800

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// startEdge runs an edge in this process; its event log's broker is away, so that only its own work is counted.
func startEdge(t *testing.T, hook string) (sip string) {
	t.Helper()
	dir := t.TempDir()
	config := filepath.Join(dir, "offhook.yaml")
	text := "tenants:\n  bench:\n    answer: " + hook + "\n    trunks: {local: {allow: [127.0.0.0/8]}}\n    asks: {allow_private: [127.0.0.0/8]}\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	settings, err := edge.Load(config, nil)
	if err != nil {
		t.Fatal(err)
	}
	sip = freePort(t)
	first := 20000 + os.Getpid()%400*100 // packages are tested side by side
	o := edge.EdgeOptions{SIP: sip, RTP: "127.0.0.3:" + strconv.Itoa(first) + "-" + strconv.Itoa(first+4000), HTTP: freePort(t), Kafka: "127.0.0.1:1",
		Data: dir, Name: "bench", Grace: time.Second}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- edge.EdgeAlone(ctx, settings, o, slog.New(slog.DiscardHandler)) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return sip
}

func TestACallAllocatesNoMoreThanBefore(t *testing.T) {
	asked := make(chan struct{}, 10000)
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `[{"verb":"answer"},{"verb":"pause","for":"1h"}]`)
		asked <- struct{}{}
	}))
	defer hook.Close()
	caller, err := rtp.NewSIP(startEdge(t, hook.URL), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer caller.Close()
	caller.Answer(nil)
	calls := func(n int) {
		for range n {
			if _, err := caller.Timed("1"); err != nil {
				t.Fatal(err)
			}
		}
		for range 2 * n { // the call, and the notice of its hang-up
			<-asked
		}
	}
	calls(50)
	const n = 200
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	calls(n)
	runtime.ReadMemStats(&after)
	per := (after.Mallocs - before.Mallocs) / n
	t.Logf("%d allocations and %d bytes a call", per, (after.TotalAlloc-before.TotalAlloc)/n)
	if per > mostAllocations {
		t.Errorf("%d allocations a call, at most %d", per, mostAllocations)
	}
}
