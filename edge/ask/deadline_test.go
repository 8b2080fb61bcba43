package ask

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	schema "github.com/offhook/offhook/schemas/ask"
	"github.com/offhook/offhook/schemas/verb"
)

// pipes is a network of one HTTP server within a synctest bubble.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	server *http.Server
	done   chan struct{}
}

func servePipes(h http.Handler) *pipes {
	p := &pipes{conns: make(chan net.Conn), closed: make(chan struct{}), done: make(chan struct{})}
	p.server = &http.Server{Handler: h}
	go func() { defer close(p.done); p.server.Serve(p) }()
	return p
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	close(p.closed)
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipes) stop() {
	p.server.Close()
	<-p.done
}

func (p *pipes) transport() *http.Transport {
	return &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		select {
		case p.conns <- theirs:
			return ours, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}}
}

func hangs(w http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

// drips sends a byte a second, for ever.
func drips(w http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "application/json")
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			w.Write([]byte(" "))
			w.(http.Flusher).Flush()
		case <-r.Context().Done():
			return
		}
	}
}

func TestCallerNeverWaitsSixSeconds(t *testing.T) {
	long := Policy{Tenant: "demo", Timeout: 15 * time.Second, Fallback: verb.Document{&verb.Hangup{}}}
	both := long
	both.FallbackURL = "http://webhook.test/other"
	usual := Policy{Tenant: "demo", Fallback: verb.Document{&verb.Hangup{}}}
	short := Policy{Tenant: "demo", Timeout: time.Millisecond, Fallback: verb.Document{&verb.Hangup{}}}
	tests := []struct {
		name   string
		policy Policy
		h      http.HandlerFunc
		took   time.Duration
		ways   int
	}{
		{"silent webhook, default timeout", usual, hangs, 5 * time.Second, 1},
		{"silent webhook, least timeout", short, hangs, time.Second, 1},
		{"silent webhook, longest timeout", long, hangs, silence, 1},
		{"silent webhook and silent fallback", both, hangs, silence, 2},
		{"a byte a second", usual, drips, 5 * time.Second, 1},
		{"a byte a second from both", both, drips, silence, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				net := servePipes(tt.h)
				k := New(Config{Transport: net.transport()})
				ans := k.Ask(t.Context(), tt.policy, "http://webhook.test/", payload())
				if !ans.OK || ans.Source != "fallback" || ans.Took != tt.took || len(ans.Failures) != tt.ways {
					t.Errorf("%+v", ans)
				}
				for _, f := range ans.Failures {
					if f.Code != CodeTimeout {
						t.Errorf("%+v", f)
					}
				}
				net.stop()
				k.Close()
			})
		})
	}
}

func TestEventAskHasItsWholeTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := servePipes(http.HandlerFunc(hangs))
		k := New(Config{Transport: net.transport()})
		a := payload()
		a.Reason = schema.ReasonEvent
		ans := k.Ask(t.Context(), Policy{Timeout: 10 * time.Second, FallbackURL: "http://webhook.test/other"}, "http://webhook.test/", a)
		if ans.OK || ans.Took != 20*time.Second || len(ans.Failures) != 2 {
			t.Errorf("%+v", ans)
		}
		net.stop()
		k.Close()
	})
}

func TestFunctionThatIgnoresItsDeadlineKeepsNobodyWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		deaf := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { <-release })
		k := New(Config{Functions: map[string]http.Handler{"deaf": deaf}})
		p := Policy{Tenant: "demo", Concurrent: 1}
		ans := k.Ask(t.Context(), p, "fn:deaf", payload())
		if ans.OK || ans.Failures[0].Code != CodeTimeout || ans.Took != 5*time.Second {
			t.Errorf("%+v", ans)
		}
		if ans = k.Ask(t.Context(), p, "fn:deaf", payload()); ans.OK || ans.Failures[0].Code != CodeOverloaded {
			t.Errorf("its place was given away while it ran: %+v", ans)
		}
		close(release)
		k.Close()
	})
}

func TestNoConnectionIsTriedTwiceThenFallsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		d := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			tries++
			ctx, cancel := context.WithTimeout(ctx, connectTimeout)
			defer cancel()
			<-ctx.Done()
			return nil, dialFault(context.Background(), ctx.Err())
		}}
		ans := New(Config{Transport: d}).Ask(t.Context(), Policy{}, "http://webhook.test/", payload())
		if f := ans.Failures[0]; ans.OK || tries != 2 || f.Code != CodeTimeout || f.Attempts != 2 || !strings.Contains(f.Detail, "no connection") || ans.Took != 2*connectTimeout+retryPause {
			t.Errorf("%+v", ans)
		}
	})
}

func TestHangingHostOpensItsBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := servePipes(http.HandlerFunc(hangs))
		k := New(Config{Transport: net.transport()})
		answers := make(chan Answer)
		for range breakerLeast {
			go func() { answers <- k.Ask(t.Context(), Policy{}, "http://webhook.test/", payload()) }()
		}
		for range breakerLeast {
			<-answers
		}
		ans := k.Ask(t.Context(), Policy{}, "http://webhook.test/", payload())
		if f := ans.Failures[0]; f.Code != CodeCircuitOpen || !strings.Contains(f.Detail, "last: timeout") || ans.Took != 0 {
			t.Errorf("%+v", ans)
		}
		if ans = k.Ask(t.Context(), Policy{}, "http://well.test/", payload()); ans.Failures[0].Code != CodeTimeout {
			t.Errorf("another host is held back too: %+v", ans)
		}
		net.stop()
		k.Close()
	})
}
