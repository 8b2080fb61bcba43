package ask

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// counted is a webhook that counts its connections.
func counted(t *testing.T, h http.Handler, start func(*httptest.Server)) (s *httptest.Server, opened *atomic.Int32) {
	t.Helper()
	opened = new(atomic.Int32)
	s = httptest.NewUnstartedServer(h)
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	start(s)
	t.Cleanup(s.Close)
	return s, opened
}

func TestConnectionsAreKept(t *testing.T) {
	for name, h := range map[string]http.Handler{
		"a body": says(200, "application/json", hangup),
		"none":   says(204, "", ""),
		"in chunks": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			says(200, "application/json", strings.Repeat(" ", 9000)+hangup)(w, r)
		}),
		"after a hint": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(103)
			says(200, "application/json", hangup)(w, r)
		}),
		"a large state": says(200, "application/json", `{"verbs":[],"state":"`+strings.Repeat("x", 60000)+`"}`),
	} {
		t.Run(name, func(t *testing.T) {
			s, opened := counted(t, h, (*httptest.Server).Start)
			k := asker(t, Config{})
			for range 5 {
				if ans := k.Ask(t.Context(), local(Policy{}), s.URL, payload()); !ans.OK || ans.Attempts != 1 {
					t.Fatalf("%+v", ans)
				}
			}
			if n := opened.Load(); n != 1 {
				t.Errorf("%d connections", n)
			}
		})
	}
}

func TestTLSConnectionsAreKeptToo(t *testing.T) {
	s, opened := counted(t, says(200, "application/json", hangup), (*httptest.Server).StartTLS)
	k := asker(t, Config{})
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	k.pools.of(loopback).client.GetClient().Transport.(*wire).tls.RootCAs = roots
	for range 3 {
		if ans := k.Ask(t.Context(), local(Policy{}), s.URL, payload()); !ans.OK || ans.Attempts != 1 {
			t.Fatalf("%+v", ans)
		}
	}
	if n := opened.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

func TestAClosedConnectionIsReplacedUnnoticed(t *testing.T) {
	s, opened := counted(t, says(200, "application/json", hangup), (*httptest.Server).Start)
	k := asker(t, Config{})
	for n := range int32(3) {
		if ans := k.Ask(t.Context(), local(Policy{}), s.URL, payload()); !ans.OK || ans.Attempts != 1 || opened.Load() != n+1 {
			t.Fatalf("%+v after %d connections", ans, opened.Load())
		}
		s.CloseClientConnections()
	}
}

// raw is a webhook by hand: serve gets each connection with its number.
func raw(t testing.TB, serve func(n int, c net.Conn, r *bufio.Reader)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for n := 0; ; n++ {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serve(n, c, bufio.NewReader(c))
			_ = c.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return "http://" + l.Addr().String() + "/"
}

func taken(r *bufio.Reader) {
	if req, err := http.ReadRequest(r); err == nil {
		_, _ = io.Copy(io.Discard, req.Body)
	}
}

const good = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 19\r\n\r\n" + hangup

func TestAConnectionThatEndsInsteadOfAnsweringIsReplacedOnce(t *testing.T) {
	conns := 0
	u := raw(t, func(n int, c net.Conn, r *bufio.Reader) {
		conns = n + 1
		taken(r)
		_, _ = io.WriteString(c, good)
		if n == 0 { // takes the next ask, and closes without a word
			taken(r)
		}
	})
	k := asker(t, Config{})
	for range 2 {
		if ans := k.Ask(t.Context(), local(Policy{}), u, payload()); !ans.OK || ans.Attempts != 1 {
			t.Fatalf("%+v", ans)
		}
	}
	if conns != 2 {
		t.Errorf("%d connections", conns)
	}
}

func TestWhatIsSaidUnaskedIsNoAnswer(t *testing.T) {
	u := raw(t, func(n int, c net.Conn, r *bufio.Reader) {
		taken(r)
		if n > 0 {
			_, _ = io.WriteString(c, good)
			return
		}
		_, _ = io.WriteString(c, good+strings.Replace(good, "200 OK", "500 No", 1)) // in one segment: it is there before the next ask
		_, _ = io.Copy(io.Discard, r)                                               // until the asker closes it
	})
	k := asker(t, Config{})
	for range 4 {
		if ans := k.Ask(t.Context(), local(Policy{}), u, payload()); !ans.OK {
			t.Fatalf("%+v", ans)
		}
	}
}

// together holds back what is written until enough has come, so that it travels in one segment.
type together struct {
	net.Conn
	held bytes.Buffer
	hold bool
}

func (c *together) Write(b []byte) (int, error) {
	if c.hold {
		return c.held.Write(b)
	}
	return c.Conn.Write(b)
}

func TestWhatIsSaidUnaskedOverTLSIsNoAnswer(t *testing.T) {
	known := httptest.NewUnstartedServer(nil) // for its certificate
	known.StartTLS()
	defer known.Close()
	u := raw(t, func(n int, c net.Conn, _ *bufio.Reader) {
		wire := &together{Conn: c}
		secure := tls.Server(wire, known.TLS)
		r := bufio.NewReader(secure)
		taken(r)
		wire.hold = n == 0
		_, _ = io.WriteString(secure, good)
		if n > 0 {
			return
		}
		_, _ = io.WriteString(secure, strings.Replace(good, "200 OK", "500 No", 1)) // a record of its own
		_, _ = c.Write(wire.held.Bytes())
		_, _ = io.Copy(io.Discard, c) // until the asker closes it
	})
	k := asker(t, Config{})
	k.pools.of(loopback).wire.tls.RootCAs = x509.NewCertPool()
	k.pools.of(loopback).wire.tls.RootCAs.AddCert(known.Certificate())
	for range 4 {
		if ans := k.Ask(t.Context(), local(Policy{}), strings.Replace(u, "http:", "https:", 1), payload()); !ans.OK {
			t.Fatalf("%+v", ans)
		}
	}
}

func TestAnEarlyRefusalOfALargeAskIsRead(t *testing.T) {
	u := raw(t, func(_ int, c net.Conn, r *bufio.Reader) {
		_, _ = r.Peek(1)
		_, _ = io.WriteString(c, "HTTP/1.1 413 Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		_, _ = io.Copy(io.Discard, r)
	})
	a := payload()
	a.Vars["big"] = strings.Repeat("x", 1<<20)
	ans := asker(t, Config{}).Ask(t.Context(), local(Policy{}), u, a)
	if ans.OK || ans.Failures[0].Code != CodeStatus || ans.Failures[0].Status != 413 {
		t.Fatalf("%+v", ans)
	}
}

func TestResponsesWithoutEndOrMeasureAreRefused(t *testing.T) {
	for name, response := range map[string]string{
		"a long header":     "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 40<<10) + "\r\n\r\n",
		"only hints":        strings.Repeat("HTTP/1.1 103 Early\r\n\r\n", 20),
		"another protocol":  "SIP/2.0 200 OK\r\n\r\n",
		"half a body":       strings.TrimSuffix(good, "]"),
		"switches protocol": "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			u := raw(t, func(_ int, c net.Conn, r *bufio.Reader) {
				taken(r)
				_, _ = io.WriteString(c, response)
			})
			if ans := asker(t, Config{}).Ask(t.Context(), local(Policy{}), u, payload()); ans.OK {
				t.Fatalf("%+v", ans)
			}
		})
	}
}

func TestIdleConnectionsAreClosedInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		closed := make(chan time.Time, 1)
		w := &wire{dial: func(context.Context, string, string) (net.Conn, error) {
			ours, theirs := net.Pipe()
			go func() {
				r := bufio.NewReader(theirs)
				taken(r)
				_, _ = io.WriteString(theirs, good)
				_, _ = r.ReadByte()
				closed <- time.Now()
			}()
			return ours, nil
		}}
		req := httptest.NewRequestWithContext(t.Context(), "POST", "http://shop.test/", strings.NewReader("{}"))
		resp, err := w.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		began := time.Now()
		if after := (<-closed).Sub(began); after < idleTime || after > idleTime*3/2 {
			t.Errorf("closed after %s", after)
		}
		if w.sweep != nil || w.kept != 0 || len(w.idle) != 0 {
			t.Errorf("left: %+v", w)
		}
	})
}

func BenchmarkAskOverHTTP(b *testing.B) {
	s := httptest.NewServer(says(200, "application/json", hangup))
	defer s.Close()
	for name, transport := range map[string]http.RoundTripper{"wire": nil, "net/http": &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 100}} {
		b.Run(name, func(b *testing.B) {
			k := New(Config{Transport: transport})
			defer k.Close()
			b.ReportAllocs()
			for b.Loop() {
				if ans := k.Ask(b.Context(), local(Policy{}), s.URL, payload()); !ans.OK {
					b.Fatalf("%+v", ans)
				}
			}
		})
	}
}

func TestAudioIsFetchedOverTheSameConnections(t *testing.T) {
	s, opened := counted(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			http.Redirect(w, r, "/a.wav", http.StatusFound)
			return
		}
		_, _ = io.WriteString(w, strings.Repeat("x", 1<<20))
	}), (*httptest.Server).Start)
	c := asker(t, Config{}).Client(local(Policy{}))
	for range 3 {
		resp, err := c.Get(s.URL)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || len(b) != 1<<20 {
			t.Fatalf("%d bytes, %v", len(b), err)
		}
	}
	if n := opened.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

func TestAnAskIsGivenUpWhileTheBodyComes(t *testing.T) {
	half := make(chan struct{})
	u := raw(t, func(_ int, c net.Conn, r *bufio.Reader) {
		taken(r)
		_, _ = io.WriteString(c, good[:len(good)-5])
		close(half)
		_, _ = io.Copy(io.Discard, r)
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-half; cancel() }()
	if ans := asker(t, Config{}).Ask(ctx, local(Policy{}), u, payload()); ans.OK || ans.Failures[0].Code != CodeCancelled {
		t.Fatalf("%+v", ans)
	}
}

// BenchmarkAskAlone asks a webhook that makes no garbage of its own.
func BenchmarkAskAlone(b *testing.B) {
	to := raw(b, func(_ int, c net.Conn, _ *bufio.Reader) {
		ask := make([]byte, connectionSize) // all of it: it is written at once
		for {
			if _, err := c.Read(ask); err != nil {
				return
			}
			_, _ = io.WriteString(c, good)
		}
	})
	k := New(Config{})
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	p, a := local(Policy{}), payload()
	b.ReportAllocs()
	for b.Loop() {
		if ans := k.Ask(ctx, p, to, a); !ans.OK {
			b.Fatalf("%+v", ans)
		}
	}
	k.Close()
}
