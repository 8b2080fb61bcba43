package console_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/offhook/offhook/edge/console"
	"github.com/offhook/offhook/edge/node"
	"github.com/offhook/offhook/edge/sipua"
	"github.com/offhook/offhook/events"
)

const hostile = `<script>alert(1)</script>"><img src=x onerror=alert(1)>`

func delivered(call, kind, data string) events.Delivered {
	return events.Delivered{Event: events.Event{ID: call + kind, Type: "offhook." + kind, Subject: call, Data: []byte(data),
		Time: time.Date(2026, 3, 1, 9, 30, 0, 0, time.Local)}}
}

// page is a console with a call of each of two tenants; looks is who looks at it.
func page(looks string, recent ...events.Delivered) http.Handler {
	calls := []node.View{{ID: "call_1", Tenant: "acme", Status: "bridged", From: "+371", To: "100", Agent: "101", AgentName: "Ilze", CreatedAt: time.Now(),
		Recording: true, Supervised: true, Tags: map[string]string{"reason": "invoice"}},
		{ID: "call_2", Tenant: "bolt", Status: "parked", Place: "701", From: "bolt-caller", To: "200", CreatedAt: time.Now()}}
	phones := []sipua.Binding{{Tenant: "acme", User: "101", UserAgent: "Phone"}, {Tenant: "bolt", User: "bolt-phone"}}
	return console.New(console.Config{
		Calls:         func(tenant string) []node.View { return calls[:2-len(tenant)/4] },
		Registrations: func(tenant string) []sipua.Binding { return phones[:2-len(tenant)/4] },
		Gateways: func(tenant string) []node.Gateway {
			return []node.Gateway{{Tenant: "acme", Name: "telia", Up: true}, {Tenant: "bolt", Name: "bolt-gate"}}[:2-len(tenant)/4]
		},
		Recent: func(int) []events.Delivered { return recent },
		Tenant: func(*http.Request) string { return looks },
		Facts:  []console.Fact{{Name: "SIP", Value: "127.0.0.1:5060"}, {Name: "Dial", Value: "100", Tenant: "acme"}, {Name: "Dial", Value: "bolt-number", Tenant: "bolt"}},
		Logger: slog.New(slog.DiscardHandler),
	})
}

func get(t *testing.T, h http.Handler, path string) (*http.Response, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
	res := w.Result()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(b)
}

func TestThePageShowsCallsPhonesMailsAndEvents(t *testing.T) {
	_, body := get(t, page("",
		delivered("call_1", "call.ringing", `{"tenant":"acme","from":"+371","to":"100"}`),
		delivered("call_1", "email.requested", `{"tenant":"acme","to":["a@x.test","b@x.test"],"subject":"On hold","text":"Hello"}`),
		delivered("call_1", "ask.failed", `{"tenant":"acme","code":"timeout"}`),
		delivered("call_1", "call.hangup", `{"tenant":"acme","by":"caller","cause":{"reason":"media_timeout"},"duration_ms":1500}`),
		delivered("acme/101", "user.registered", `{"tenant":"acme","user":"101"}`),
	), "/")
	for _, want := range []string{"Ilze", "Phone", "a@x.test, b@x.test", "On hold", "media timeout", "fault", `id="call_1"`, "127.0.0.1:5060", "bolt-caller", "bolt-number",
		"parked 701", "telia", "not registered", `<link rel="icon" type="image/svg+xml" href="/favicon.ico">`, "invoice", "supervised", `class="mark rec"`, `data-events="call.ringing `, " recording.stored "} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(body, `id="acme/101"`) {
		t.Error("a registration is shown as a call")
	}
}

func TestTheNewestCallStandsFirstAndTwelveAreShown(t *testing.T) {
	var recent []events.Delivered
	for n := range 20 {
		id := "call_" + string(rune('a'+n))
		recent = append(recent, delivered(id, "call.ringing", `{"from":"1","to":"2"}`), delivered(id, "call.answered", `{}`))
	}
	_, body := get(t, page("", recent...), "/")
	if n := strings.Count(body, "<details"); n != 12 {
		t.Errorf("%d calls shown", n)
	}
	if first := strings.Index(body, "<details"); !strings.HasPrefix(body[first:], `<details id="call_t" open>`) {
		t.Errorf("first is %.40s", body[first:])
	}
}

func TestATenantSeesItsOwn(t *testing.T) {
	recent := []events.Delivered{
		delivered("call_1", "call.ringing", `{"tenant":"acme","from":"acme-event","to":"100"}`),
		delivered("call_2", "call.ringing", `{"tenant":"bolt","from":"bolt-event","to":"200"}`),
		delivered("call_2", "email.requested", `{"tenant":"bolt","to":["bolt-mail@x.test"]}`),
		delivered("call_3", "call.ringing", `bolt-malformed`),
	}
	for _, path := range []string{"/", "/parts"} {
		_, body := get(t, page("acme", recent...), path)
		if !strings.Contains(body, "acme-event") || strings.Contains(body, "bolt") || strings.Contains(body, "call_3") {
			t.Errorf("%s: %s", path, body)
		}
	}
}

func TestHostileTextIsShownAsText(t *testing.T) {
	quoted := strings.ReplaceAll(hostile, `"`, `\"`)
	h := page("",
		delivered("call_"+hostile, "call.ringing", `{"from":"`+quoted+`","to":"`+quoted+`"}`),
		delivered("call_x", "email.requested", `{"to":["`+quoted+`"],"subject":"`+quoted+`","text":"`+quoted+`"}`),
		delivered("call_x", hostile, `{}`),
		delivered("call_x", "ask.failed", `{"detail":"`+quoted+`","faults":[{"found":"`+quoted+`"}]}`),
		delivered("call_x", "call.hangup", hostile),
	)
	for _, path := range []string{"/", "/parts"} {
		res, body := get(t, h, path)
		if strings.Contains(body, "<script>alert") || strings.Contains(body, "<img") {
			t.Errorf("%s runs what a caller sent: %s", path, body)
		}
		if n := strings.Count(body, "&lt;script&gt;"); n < 8 {
			t.Errorf("%s shows it %d times only", path, n)
		}
		if csp := res.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'self'") || strings.Contains(csp, "unsafe") {
			t.Errorf("policy %q", csp)
		}
	}
}

func TestThePartsAreAFragment(t *testing.T) {
	res, body := get(t, page(""), "/parts")
	if strings.Contains(body, "<html") || !strings.Contains(body, "Live calls") || res.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%v %.200s", res.Header, body)
	}
	_, whole := get(t, page(""), "/")
	if !strings.Contains(whole, strings.TrimSpace(body)[:40]) || !strings.Contains(whole, `<main id="parts">`) {
		t.Error("the page does not hold its parts")
	}
}

func TestThePagesFilesComeWithTheirTypes(t *testing.T) {
	for path, kind := range map[string]string{"/style.css": "text/css; charset=utf-8", "/page.js": "text/javascript; charset=utf-8", "/favicon.ico": "image/svg+xml"} {
		res, body := get(t, page(""), path)
		if res.StatusCode != 200 || res.Header.Get("Content-Type") != kind || body == "" || res.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %d %v", path, res.StatusCode, res.Header)
		}
	}
	if res, _ := get(t, page(""), "/other"); res.StatusCode != 404 {
		t.Errorf("/other: %d", res.StatusCode)
	}
}
