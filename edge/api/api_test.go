package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/offhook/offhook/edge/api"
	"github.com/offhook/offhook/edge/node"
	"github.com/offhook/offhook/edge/sipua"
	"github.com/offhook/offhook/events"
	"github.com/offhook/offhook/schemas/config"
	"github.com/offhook/offhook/schemas/verb"
)

// world is what the API stands on: two tenants with a call, a phone and events each.
type world struct {
	mu       sync.Mutex
	calls    []node.View
	started  []node.Origination
	hungUp   []string
	replaced map[string]verb.Document
	beside   []string // call, agent or caller, verbs
	busy     bool
	slow     chan struct{} // Originate waits for it when set
	past     map[string][]events.Delivered
	logDown  bool
	notReady error
	feed     *api.Feed
	config   *config.Config
}

func newWorld() *world {
	key := func(name, tenant string, scopes ...string) config.APIKey {
		return config.APIKey{Name: name, Key: config.Secret{Value: "key-" + name}, Tenant: tenant, Scopes: scopes}
	}
	return &world{
		calls:    []node.View{{ID: "call_a", Tenant: "acme", From: "1", To: "100"}, {ID: "call_b", Tenant: "bolt", From: "2", To: "200"}},
		replaced: map[string]verb.Document{},
		past: map[string][]events.Delivered{
			"call_a":   {ev("call_a", 1, "call.ringing", "acme")},
			"call_old": {ev("call_old", 1, "call.ringing", "bolt"), ev("call_old", 2, "call.hangup", "bolt")},
		},
		feed: api.NewFeed(100),
		config: &config.Config{
			Tenants: map[string]config.Tenant{"acme": {Users: map[string]config.User{"101": {}}}, "bolt": {}},
			Keys: []config.APIKey{key("all", ""), key("acme", "acme"), key("bolt", "bolt"), key("reader", "acme", "calls:read"),
				{Name: "empty"}},
		},
	}
}

func ev(call string, seq int, kind, tenant string) events.Delivered {
	return events.Delivered{Event: events.Event{ID: fmt.Sprintf("%s-%d", call, seq), Type: "offhook." + kind, Source: "/offhook/edge/riga",
		Subject: call, Key: call, Time: time.Now().UTC(), Data: fmt.Appendf(nil, `{"call_id":%q,"tenant":%q,"seq":%d}`, call, tenant, seq)}}
}

func (w *world) handler(open bool) http.Handler {
	return api.New(api.Config{
		Calls: w, Log: w, Recent: w.feed.Recent, Tenants: func() *config.Config { return w.config }, Open: open,
		Ready:   func() error { return w.notReady },
		Metrics: http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(rw, "offhook_calls_live 2\n") }),
		Schemas: fstest.MapFS{"verb/dial.json": {Data: []byte(`{"title":"dial"}`)}},
		Pages: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(rw, "page of "+api.Tenant(r.Context())+".")
		}),
	})
}

func (w *world) Calls(tenant string) []node.View {
	return slices.DeleteFunc(slices.Clone(w.calls), func(v node.View) bool { return tenant != "" && v.Tenant != tenant })
}

func (w *world) Call(id string) (node.View, error) {
	for _, v := range w.calls {
		if v.ID == id {
			return v, nil
		}
	}
	return node.View{}, node.ErrNoCall
}

func (w *world) Originate(o node.Origination) (node.View, error) {
	if w.slow != nil {
		<-w.slow
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.busy {
		return node.View{}, node.ErrBusy
	}
	w.started = append(w.started, o)
	return node.View{ID: fmt.Sprintf("call_%d", len(w.started)), Tenant: o.Tenant, From: o.From}, nil
}

func (w *world) HangUp(id string) error { w.hungUp = append(w.hungUp, id); return nil }
func (w *world) Replace(id string, doc verb.Document) error {
	w.replaced[id] = doc
	return nil
}

func (w *world) Beside(id string, doc verb.Document, agent bool) error {
	w.beside = append(w.beside, fmt.Sprint(id, " agent=", agent, " ", doc[0].VerbName()))
	return nil
}

func (w *world) Conferences(tenant string) []node.Conference {
	return only(tenant, []node.Conference{{Room: "board", Tenant: "acme"}, {Room: "bridge", Tenant: "bolt"}}, func(x node.Conference) string { return x.Tenant })
}

func (w *world) Queues(tenant string) []node.Queue {
	return only(tenant, []node.Queue{{Queue: "sales", Tenant: "acme"}, {Queue: "help", Tenant: "bolt"}}, func(x node.Queue) string { return x.Tenant })
}

func (w *world) Parked(tenant string) []node.Waiting {
	return only(tenant, []node.Waiting{{Slot: "701", Tenant: "acme"}, {Slot: "702", Tenant: "bolt"}}, func(x node.Waiting) string { return x.Tenant })
}

// only are those of a tenant.
func only[T any](tenant string, all []T, of func(T) string) []T {
	return slices.DeleteFunc(all, func(x T) bool { return tenant != "" && of(x) != tenant })
}

func (w *world) Registrations(tenant string) []sipua.Binding {
	all := []sipua.Binding{{Tenant: "acme", User: "101", Contact: "sip:101@192.0.2.1", UserAgent: "P", Node: "riga"}, {Tenant: "bolt", User: "105"}}
	return slices.DeleteFunc(all, func(b sipua.Binding) bool { return tenant != "" && b.Tenant != tenant })
}

func (w *world) Follow(ctx context.Context, f func(events.Delivered) error) error {
	return w.feed.Follow(ctx, f)
}

func (w *world) Timeline(_ context.Context, call string) ([]events.Delivered, error) {
	if w.logDown {
		return nil, errors.New("no broker")
	}
	return w.past[call], nil
}

// answer is what came, with its body read.
type answer struct {
	code   int
	header http.Header
	body   string
}

func (a answer) json(t *testing.T, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.body), into); err != nil {
		t.Fatalf("%v in %q", err, a.body)
	}
}

// problem checks that the answer is a problem document and gives its code.
func (a answer) problem(t *testing.T) string {
	t.Helper()
	var p api.Problem
	a.json(t, &p)
	if a.header.Get("Content-Type") != "application/problem+json" || p.Status != a.code || p.Title != http.StatusText(a.code) ||
		p.Type == "" || p.Detail == "" {
		t.Errorf("no problem document: %s %s", a.header.Get("Content-Type"), a.body)
	}
	return p.Code
}

// ask sends "METHOD /path" with a key ("" for none) and a body; more headers as name, value ...
func ask(h http.Handler, line, key, body string, headers ...string) answer {
	method, path, _ := strings.Cut(line, " ")
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Host, r.RemoteAddr = "127.0.0.1:8080", "192.0.2.50:1234"
	if key != "" {
		r.Header.Set("Authorization", "Bearer key-"+key)
	}
	for i := 0; i < len(headers); i += 2 {
		switch headers[i] {
		case "Host":
			r.Host = headers[i+1]
		case "From":
			r.RemoteAddr = headers[i+1]
		default:
			r.Header.Set(headers[i], headers[i+1])
		}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return answer{w.Code, w.Header(), w.Body.String()}
}

func TestEveryRouteAnswers(t *testing.T) {
	w := newWorld()
	h := w.handler(false)
	for _, c := range []struct {
		line string
		code int
		has  string
	}{
		{"GET /healthz", 200, "ok"},
		{"GET /readyz", 200, "ready"},
		{"GET /metrics", 200, "offhook_calls_live"},
		{"GET /v1/calls", 200, `"call_b"`},
		{"GET /v1/calls/call_a", 200, `"tenant":"acme"`},
		{"GET /v1/calls/call_old", 200, `"status":"ended"`},
		{"GET /v1/calls/call_old/events", 200, `"type":"offhook.call.hangup"`},
		{"DELETE /v1/calls/call_a", 202, `"ending"`},
		{"GET /v1/events/recent", 200, `"events":[]`},
		{"GET /v1/registrations", 200, `"contact":"sip:101@192.0.2.1"`},
		{"GET /v1/schemas/verb/dial.json", 200, `"dial"`},
		{"GET /v1/schemas/", 200, "verb/"},
		{"GET /", 200, "page of ."},
		{"GET /history/calls", 200, "page of ."},
	} {
		if got := ask(h, c.line, "all", ""); got.code != c.code || !strings.Contains(got.body, c.has) {
			t.Errorf("%s: %d %s", c.line, got.code, got.body)
		}
	}
	if !slices.Equal(w.hungUp, []string{"call_a"}) {
		t.Errorf("hung up %v", w.hungUp)
	}
}

func TestWhatIsNotThereIsAProblem(t *testing.T) {
	w := newWorld()
	h := w.handler(false)
	for _, c := range []struct {
		line string
		code int
		want string
	}{
		{"GET /v1/nothing", 404, "not_found"},
		{"GET /v1/", 404, "not_found"},
		{"GET /v1/calls/call_x", 404, "no_such_call"},
		{"GET /v1/calls/call_x/events", 404, "no_such_call"},
		{"DELETE /v1/calls/call_x", 404, "no_such_call"},
		{"DELETE /v1/calls/call_old", 404, "no_such_call"},
		{"PUT /v1/calls/call_x/verbs", 404, "no_such_call"},
		{"POST /v1/calls/call_x/verbs", 404, "no_such_call"},
		{"GET /v1/schemas/verb/none.json", 404, "no_such_schema"},
		{"GET /v1/schemas/..%2f..%2fetc/passwd", 404, "no_such_schema"},
		{"DELETE /v1/calls", 405, "method_not_allowed"},
		{"POST /v1/calls/call_a", 405, "method_not_allowed"},
		{"POST /healthz", 405, "method_not_allowed"},
		{"PATCH /v1/registrations", 405, "method_not_allowed"},
		{"GET /v1/events?type=[", 400, "bad_pattern"},
		{"GET /v1/events/recent?type=[", 400, "bad_pattern"},
	} {
		got := ask(h, c.line, "all", "")
		if got.code != c.code || got.problem(t) != c.want {
			t.Errorf("%s: %d %s", c.line, got.code, got.body)
		}
	}
	if allow := ask(h, "PATCH /v1/calls", "all", "").header.Get("Allow"); allow != "GET, POST" {
		t.Errorf("Allow: %s", allow)
	}
	w.notReady, w.logDown = errors.New("not yet"), true
	if got := ask(h, "GET /readyz", "", ""); got.code != 503 || got.problem(t) != "not_ready" {
		t.Errorf("not ready: %d %s", got.code, got.body)
	}
	if got := ask(h, "GET /v1/calls/call_old/events", "all", ""); got.code != 503 || got.problem(t) != "log_unavailable" {
		t.Errorf("without the log: %d %s", got.code, got.body)
	}
}

func TestATenantsKeySeesItsOwn(t *testing.T) {
	w := newWorld()
	h := w.handler(false)
	for _, d := range []events.Delivered{ev("call_a", 1, "call.held", "acme"), ev("call_b", 1, "call.held", "bolt"), {Event: events.Event{ID: "x", Data: []byte("no json")}}} {
		_ = w.feed.Take(d)
	}
	for line, foreign := range map[string]string{
		"GET /v1/calls": "call_b", "GET /v1/registrations": "105", "GET /v1/events/recent": "call_b",
		"GET /v1/conferences": "bridge", "GET /v1/queues": "help", "GET /v1/parked": "702",
	} {
		got := ask(h, line, "acme", "")
		if got.code != 200 || strings.Contains(got.body, foreign) || strings.Contains(got.body, "no json") {
			t.Errorf("%s: %d %s", line, got.code, got.body)
		}
		if all := ask(h, line, "all", ""); !strings.Contains(all.body, foreign) {
			t.Errorf("%s with the key of all: %s", line, all.body)
		}
	}
	for _, line := range []string{"GET /v1/calls/call_b", "GET /v1/calls/call_old", "GET /v1/calls/call_old/events", "DELETE /v1/calls/call_b", "PUT /v1/calls/call_b/verbs",
		"POST /v1/calls/call_b/verbs"} {
		if got := ask(h, line, "acme", `[]`); got.code != 404 || got.problem(t) != "no_such_call" {
			t.Errorf("%s: %d %s", line, got.code, got.body)
		}
	}
	if len(w.hungUp) != 0 || len(w.replaced) != 0 || len(w.beside) != 0 {
		t.Errorf("a foreign call was changed: %v %v %v", w.hungUp, w.replaced, w.beside)
	}
	if got := ask(h, "GET /", "acme", ""); got.body != "page of acme." {
		t.Errorf("the page is told %q", got.body)
	}
}

func TestRecordsThatAreNoJSONBreakNoAnswer(t *testing.T) {
	w := newWorld()
	_ = w.feed.Take(events.Delivered{Event: events.Event{ID: "1", Type: "strange", Data: []byte("{broken")}})
	_ = w.feed.Take(ev("call_a", 1, "call.held", "acme"))
	var got struct{ Events []api.WireEvent }
	ask(w.handler(false), "GET /v1/events/recent", "all", "").json(t, &got)
	if len(got.Events) != 2 || string(got.Events[0].Data) != `"{broken"` || got.Events[1].ID != "call_a-1" {
		t.Errorf("%+v", got.Events)
	}
}

func TestRecentEventsAreChosenAmongAllThatAreKept(t *testing.T) {
	w := newWorld()
	w.feed = api.NewFeed(2000)
	_ = w.feed.Take(ev("call_a", 1, "call.held", "acme"))
	for n := range 600 {
		_ = w.feed.Take(ev("call_b", n+1, "verb.ended", "bolt"))
	}
	h := w.handler(false)
	count := func(query, key string) int {
		var got struct{ Events []api.WireEvent }
		ask(h, "GET /v1/events/recent"+query, key, "").json(t, &got)
		return len(got.Events)
	}
	for _, c := range []struct {
		query, key string
		want       int
	}{{"", "all", 500}, {"?type=call.*", "all", 1}, {"?type=offhook.call.held", "all", 1}, {"?call=call_a", "all", 1}, {"", "acme", 1}, {"?call=call_b", "acme", 0}} {
		if n := count(c.query, c.key); n != c.want {
			t.Errorf("%s with the key of %s: %d events, want %d", c.query, c.key, n, c.want)
		}
	}
}

func TestADocumentTakesTheCallOverOnceItIsGood(t *testing.T) {
	w := newWorld()
	h := w.handler(false)
	got := ask(h, "PUT /v1/calls/call_a/verbs", "acme", `[{"verb": "dial", "to": {"user": "101"}, "ring_for": "20 secs"}]`)
	if got.code != 422 || got.problem(t) != "bad_document" || !strings.Contains(got.body, "/0/ring_for") || len(w.replaced) != 0 {
		t.Errorf("a bad document: %d %s", got.code, got.body)
	}
	got = ask(h, "PUT /v1/calls/call_a/verbs", "acme", strings.Repeat(" ", 64<<10)+"[]")
	if got.code != 413 || got.problem(t) != "too_large" {
		t.Errorf("a large document: %d %s", got.code, got.body)
	}
	if got = ask(h, "PUT /v1/calls/call_a/verbs", "acme", `[{"verb": "hangup"}]`); got.code != 202 || len(w.replaced["call_a"]) != 1 {
		t.Errorf("a good document: %d %s", got.code, got.body)
	}
	got = ask(h, "PUT /v1/calls/call_a/verbs", "acme", `{"verbs": [{"verb": "answer"}, {"verb": "hangup"}]}`)
	if got.code != 202 || len(w.replaced["call_a"]) != 2 {
		t.Errorf("an object with verbs, as POST takes: %d %s", got.code, got.body)
	}
	if got = ask(h, "PUT /v1/calls/call_a/verbs", "acme", `{"verbs": [{"verb": "hangup"}], "party": "agent"}`); got.code != 422 || got.problem(t) != "bad_party" {
		t.Errorf("the agent's script: %d %s", got.code, got.body)
	}
}
