package api_test

import (
	"encoding/base64"
	"testing"
)

func basic(password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte("anybody:"+password))
}

func TestKeysAreNeededInEveryForm(t *testing.T) {
	h := newWorld().handler(false)
	for _, c := range []struct {
		name    string
		headers []string
		code    int
	}{
		{"none", nil, 401},
		{"wrong", []string{"Authorization", "Bearer key-wrong"}, 401},
		{"the empty one", []string{"Authorization", "Bearer "}, 401},
		{"bearer", []string{"Authorization", "Bearer key-all"}, 200},
		{"header", []string{"X-API-Key", "key-all"}, 200},
		{"basic", []string{"Authorization", basic("key-all")}, 200},
		{"basic, wrong", []string{"Authorization", basic("key-wrong")}, 401},
		{"from loopback when not open", []string{"From", "127.0.0.1:999"}, 401},
	} {
		got := ask(h, "GET /v1/calls", "", "", c.headers...)
		if got.code != c.code {
			t.Errorf("%s: %d %s", c.name, got.code, got.body)
		}
		if c.code == 401 && (got.problem(t) != "unauthorized" || got.header.Get("WWW-Authenticate") == "") {
			t.Errorf("%s: %s", c.name, got.body)
		}
	}
	for _, path := range []string{"/", "/metrics", "/v1/events", "/v1/registrations", "/v1/schemas/verb/dial.json", "/v1/events/recent", "/v1/calls/call_a"} {
		if got := ask(h, "GET "+path, "", ""); got.code != 401 {
			t.Errorf("%s without a key: %d", path, got.code)
		}
	}
	for _, path := range []string{"/healthz", "/readyz"} {
		if got := ask(h, "GET "+path, "", ""); got.code != 200 {
			t.Errorf("%s without a key: %d", path, got.code)
		}
	}
}

func TestAScopeBoundsAKey(t *testing.T) {
	w := newWorld()
	h := w.handler(false)
	for line, code := range map[string]int{
		"GET /v1/calls": 200, "GET /v1/calls/call_a/events": 200, "GET /v1/registrations": 200, "GET /v1/schemas/verb/dial.json": 200,
		"POST /v1/calls": 403, "DELETE /v1/calls/call_a": 403, "PUT /v1/calls/call_a/verbs": 403, "POST /v1/calls/call_a/verbs": 403, "GET /v1/events": 403,
		"GET /v1/events/recent": 403, "GET /metrics": 403, "GET /": 403,
	} {
		got := ask(h, line, "reader", "")
		if got.code != code || code == 403 && got.problem(t) != "forbidden" {
			t.Errorf("%s: %d %s", line, got.code, got.body)
		}
	}
	if len(w.hungUp) != 0 {
		t.Error("a reader hung up")
	}
}

func TestOpenIsForThisMachineAndItsOwnPages(t *testing.T) {
	h := newWorld().handler(true)
	for _, c := range []struct {
		name string
		code int
		more []string
	}{
		{"a program", 200, nil},
		{"over IPv6", 200, []string{"From", "[::1]:999", "Host", "[::1]:8080"}},
		{"as localhost", 200, []string{"Host", "localhost:8080"}},
		{"the page's own script", 200, []string{"Origin", "http://127.0.0.1:8080", "Sec-Fetch-Site", "same-origin"}},
		{"an address typed in", 200, []string{"Sec-Fetch-Site", "none"}},
		{"from elsewhere", 401, []string{"From", "192.0.2.50:999"}},
		{"under a foreign name (DNS rebinding)", 401, []string{"Host", "rebind.example:8080"}},
		{"under a name that begins well", 401, []string{"Host", "127.0.0.1.example:8080"}},
		{"a foreign page's script", 401, []string{"Origin", "https://evil.example"}},
		{"a foreign page's script, by its site", 401, []string{"Sec-Fetch-Site", "cross-site"}},
		{"another port's page", 401, []string{"Origin", "http://127.0.0.1:3000"}},
		{"another port's page, by its site", 401, []string{"Sec-Fetch-Site", "same-site"}},
		{"a page without origin", 401, []string{"Origin", "null"}},
		{"a foreign frame", 401, []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe"}},
		{"a link on a foreign page", 200, []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}},
		{"a wrong key", 401, []string{"X-API-Key", "key-wrong"}},
	} {
		if got := ask(h, "GET /v1/calls", "", "", append([]string{"From", "127.0.0.1:999"}, c.more...)...); got.code != c.code {
			t.Errorf("%s: %d %s", c.name, got.code, got.body)
		}
	}
	form := []string{"From", "127.0.0.1:999", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}
	if got := ask(h, "POST /v1/calls", "", order101, form...); got.code != 401 {
		t.Errorf("a form on a foreign page: %d", got.code)
	}
}

func TestAForeignPageCannotUseTheBrowsersPassword(t *testing.T) {
	w := newWorld()
	h := w.handler(false)
	for _, foreign := range [][]string{{"Origin", "https://evil.example"}, {"Sec-Fetch-Site", "cross-site"}} {
		with := append([]string{"Authorization", basic("key-acme")}, foreign...)
		for _, line := range []string{"POST /v1/calls", "DELETE /v1/calls/call_a", "PUT /v1/calls/call_a/verbs",
			"POST /v1/calls/call_a/verbs"} {
			if got := ask(h, line, "", order101, with...); got.code != 403 || got.problem(t) != "foreign_page" {
				t.Errorf("%s with %v: %d %s", line, foreign, got.code, got.body)
			}
		}
		if got := ask(h, "GET /", "", "", with...); got.code != 200 {
			t.Errorf("a link to the page: %d", got.code)
		}
	}
	own := []string{"Authorization", basic("key-acme"), "Origin", "http://127.0.0.1:8080"}
	if got := ask(h, "DELETE /v1/calls/call_a", "", "", own...); got.code != 202 {
		t.Errorf("the page's own script: %d %s", got.code, got.body)
	}
	if len(w.started) != 0 || len(w.hungUp) != 1 {
		t.Errorf("started %v, hung up %v", w.started, w.hungUp)
	}
}
