package ask

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	schema "github.com/offhook/offhook/schemas/ask"
	"github.com/offhook/offhook/schemas/verb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

func local(p Policy) Policy {
	p.Tenant, p.AllowPrivate = "demo", loopback
	return p
}

func payload() schema.Ask {
	return schema.Ask{ID: "call_1.1", Reason: schema.ReasonCall, Call: schema.Call{ID: "call_1", Tenant: "demo"}, Vars: map[string]any{"town": "Riga"}}
}

func webhook(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL + "/call"
}

func asker(t *testing.T, c Config) *Asker {
	t.Helper()
	k := New(c)
	t.Cleanup(k.Close)
	return k
}

func says(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

const hangup = `[{"verb":"hangup"}]`

func TestWebhookGetsTheAskAndItsVerbsComeBack(t *testing.T) {
	var got schema.Ask
	var header http.Header
	u := webhook(t, func(w http.ResponseWriter, r *http.Request) {
		header = r.Header
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil || r.Method != http.MethodPost {
			t.Errorf("%s: %v", r.Method, err)
		}
		says(200, "application/json; charset=utf-8", `{"verbs":[{"verb":"answer"},{"verb":"say","text":"hi {town}"}],"vars":{"x":1},"state":{"n":2}}`)(w, r)
	})
	ans := asker(t, Config{}).Ask(t.Context(), local(Policy{Secrets: []string{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}}), u, payload())
	if !ans.OK || ans.Source != "url" || ans.URL != u || ans.Status != 200 || ans.Attempts != 1 || len(ans.Failures) != 0 {
		t.Fatalf("%+v", ans)
	}
	if len(ans.Document.Verbs) != 2 || ans.Document.Vars["x"] != 1.0 || string(ans.Document.State) != `{"n":2}` {
		t.Fatalf("%+v", ans.Document)
	}
	if got.ID != "call_1.1" || got.Vars["town"] != "Riga" || header.Get("webhook-id") != "call_1.1" || !strings.HasPrefix(header.Get("webhook-signature"), "v1,") {
		t.Fatalf("%+v %v", got, header)
	}
}

func TestEmptyAnswersMeanGoOn(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"204": says(204, "", ""), "empty": says(200, "text/html", ""), "blank": says(200, "text/plain", " \r\n"),
	} {
		ans := asker(t, Config{}).Ask(t.Context(), local(Policy{}), webhook(t, h), payload())
		if !ans.OK || !ans.Empty {
			t.Errorf("%s: %+v", name, ans)
		}
	}
}

func TestEachFaultHasItsCode(t *testing.T) {
	closed := httptest.NewServer(nil)
	closed.Close()
	tlsServer := httptest.NewTLSServer(says(200, "application/json", hangup))
	tlsServer.Config.ErrorLog = nil
	t.Cleanup(tlsServer.Close)
	other := webhook(t, says(200, "application/json", hangup))
	tests := []struct{ name, url, code, detail string }{
		{"refused", closed.URL, CodeRefused, ""},
		{"dns", "http://nowhere.invalid/", CodeDNS, "nowhere.invalid"},
		{"tls", tlsServer.URL, CodeTLS, "certificate"},
		{"http for https", strings.Replace(other, "http:", "https:", 1), CodeTLS, ""},
		{"status", webhook(t, says(500, "text/plain", "Traceback\x1b[31m")), CodeStatus, `500 Internal Server Error: "Traceback\x1b[31m"`},
		{"html", webhook(t, says(200, "text/html", "<html>\n")), CodeBadContentType, `"<html>"`},
		{"no type", webhook(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header()["Content-Type"] = nil
			io.WriteString(w, hangup)
		}), CodeBadContentType, "no content-type"},
		{"document of no type", webhook(t, says(200, "text/plain", ` [{"verb":"stream","headers":{"Authorization":"secret"}}]`)), CodeBadContentType, "like a document"},
		{"document cut off", webhook(t, says(200, "application/json", `[{"verb":"stream","headers":{"Authorization":"secret"}`)), CodeBadJSON, "like a document"},
		{"gzip", webhook(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			says(200, "application/json", "\x1f\x8b")(w, r)
		}), CodeBadContentType, "gzip"},
		{"not json", webhook(t, says(200, "application/json", "verbs: []")), CodeBadJSON, "verbs: []"},
		{"unknown verb", webhook(t, says(200, "application/json", `[{"verb":"dance"}]`)), CodeBadDocument, "dance"},
		{"unknown variable", webhook(t, says(200, "application/json", `[{"verb":"say","text":"{nobody}"}]`)), CodeBadDocument, "nobody"},
		{"reset", webhook(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }), CodeConnection, ""},
		{"other host", webhook(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "http://10.0.0.1/", 307) }), CodeRedirectForbidden, "10.0.0.1"},
		{"other port", webhook(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other, 302) }), CodeRedirectForbidden, ""},
		{"round and round", webhook(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/call", 308) }), CodeRedirectForbidden, "more than 3"},
		{"private", "http://10.1.2.3/", CodeAddressForbidden, "10.1.2.3"},
		{"metadata", "http://169.254.169.254/latest", CodeAddressForbidden, ""},
		{"mapped", "http://[::ffff:192.168.0.1]/", CodeAddressForbidden, "192.168.0.1"},
		{"scheme", "ftp://example.com/", CodeBadURL, "ftp"},
		{"no host", "http:///x", CodeBadURL, ""},
		{"unknown function", "fn:nobody", CodeUnknownFunction, "router"},
		{"panic", "fn:panics", CodePanic, "ouch"},
	}
	k := asker(t, Config{Functions: map[string]http.Handler{
		"router": says(200, "application/json", hangup),
		"panics": http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("ouch") }),
	}, Lookup: func(_ context.Context, host string) ([]netip.Addr, error) {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ans := k.Ask(t.Context(), local(Policy{}), tt.url, payload())
			if ans.OK || len(ans.Failures) != 1 {
				t.Fatalf("%+v", ans)
			}
			f := ans.Failures[0]
			if f.Code != tt.code || !strings.Contains(f.Detail, tt.detail) || strings.Contains(f.Detail, "secret") || f.Docs != Docs(tt.code) {
				t.Fatalf("%+v", f)
			}
		})
	}
}

func TestSecondTryHasTheSameIDAndEndsTheTrouble(t *testing.T) {
	for _, status := range []int{502, 503, 504} {
		var ids []string
		u := webhook(t, func(w http.ResponseWriter, r *http.Request) {
			if ids = append(ids, r.Header.Get("webhook-id")); len(ids) == 1 {
				w.WriteHeader(status)
				return
			}
			says(200, "application/json", hangup)(w, r)
		})
		ans := asker(t, Config{}).Ask(t.Context(), local(Policy{}), u, payload())
		if !ans.OK || ans.Attempts != 2 || len(ids) != 2 || ids[0] != ids[1] {
			t.Errorf("%d: %+v %v", status, ans, ids)
		}
	}
}

func TestOtherStatusesAreNotTriedAgain(t *testing.T) {
	var n atomic.Int32
	u := webhook(t, func(w http.ResponseWriter, r *http.Request) { n.Add(1); w.WriteHeader(500) })
	ans := asker(t, Config{}).Ask(t.Context(), local(Policy{}), u, payload())
	if ans.OK || n.Load() != 1 {
		t.Fatalf("%+v %d", ans, n.Load())
	}
}

func TestRedirectWithinTheHostKeepsTheAsk(t *testing.T) {
	u := webhook(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/there/" {
			http.Redirect(w, r, "/there/", 301)
			return
		}
		var a schema.Ask
		if json.NewDecoder(r.Body).Decode(&a) != nil || a.ID != "call_1.1" || r.Method != "POST" {
			t.Errorf("%s %+v", r.Method, a)
		}
		says(200, "application/json", hangup)(w, r)
	})
	ans := asker(t, Config{}).Ask(t.Context(), local(Policy{}), u, payload())
	if want := strings.TrimSuffix(u, "/call") + "/there/"; !ans.OK || ans.URL != want {
		t.Fatalf("%+v, want %s", ans, want)
	}
}

func TestFallbackURLThenFallbackDocument(t *testing.T) {
	bad := webhook(t, says(500, "text/plain", "no"))
	good := webhook(t, says(200, "application/json", hangup))
	doc := verb.Document{&verb.Hangup{}}
	k := asker(t, Config{})
	ans := k.Ask(t.Context(), local(Policy{FallbackURL: good, Fallback: doc}), bad, payload())
	if !ans.OK || ans.Source != "fallback_url" || ans.URL != good || len(ans.Failures) != 1 {
		t.Fatalf("%+v", ans)
	}
	ans = k.Ask(t.Context(), local(Policy{FallbackURL: bad, Fallback: doc}), bad, payload())
	if !ans.OK || ans.Source != "fallback" || len(ans.Document.Verbs) != 1 || len(ans.Failures) != 2 {
		t.Fatalf("%+v", ans)
	}
	if ans = k.Ask(t.Context(), local(Policy{FallbackURL: good, Fallback: doc}), "", payload()); ans.Source != "fallback_url" || len(ans.Failures) != 0 {
		t.Fatalf("an ask for the fallback alone: %+v", ans)
	}
	if ans = k.Ask(t.Context(), local(Policy{Fallback: doc}), "", payload()); ans.Source != "fallback" || len(ans.Failures) != 0 {
		t.Fatalf("an ask for the fallback alone: %+v", ans)
	}
	event := payload()
	event.Reason = schema.ReasonEvent
	if ans = k.Ask(t.Context(), local(Policy{Fallback: doc}), bad, event); ans.OK {
		t.Fatalf("the fallback document replaced a running call: %+v", ans)
	}
}

func TestPasswordInURLIsNotShown(t *testing.T) {
	u, err := url.Parse(webhook(t, func(w http.ResponseWriter, r *http.Request) {
		if _, pass, _ := r.BasicAuth(); pass != "hush" {
			t.Errorf("password %q", pass)
		}
		if r.URL.Path == "/menu" {
			says(200, "application/json", hangup)(w, r)
			return
		}
		w.WriteHeader(500)
	}))
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("me", "hush")
	menu := u.JoinPath("/../menu").String()
	if ans := asker(t, Config{}).Ask(t.Context(), local(Policy{}), menu, payload()); !ans.OK || ans.URL != menu {
		t.Errorf("what relative URLs begin at: %+v", ans)
	}
	ans := asker(t, Config{}).Ask(t.Context(), local(Policy{}), u.String(), payload())
	if ans.OK || strings.Contains(ans.Failures[0].URL+ans.Failures[0].Detail, "hush") {
		t.Fatalf("%+v", ans.Failures)
	}
}

func TestHugeAnswerIsLeftUnread(t *testing.T) {
	var sent atomic.Int64
	ended := make(chan struct{})
	u := webhook(t, func(w http.ResponseWriter, r *http.Request) {
		defer close(ended)
		w.Header().Set("Content-Type", "application/json")
		block := make([]byte, 32<<10)
		for range 300 << 20 / len(block) {
			n, err := w.Write(block)
			if sent.Add(int64(n)); err != nil {
				return
			}
		}
	})
	ans := asker(t, Config{}).Ask(t.Context(), local(Policy{}), u, payload())
	<-ended
	if ans.OK || ans.Failures[0].Code != CodeTooLarge || sent.Load() > 64<<20 {
		t.Fatalf("%+v after %d bytes", ans, sent.Load())
	}
}

func TestFunctionInProcessAnswers(t *testing.T) {
	k := asker(t, Config{Functions: map[string]http.Handler{"router": says(200, "application/json", hangup)}})
	ans := k.Ask(t.Context(), Policy{}, "fn:router", payload())
	if !ans.OK || ans.URL != "fn:router" || len(ans.Document.Verbs) != 1 {
		t.Fatalf("%+v", ans)
	}
}

func TestRemoteFunctionMayBePrivate(t *testing.T) {
	u := webhook(t, says(200, "application/json", hangup))
	ans := asker(t, Config{Remote: map[string]string{"router": u}}).Ask(t.Context(), Policy{Tenant: "demo"}, "fn:router", payload())
	if !ans.OK || ans.URL != "fn:router" {
		t.Fatalf("%+v", ans)
	}
}

func TestAllowedAddressesAreNotLentToOtherTenants(t *testing.T) {
	u := webhook(t, says(200, "application/json", hangup))
	k := asker(t, Config{})
	if ans := k.Ask(t.Context(), local(Policy{}), u, payload()); !ans.OK {
		t.Fatalf("%+v", ans)
	}
	ans := k.Ask(t.Context(), Policy{Tenant: "other"}, u, payload())
	if ans.OK || ans.Failures[0].Code != CodeAddressForbidden {
		t.Fatalf("%+v", ans)
	}
}

func TestNameThatRebindsIsCheckedAtEveryDial(t *testing.T) {
	answers := []string{"127.0.0.1", "10.0.0.1"}
	n := 0
	lookup := func(context.Context, string) ([]netip.Addr, error) {
		n++
		return []netip.Addr{netip.MustParseAddr(answers[(n-1)%2])}, nil
	}
	u := webhook(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close")
		says(200, "application/json", hangup)(w, r)
	})
	u = strings.Replace(u, "127.0.0.1", "rebind.test", 1)
	k := asker(t, Config{Lookup: lookup})
	if ans := k.Ask(t.Context(), local(Policy{}), u, payload()); !ans.OK || n != 1 {
		t.Fatalf("%+v after %d look-ups", ans, n)
	}
	if ans := k.Ask(t.Context(), local(Policy{}), u, payload()); ans.OK || ans.Failures[0].Code != CodeAddressForbidden {
		t.Fatalf("%+v", ans)
	}
}

func TestCancelledAskEndsWithoutFallback(t *testing.T) {
	entered := make(chan struct{})
	u := webhook(t, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		close(entered)
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-entered; cancel() }()
	ans := asker(t, Config{}).Ask(ctx, local(Policy{Fallback: verb.Document{&verb.Hangup{}}}), u, payload())
	if ans.OK || ans.Failures[0].Code != CodeCancelled {
		t.Fatalf("%+v", ans)
	}
}

func TestOneTenantsSlowWebhookTakesNoPlaceOfAnother(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	slow := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { close(entered); <-release })
	k := asker(t, Config{Functions: map[string]http.Handler{"slow": slow, "quick": says(204, "", "")}})
	done := make(chan Answer)
	go func() { done <- k.Ask(context.Background(), Policy{Tenant: "a", Concurrent: 1}, "fn:slow", payload()) }()
	<-entered
	if ans := k.Ask(t.Context(), Policy{Tenant: "a", Concurrent: 1}, "fn:quick", payload()); ans.OK || ans.Failures[0].Code != CodeOverloaded {
		t.Errorf("%+v", ans)
	}
	if ans := k.Ask(t.Context(), Policy{Tenant: "b", Concurrent: 1}, "fn:quick", payload()); !ans.OK {
		t.Errorf("%+v", ans)
	}
	close(release)
	if ans := <-done; !ans.OK {
		t.Errorf("%+v", ans)
	}
}

func TestBreakerOpensAndLetsOneThroughAfterItsRest(t *testing.T) {
	b := &breaker{}
	now := time.Unix(1000, 0)
	for range breakerLeast {
		if ok, _, _ := b.allow(now); !ok {
			t.Fatal("opened too early")
		}
		b.done(now, false, ill, "timeout")
	}
	if ok, _, last := b.allow(now); ok || last != "timeout" {
		t.Fatalf("still closed (%q)", last)
	}
	now = now.Add(breakerRest)
	ok, probe, _ := b.allow(now)
	if second, _, _ := b.allow(now); !ok || !probe || second {
		t.Fatal("not exactly one was let through")
	}
	b.done(now, probe, unknown, "")
	ok, probe, _ = b.allow(now)
	if !ok || !probe {
		t.Fatal("a probe that was given up keeps it open for ever")
	}
	b.done(now, probe, healthy, "")
	if ok, _, _ := b.allow(now); !ok {
		t.Fatal("still open after a good probe")
	}
}

func TestBreakersStayBounded(t *testing.T) {
	s := &breakers{}
	first := s.get("t", "0")
	for i := range 3 * mostBreakers {
		s.get("t", string(rune(i)))
		if i < mostBreakers-2 && s.get("t", "0") != first {
			t.Fatal("a breaker in use was forgotten")
		}
	}
	if n := len(s.now) + len(s.old); n > 2*mostBreakers {
		t.Fatalf("%d breakers", n)
	}
}

func TestSignatureIsStandardWebhooks(t *testing.T) {
	ts, sig := sign([]string{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "other"}, "msg_p5jXN8AQM9LWM0D4loKWxJek",
		time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`))
	if first, rest, two := strings.Cut(sig, " "); ts != "1614265330" || first != "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" || !two || !strings.HasPrefix(rest, "v1,") {
		t.Fatalf("%s %s", ts, sig)
	}
}

func TestAddressesThatMayBeDialled(t *testing.T) {
	for a, want := range map[string]bool{
		"8.8.8.8": true, "2a00:1450::1": true, "127.0.0.1": false, "10.0.0.1": false, "100.64.0.1": false, "169.254.169.254": false,
		"172.31.0.1": false, "192.168.1.1": false, "0.0.0.0": false, "224.0.0.1": false, "255.255.255.255": false, "::1": false, "::": false,
		"fe80::1%eth0": false, "fd00:ec2::254": false, "ff02::1": false, "::ffff:8.8.8.8": true, "::ffff:127.0.0.1": false, "::7f00:1": false,
		"64:ff9b::7f00:1": false, "2002:7f00:1::": false, "2001::1": false, "2001:db8::1": false, "198.18.0.1": false,
	} {
		if got := permitted(netip.MustParseAddr(a), nil); got != want {
			t.Errorf("%s: %v", a, got)
		}
	}
	if !permitted(netip.MustParseAddr("::ffff:127.0.0.1"), loopback) {
		t.Error("an allowed address in its mapped form is refused")
	}
}

func BenchmarkAskLoopback(b *testing.B) {
	s := httptest.NewServer(says(200, "application/json", `[{"verb":"answer"},{"verb":"play","audio":"welcome"},{"verb":"hangup"}]`))
	defer s.Close()
	k := New(Config{})
	defer k.Close()
	p, a := local(Policy{Secrets: []string{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}}), payload()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if ans := k.Ask(context.Background(), p, s.URL, a); !ans.OK {
				b.Fatalf("%+v", ans)
			}
		}
	})
}

func BenchmarkAskInProcess(b *testing.B) {
	k := New(Config{Functions: map[string]http.Handler{"f": says(200, "application/json", hangup)}})
	defer k.Close()
	a := payload()
	b.ReportAllocs()
	for b.Loop() {
		if ans := k.Ask(context.Background(), Policy{}, "fn:f", a); !ans.OK {
			b.Fatalf("%+v", ans)
		}
	}
}

func TestClientForSoundsKeepsTheRules(t *testing.T) {
	k := asker(t, Config{})
	round := webhook(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/call", 302) })
	inside := webhook(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "http://10.0.0.1/", 302) })
	for u, code := range map[string]string{round: CodeRedirectForbidden, inside: CodeAddressForbidden} {
		_, err := k.Client(local(Policy{})).Get(u)
		if f := classify(err); f.code != code {
			t.Errorf("%s: %v", u, err)
		}
	}
}

func TestSocketsKeepTheRules(t *testing.T) {
	hits := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hits++
		http.Redirect(w, r, "/elsewhere", http.StatusFound)
	}))
	defer s.Close()
	secure := httptest.NewTLSServer(says(200, "text/plain", ""))
	defer secure.Close()
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	k := asker(t, Config{})
	get := func(p Policy, url string) (status int, code, detail string) {
		res, err := k.Socket(p).Get(url)
		if err != nil {
			code, detail = Explain(fmt.Errorf("handshake: %w", err))
			return 0, code, detail
		}
		res.Body.Close()
		return res.StatusCode, "", ""
	}
	if status, _, _ := get(local(Policy{}), s.URL); status != http.StatusFound || hits != 1 {
		t.Error("a redirect was followed:", status, hits)
	}
	if _, code, detail := get(Policy{}, s.URL+"/?key=secret"); code != CodeAddressForbidden || strings.Contains(detail, "secret") || hits != 1 {
		t.Error(code, detail)
	}
	if _, code, _ := get(local(Policy{}), secure.URL); code != CodeTLS {
		t.Error(code)
	}
	if _, code, _ := get(local(Policy{}), "http://127.0.0.1:1/"); code != CodeRefused {
		t.Error(code)
	}
}

func TestHandshakesAreSignedAsAsksAre(t *testing.T) {
	p, h := Policy{Secrets: []string{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "other"}}, http.Header{}
	p.Sign(h, "call_1-4", nil)
	seconds, err := strconv.ParseInt(h.Get("webhook-timestamp"), 10, 64)
	if err != nil || time.Since(time.Unix(seconds, 0)) > time.Minute {
		t.Fatal(h, err)
	}
	if _, want := sign(p.Secrets, "call_1-4", time.Unix(seconds, 0), nil); h.Get("webhook-signature") != want || strings.Count(want, "v1,") != 2 || h.Get("webhook-id") != "call_1-4" {
		t.Error(h)
	}
	Policy{}.Sign(h, "x", nil)
}

func TestEachCodeIsExplained(t *testing.T) {
	page, err := os.ReadFile("../../schemas/ask/FAILURES.md")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("codes.go")
	if err != nil {
		t.Fatal(err)
	}
	codes := regexp.MustCompile(`Code\w+\s+= "(\w+)"`).FindAllStringSubmatch(string(source), -1)
	if len(codes) < 18 {
		t.Fatalf("%d codes", len(codes))
	}
	for _, c := range codes {
		if !strings.Contains(string(page), "\n## "+c[1]+"\n") {
			t.Errorf("schemas/ask/FAILURES.md does not explain %s", c[1])
		}
	}
}

func TestAFunctionAnswersAtOnceOrIsAsked(t *testing.T) {
	doc := schema.Answer{Verbs: verb.Document{&verb.Hangup{}}}
	k := asker(t, Config{AtOnce: map[string]AtOnce{
		"router": func(schema.Ask) (schema.Answer, bool) { return doc, true },
		"empty":  func(schema.Ask) (schema.Answer, bool) { return schema.Answer{}, true },
		"later":  func(schema.Ask) (schema.Answer, bool) { return doc, false },
		"panics": func(schema.Ask) (schema.Answer, bool) { panic("ouch") },
	}})
	ans, ok := k.AtOnce("fn:router", payload())
	if !ok || !ans.OK || ans.Empty || ans.Source != "url" || ans.URL != "fn:router" || ans.Status != 200 || ans.Attempts != 1 || len(ans.Document.Verbs) != 1 {
		t.Errorf("%+v %v", ans, ok)
	}
	if ans, ok = k.AtOnce("fn:empty", payload()); !ok || !ans.OK || !ans.Empty || ans.Status != 204 {
		t.Errorf("%+v %v", ans, ok)
	}
	for _, to := range []string{"fn:later", "fn:panics", "fn:nobody", "router", "http://router/"} {
		if ans, ok = k.AtOnce(to, payload()); ok || ans.OK {
			t.Errorf("%s: %+v", to, ans)
		}
	}
}
