package api_test

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
)

const order101 = `{"from": "+37120001111", "to": "101", "answer": "http://127.0.0.1:3000/call"}`

func TestACallIsStartedToWhatIsNamed(t *testing.T) {
	w := newWorld()
	h := w.handler(false)
	for _, c := range []struct{ to, user, number, sip string }{
		{`"101"`, "101", "", ""},
		{`"+37120002222"`, "", "+37120002222", ""},
		{`"sip:bob@192.0.2.1"`, "", "", "sip:bob@192.0.2.1"},
		{`{"user": "101"}`, "101", "", ""},
		{`{"number": "100", "gateway": "telia"}`, "", "100", ""},
		{`[{"sip": "sips:bob@bolt.test"}]`, "", "", "sips:bob@bolt.test"},
	} {
		got := ask(h, "POST /v1/calls", "acme", `{"to": `+c.to+`, "from": "100", "verbs": [{"verb": "hangup"}]}`)
		if got.code != 201 {
			t.Errorf("%s: %d %s", c.to, got.code, got.body)
			continue
		}
		o := w.started[len(w.started)-1]
		if o.To.User != c.user || o.To.Number != c.number || o.To.SIP != c.sip || o.Tenant != "acme" || o.From != "100" || len(o.Start.Document) != 1 {
			t.Errorf("%s: %+v", c.to, o)
		}
	}
	for _, answer := range []string{"fn:router", "http://127.0.0.1:3000/", "https://acme.test/call"} {
		if got := ask(h, "POST /v1/calls", "acme", fmt.Sprintf(`{"to": "101", "answer": %q}`, answer)); got.code != 201 {
			t.Errorf("%s: %d %s", answer, got.code, got.body)
		} else if o := w.started[len(w.started)-1]; o.Start.URL != answer || o.From != "" {
			t.Errorf("%s: %+v", answer, o)
		}
	}
}

func TestAFaultyOrderNamesItsFault(t *testing.T) {
	w := newWorld()
	h := w.handler(false)
	hangup := `"verbs": [{"verb": "hangup"}]`
	for _, c := range []struct {
		body string
		code int
		want string
		has  string
	}{
		{`{`, 400, "bad_json", ""},
		{`[]`, 400, "bad_json", ""},
		{`{"too": "101"}`, 422, "unknown_property", `did you mean to?`},
		{`{"to": "101", "colour": 1}`, 422, "unknown_property", `it takes tenant, from, to, answer, verbs`},
		{`{"to": "101", ` + hangup + `} {}`, 400, "bad_json", "follows"},
		{`{` + hangup + `}`, 422, "bad_target", "missing"},
		{`{"to": "", ` + hangup + `}`, 422, "bad_target", "/to"},
		{`{"to": {"usr": "101"}, ` + hangup + `}`, 422, "bad_target", "/to"},
		{`{"to": [{"user": "101"}, {"user": "105"}], ` + hangup + `}`, 422, "bad_target", "one target"},
		{`{"to": "sip:x\r\ny@h", ` + hangup + `}`, 422, "bad_target", "/to"},
		{`{"to": "101"}`, 422, "bad_start", "give one"},
		{`{"to": "101", "answer": "http://h/", ` + hangup + `}`, 422, "bad_start", "give one"},
		{`{"to": "101", "answer": "ftp://h/"}`, 422, "bad_start", "http"},
		{`{"to": "101", "answer": "http:///path"}`, 422, "bad_start", "http"},
		{`{"to": "101", "answer": "fn:"}`, 422, "bad_start", "fn:NAME"},
		{`{"to": "101", "verbs": [{"verb": "hangpu"}]}`, 422, "bad_document", "hangup"},
		{`{"to": "101", "tenant": "bolt", ` + hangup + `}`, 422, "bad_tenant", "bolt"},
	} {
		got := ask(h, "POST /v1/calls", "acme", c.body)
		if got.code != c.code || got.problem(t) != c.want || !strings.Contains(got.body, c.has) {
			t.Errorf("%s: %d %s", c.body, got.code, got.body)
		}
	}
	if len(w.started) != 0 {
		t.Errorf("started %+v", w.started)
	}
}

func TestTheTenantOfAnOrder(t *testing.T) {
	w := newWorld()
	h := w.handler(false)
	if got := ask(h, "POST /v1/calls", "all", order101); got.code != 422 || got.problem(t) != "bad_tenant" {
		t.Errorf("none of several named: %d %s", got.code, got.body)
	}
	if got := ask(h, "POST /v1/calls", "all", `{"tenant": "bolt", "to": "101", "answer": "fn:router"}`); got.code != 201 || w.started[0].Tenant != "bolt" ||
		w.started[0].To.Number != "101" {
		t.Errorf("named: %d %+v", got.code, w.started)
	}
	delete(w.config.Tenants, "bolt")
	if got := ask(h, "POST /v1/calls", "all", order101); got.code != 201 || w.started[1].Tenant != "acme" {
		t.Errorf("the only one: %d %+v", got.code, w.started)
	}
}

func TestABusyEdgeSaysWhenToComeAgain(t *testing.T) {
	w := newWorld()
	w.busy = true
	got := ask(w.handler(false), "POST /v1/calls", "acme", order101)
	if got.code != 503 || got.problem(t) != "busy" || got.header.Get("Retry-After") != "5" {
		t.Errorf("%d %s", got.code, got.body)
	}
}

func TestAnIdempotencyKeyStartsOneCall(t *testing.T) {
	w := newWorld()
	h := w.handler(false)
	with := func(tenant, key, body string) answer {
		return ask(h, "POST /v1/calls", tenant, body, "Idempotency-Key", key)
	}
	first := with("acme", "k1", order101)
	if again := with("acme", "k1", order101); first.code != 201 || again.code != 201 || again.body != first.body {
		t.Errorf("again: %d %s, first %s", again.code, again.body, first.body)
	}
	if other := with("acme", "k1", order101+" "); other.code != 422 || other.problem(t) != "idempotency_key_reused" {
		t.Errorf("another body: %d %s", other.code, other.body)
	}
	if bolt := with("bolt", "k1", order101); bolt.code != 201 || bolt.body == first.body {
		t.Errorf("another tenant's key: %d %s", bolt.code, bolt.body)
	}
	if long := with("acme", strings.Repeat("k", 256), order101); long.code != 400 || long.problem(t) != "bad_idempotency_key" {
		t.Errorf("a long key: %d %s", long.code, long.body)
	}
	if len(w.started) != 2 {
		t.Errorf("%d calls started, want 2", len(w.started))
	}
	w.busy = true
	if got := with("acme", "k2", order101); got.code != 503 {
		t.Errorf("busy: %d", got.code)
	}
	w.busy = false
	if got := with("acme", "k2", order101); got.code != 201 {
		t.Errorf("after a refusal the key is not free: %d %s", got.code, got.body)
	}
}

func TestSimultaneousOrdersOfOneKeyStartOneCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.slow = make(chan struct{})
		h := w.handler(false)
		answers := make(chan answer, 10)
		for range 10 {
			go func() { answers <- ask(h, "POST /v1/calls", "acme", order101, "Idempotency-Key", "k") }()
		}
		synctest.Wait()
		close(w.slow)
		for range 10 {
			if a := <-answers; a.code != 201 || !strings.Contains(a.body, `"call_1"`) {
				t.Errorf("%d %s", a.code, a.body)
			}
		}
		if len(w.started) != 1 {
			t.Errorf("%d calls started", len(w.started))
		}
	})
}

func TestOrdersThatWaitForOneThatFailsAreTriedThemselves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.slow, w.busy = make(chan struct{}), true
		h := w.handler(false)
		answers := make(chan answer)
		for range 3 {
			go func() { answers <- ask(h, "POST /v1/calls", "acme", order101, "Idempotency-Key", "k") }()
		}
		synctest.Wait()
		close(w.slow)
		for range 3 {
			if a := <-answers; a.code != 503 || a.problem(t) != "busy" {
				t.Errorf("%d %s", a.code, a.body)
			}
		}
	})
}

func TestAnOrderThatWaitsGoesAwayWithItsClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.slow = make(chan struct{})
		h := w.handler(false)
		done := make(chan answer)
		go func() { done <- ask(h, "POST /v1/calls", "acme", order101, "Idempotency-Key", "k") }()
		synctest.Wait()
		ctx, cancel := contextOf(t)
		r := httptest.NewRequestWithContext(ctx, "POST", "/v1/calls", strings.NewReader(order101))
		r.Header.Set("X-API-Key", "key-acme")
		r.Header.Set("Idempotency-Key", "k")
		gone := make(chan struct{})
		go func() { defer close(gone); h.ServeHTTP(httptest.NewRecorder(), r) }()
		synctest.Wait()
		cancel()
		<-gone
		close(w.slow)
		if a := <-done; a.code != 201 || len(w.started) != 1 {
			t.Errorf("%d, %d started", a.code, len(w.started))
		}
	})
}

func TestManyKeysDoNotPileUp(t *testing.T) {
	w := newWorld()
	h := w.handler(false)
	const kept = 10_000
	order := func(n int) answer {
		return ask(h, "POST /v1/calls", "acme", order101, "Idempotency-Key", fmt.Sprint(n))
	}
	first := order(0)
	for n := 1; n <= kept; n++ {
		order(n)
	}
	if again := order(0); again.body == first.body {
		t.Error("the oldest key is still kept")
	}
	if again := order(kept); !strings.Contains(again.body, fmt.Sprintf("call_%d", kept+1)) {
		t.Errorf("a newer key was forgotten: %s", again.body)
	}
}
