package fn_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/offhook/offhook/events"
	"github.com/offhook/offhook/events/embedded"
	"github.com/offhook/offhook/functions/fn"
	"github.com/offhook/offhook/schemas/ask"
	"github.com/offhook/offhook/schemas/config"
)

const (
	secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	vector = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
)

func signedHeader(id, at, signature string) http.Header {
	h := http.Header{}
	h.Set("webhook-id", id)
	h.Set("webhook-timestamp", at)
	h.Set("webhook-signature", signature)
	return h
}

func TestSignaturesOfStandardWebhooksAreVerified(t *testing.T) {
	const id, at, body = "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", `{"test": 2432232314}`
	now := time.Unix(1614265330, 0)
	for _, tt := range []struct {
		name    string
		h       http.Header
		body    string
		secrets []string
		now     time.Time
		want    error
	}{
		{"good", signedHeader(id, at, vector), body, []string{secret}, now, nil},
		{"one of several", signedHeader(id, at, "v1,AAAA v2,x "+vector), body, []string{"other", secret}, now.Add(4 * time.Minute), nil},
		{"other body", signedHeader(id, at, vector), body + " ", []string{secret}, now, fn.ErrBadSignature},
		{"other id", signedHeader("x", at, vector), body, []string{secret}, now, fn.ErrBadSignature},
		{"other secret", signedHeader(id, at, vector), body, []string{"whsec_AAAA"}, now, fn.ErrBadSignature},
		{"no secret", signedHeader(id, at, vector), body, nil, now, fn.ErrBadSignature},
		{"old", signedHeader(id, at, vector), body, []string{secret}, now.Add(6 * time.Minute), fn.ErrTimestamp},
		{"from the future", signedHeader(id, at, vector), body, []string{secret}, now.Add(-6 * time.Minute), fn.ErrTimestamp},
		{"no time", signedHeader(id, "soon", vector), body, []string{secret}, now, fn.ErrTimestamp},
		{"none", http.Header{}, body, []string{secret}, now, fn.ErrNoSignature},
	} {
		if err := fn.Verify(tt.h, []byte(tt.body), tt.secrets, tt.now); err != tt.want {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func env() fn.Env {
	cfg := &config.Config{Keys: []config.APIKey{
		{Name: "a", Key: config.Secret{Value: "key-a"}, Tenant: "a"},
		{Name: "narrow", Key: config.Secret{Value: "key-n"}, Scopes: []string{"events:read"}},
	}}
	return fn.Env{Config: func() *config.Config { return cfg }, Logger: slog.New(slog.DiscardHandler), Getenv: func(string) string { return "" }}
}

func TestPagesAreGuarded(t *testing.T) {
	show := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tenant, ok := fn.Tenant(r.Context())
		if !ok {
			t.Error("admitted without a tenant")
		}
		io.WriteString(w, "tenant "+tenant)
	})
	for _, tt := range []struct {
		name, key, peer, host, origin string
		open                          bool
		status                        int
	}{
		{"key", "key-a", "9.9.9.9:1", "x", "", false, 200},
		{"wrong key", "key-b", "127.0.0.1:1", "localhost", "", true, 401},
		{"no scope", "key-n", "9.9.9.9:1", "x", "", false, 403},
		{"none", "", "127.0.0.1:1", "localhost", "", false, 401},
		{"none, open, from here", "", "127.0.0.1:1", "localhost:8080", "", true, 200},
		{"none, open, its own page", "", "[::1]:1", "[::1]:8080", "http://[::1]:8080", true, 200},
		{"none, open, from elsewhere", "", "9.9.9.9:1", "localhost", "", true, 401},
		{"none, open, rebound name", "", "127.0.0.1:1", "evil.test", "", true, 401},
		{"none, open, another site's page", "", "127.0.0.1:1", "localhost", "http://evil.test", true, 401},
	} {
		r := httptest.NewRequest("GET", "/x/", nil)
		r.RemoteAddr, r.Host = tt.peer, tt.host
		if tt.key != "" {
			r.Header.Set("Authorization", "Bearer "+tt.key)
		}
		if tt.origin != "" {
			r.Header.Set("Origin", tt.origin)
		}
		w := httptest.NewRecorder()
		fn.Guard(env().Config, tt.open, show).ServeHTTP(w, r)
		if w.Code != tt.status || tt.key == "key-a" && w.Body.String() != "tenant a" {
			t.Errorf("%s: %d %s", tt.name, w.Code, w.Body)
		}
	}
}

func TestAsksThatAreNoneAreRefused(t *testing.T) {
	h := fn.Answers(env().Logger, func(_ context.Context, a ask.Ask) (ask.Answer, error) {
		return ask.Answer{}, fn.Problem(418, "teapot", "as told")
	})
	for _, tt := range []struct {
		method, body string
		status       int
	}{{"GET", "", 405}, {"POST", "", 400}, {"POST", "[]", 400}, {"POST", strings.Repeat(" ", 2<<20), 413}, {"POST", `{"reason":"call"}`, 418}} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(tt.method, "/", strings.NewReader(tt.body)))
		if w.Code != tt.status || w.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s %.20s: %d %s", tt.method, tt.body, w.Code, w.Body)
		}
	}
}

// probe is a function that tells what reaches it.
func probe(seen chan<- events.Delivered) fn.Spec {
	return fn.Spec{Name: "probe", New: func(_ context.Context, env fn.Env) (*fn.Function, error) {
		return &fn.Function{
			Name:   "probe",
			Asks:   fn.Answers(env.Logger, func(context.Context, ask.Ask) (ask.Answer, error) { return ask.Answer{}, nil }),
			Events: func(_ context.Context, d events.Delivered) error { seen <- d; return nil },
			Types:  []string{"offhook.custom.*"},
			Pages:  http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.URL.Path) }),
		}, nil
	}}
}

func TestFunctionServesAsksPagesAndEvents(t *testing.T) {
	broker, err := embedded.Open(embedded.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer broker.Close()
	kafka := broker.Kafka()
	ctx, cancel := context.WithCancel(t.Context())
	seen, address, ended := make(chan events.Delivered, 10), make(chan string, 1), make(chan error, 1)
	go func() {
		ended <- fn.Serve(ctx, fn.ServeOptions{
			Specs: []fn.Spec{probe(seen)}, Env: env(), HTTP: "127.0.0.1:0", Kafka: kafka,
			Secrets: []string{secret}, Started: func(a string) { address <- a },
		})
	}()
	base := "http://" + <-address
	publish(t, kafka)
	if d := <-seen; d.ID != "call_1-2" || d.Type != "offhook.custom.x" {
		t.Errorf("%+v", d)
	}
	for status := 0; status != http.StatusOK; status, _ = fetch(t, "GET", base+"/readyz", "") {
		time.Sleep(5 * time.Millisecond) // an event of one partition may come before all partitions are there
	}
	for path, want := range map[string]string{"/healthz": "ok\n", "/readyz": "ok\n", "/probe/x": "/probe/x"} {
		if status, body := fetch(t, "GET", base+path, ""); status != 200 || body != want {
			t.Errorf("%s: %d %q", path, status, body)
		}
	}
	with := func(key string) string { return strings.Replace(base, "://", "://x:"+key+"@", 1) + "/metrics" }
	for key, want := range map[string]int{"": 401, "key-n": 403} {
		if status, body := fetch(t, "GET", with(key), ""); status != want {
			t.Errorf("/metrics with key %q: %d %s", key, status, body)
		}
	}
	for body := ""; !strings.Contains(body, `offhook_function_handled_total{function="probe"} 1`+"\n"); _, body = fetch(t, "GET", with("key-a"), "") {
		time.Sleep(5 * time.Millisecond) // it is counted after it was handled
	}
	if status, body := fetch(t, "POST", base+"/", `{"reason":"call"}`); status != 401 || !strings.Contains(body, "unsigned") {
		t.Errorf("unsigned: %d %s", status, body)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// publish puts an unwanted and a wanted event into the log.
func publish(t *testing.T, kafka events.Kafka) {
	t.Helper()
	log, err := events.Open(events.Config{Dir: t.TempDir(), Kafka: kafka})
	if err != nil {
		t.Fatal(err)
	}
	for id, kind := range map[string]string{"call_1-1": "call.ringing", "call_1-2": "custom.x"} {
		if err := log.Publish(events.Event{ID: id, Type: "offhook." + kind, Source: "/test", Subject: "call_1", Data: []byte(`{}`)}); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- log.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func fetch(t *testing.T, method, url, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}
