package router

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/offhook/offhook/functions/fn"
	"github.com/offhook/offhook/schemas/ask"
	"github.com/offhook/offhook/schemas/check"
	"github.com/offhook/offhook/schemas/config"
	"github.com/offhook/offhook/schemas/verb"
)

func url(to string) *verb.Do { return &verb.Do{URL: to} }

func tenant() config.Tenant {
	return config.Tenant{
		Answer:  url("http://shop.test/call"),
		Numbers: map[string]config.Number{"100": {Answer: url("demo.json")}, "+37120002222": {Answer: url("fn:scenario")}, "7": {Answer: &verb.Do{Document: verb.Document{&verb.Answer{}, &verb.Hangup{}}}}},
		Users: map[string]config.User{
			"101": {Name: "Ilze", RingFor: verb.Duration(15 * time.Second), CallerID: "+37120009999"},
			"105": {Name: "Juris"},
		},
		Gateways: map[string]config.Gateway{"zeta": {Host: "z"}, "alpha": {Host: "a", CallerID: "+37166000000"}},
	}
}

// route asks the router about a call to a number and gives status, answer and log.
func route(t *testing.T, tn config.Tenant, c ask.Call) (int, string, string) {
	t.Helper()
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "demo.json"), []byte(`[{"verb":"answer"},{"verb":"say","text":"hello {caller_number}"}]`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "bad.json"), []byte("[{\"verb\":\"answer\"},\n{\"verb\":\"dance\"}]"), 0o600); err != nil {
		t.Fatal(err)
	}
	return routeIn(t, folder, tn, c)
}

func routeIn(t *testing.T, folder string, tn config.Tenant, c ask.Call) (int, string, string) {
	t.Helper()
	var log bytes.Buffer
	cfg := &config.Config{Tenants: map[string]config.Tenant{"demo": tn}}
	f, err := open(t.Context(), fn.Env{Config: func() *config.Config { return cfg }, Folder: folder, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	if c.Tenant == "" {
		c.Tenant = "demo"
	}
	body, err := json.Marshal(ask.Ask{ID: "a", Reason: ask.ReasonCall, Call: c})
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	f.Asks.ServeHTTP(w, httptest.NewRequest("POST", "/", bytes.NewReader(body)))
	if w.Code == 200 {
		if _, faults := check.Answer(w.Body.Bytes(), nil); len(faults) > 0 {
			t.Errorf("the edge would refuse %s: %+v", w.Body, faults)
		}
	}
	return w.Code, w.Body.String(), log.String()
}

func TestEachCallFindsItsRule(t *testing.T) {
	trunk := func(to string) ask.Call { return ask.Call{To: to, Trunk: "local", From: "+37120001111"} }
	user := func(to string) ask.Call { return ask.Call{To: to, User: "101", From: "101"} }
	bare := tenant()
	bare.Answer = nil
	for _, tt := range []struct {
		name   string
		tenant config.Tenant
		call   ask.Call
		want   []string
	}{
		{"number with a file", tenant(), trunk("100"), []string{`"verb":"say"`, "hello {caller_number}"}},
		{"number with a document", tenant(), trunk("7"), []string{`[{"verb":"answer"},{"verb":"hangup"}]`}},
		{"number with a function", tenant(), trunk("+37120002222"), []string{`{"verb":"redirect","to":"fn:scenario"}`}},
		{"number written without plus", tenant(), trunk("37120002222"), []string{"fn:scenario"}},
		{"number written with 00", tenant(), trunk("0037120002222"), []string{"fn:scenario"}},
		{"extension", tenant(), trunk("101"), []string{`[{"verb":"dial","to":{"user":"101"}}]`}},
		{"extension without ring_for", tenant(), user("105"), []string{`"user":"105"`}},
		{"user calls out", tenant(), user("+4670123456"), []string{`[{"verb":"dial","to":{"number":"+4670123456","gateway":"alpha"},"ring_for":"2m0s","caller_id":"+37120009999"}]`}},
		{"gateway's caller id", tenant(), ask.Call{To: "112", User: "105"}, []string{`"gateway":"alpha"`, `"caller_id":"+37166000000"`}},
		{"trunk never calls out", tenant(), trunk("+4670123456"), []string{`"redirect","to":"http://shop.test/call"`}},
		{"user over a trunk never calls out", tenant(), ask.Call{To: "+4670123456", User: "101", Trunk: "local"}, []string{"redirect"}},
		{"no number to call out to", tenant(), user("anna@x"), []string{"redirect"}},
		{"nothing", bare, trunk("999"), []string{`[{"verb":"reject","status":404,"reason":"Not Found"}]`}},
		{"unknown tenant", bare, ask.Call{To: "100", Tenant: "nobody"}, []string{`"status":404`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status, body, log := route(t, tt.tenant, tt.call)
			for _, want := range tt.want {
				if status != 200 || !strings.Contains(body, want) {
					t.Errorf("%d %s lacks %s", status, body, want)
				}
			}
			if refused := strings.Contains(body, `"reject","status":404`); refused != strings.Contains(log, "call refused") {
				t.Errorf("log: %s", log)
			}
		})
	}
}

func TestANumberIsFoundWithoutGoingThroughAllOfThem(t *testing.T) {
	if testing.Short() {
		t.Skip("the race detector, which runs the short tests, has allocations of its own")
	}
	tn := config.Tenant{Numbers: map[string]config.Number{}}
	for i := range 10000 {
		tn.Numbers[fmt.Sprintf("+3716%07d", i)] = config.Number{Answer: url("fn:scenario")}
	}
	for to, want := range map[string]string{"+37160000007": RuleNumber, "0037160000007": RuleNumber, "37160000007": RuleNumber, "101": RuleNone} {
		var d Decision
		allocs := testing.AllocsPerRun(3, func() { d = Decide(ask.Call{To: to, Trunk: "local"}, tn) })
		if d.Rule != want || allocs > 16 {
			t.Errorf("%s: %s with %v allocations", to, d.Rule, allocs)
		}
	}
}

func TestANumberThatIsThereTwiceIsFoundAsItIsDialled(t *testing.T) {
	tn := config.Tenant{Numbers: map[string]config.Number{"+371": {Answer: url("plus.json")}, "00371": {Answer: url("zeros.json")}, "371": {Answer: url("plain.json")}}}
	for to, want := range map[string]string{"+371": "plus.json", "00371": "zeros.json", "371": "plain.json"} {
		if d := Decide(ask.Call{To: to, Trunk: "local"}, tn); d.Do.URL != want {
			t.Errorf("%s: %s", to, d.Do.URL)
		}
	}
}

func TestRefusalSaysWhy(t *testing.T) {
	tn := tenant()
	tn.Answer = nil
	_, _, log := route(t, tn, ask.Call{To: "+4670", Trunk: "local"})
	for _, want := range []string{"no number", "no user", "only an authenticated user may call out", "no answer for other calls"} {
		if !strings.Contains(log, want) {
			t.Errorf("%s lacks %q", log, want)
		}
	}
}

func TestFaultyFileIsNamedWithItsLine(t *testing.T) {
	tn := tenant()
	for file, want := range map[string][]string{"bad.json": {"bad.json", "line 2", "dance"}, "missing.json": {"missing.json", "no such file"}} {
		tn.Answer = url(file)
		status, body, log := route(t, tn, ask.Call{To: "x"})
		for _, w := range want {
			if status != 500 || !strings.Contains(body, w) || !strings.Contains(log, w) {
				t.Errorf("%d %s\n%s lacks %s", status, body, log, w)
			}
		}
	}
}

func TestAFileMayBeAnAnswerWithVariables(t *testing.T) {
	tn, folder := tenant(), t.TempDir()
	tn.Answer = url("full.json")
	text := `{"verbs": [{"verb": "log", "text": "{colour}"}], "vars": {"colour": "red"}, "state": {"n": 1}}`
	if err := os.WriteFile(filepath.Join(folder, "full.json"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	status, body, _ := routeIn(t, folder, tn, ask.Call{To: "x"})
	if want := `{"verbs":[{"verb":"log","text":"{colour}"}],"vars":{"colour":"red"},"state":{"n":1}}`; status != 200 || strings.TrimSpace(body) != want {
		t.Errorf("%d %s", status, body)
	}
	tn.Numbers["100"] = config.Number{Answer: url("full.json"), CallerPrefix: "7"}
	_, body, _ = routeIn(t, folder, tn, ask.Call{To: "100", From: "200", Trunk: "local"})
	if !strings.Contains(body, `"caller_number":"7200"`) || !strings.Contains(body, `"colour":"red"`) {
		t.Error(body)
	}
}

func TestFileIsReadAgainWhenItChanges(t *testing.T) {
	folder := t.TempDir()
	f := newFiles(folder)
	for _, text := range []string{"one", "number two"} {
		if err := os.WriteFile(filepath.Join(folder, "a.json"), []byte(`[{"verb":"log","text":"`+text+`"}]`), 0o600); err != nil {
			t.Fatal(err)
		}
		a, err := f.load("a.json")
		if err != nil || a.Verbs[0].(*verb.Log).Text != text {
			t.Fatalf("%+v %v", a, err)
		}
	}
}

func TestOtherReasonsHaveNoAnswer(t *testing.T) {
	cfg := &config.Config{}
	f, err := open(t.Context(), fn.Env{Config: func() *config.Config { return cfg }, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	f.Asks.ServeHTTP(w, httptest.NewRequest("POST", "/", strings.NewReader(`{"reason":"hangup"}`)))
	if w.Code != 204 {
		t.Fatal(w.Code, w.Body)
	}
}

// What is answered at once is what a request for it brings.
func TestAnswerAtOnceIsTheAnswerToARequest(t *testing.T) {
	tn := tenant()
	cfg := &config.Config{Tenants: map[string]config.Tenant{"demo": tn}}
	f, err := open(t.Context(), fn.Env{Config: func() *config.Config { return cfg }, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	for to, want := range map[string]bool{"100": false, "7": true, "+37120002222": true, "101": true, "0": true} {
		a := ask.Ask{ID: "a", Reason: ask.ReasonCall, Call: ask.Call{Tenant: "demo", To: to, Trunk: "local"}}
		ans, ok := f.AtOnce(a)
		if ok != want {
			t.Errorf("%s: at once %v", to, ok)
		}
		if !ok {
			continue
		}
		body, err := json.Marshal(ans)
		if _, asked, _ := route(t, tn, a.Call); err != nil || asked != string(body) {
			t.Errorf("%s: %v\n%s\n%s", to, err, body, asked)
		}
	}
	for _, a := range []ask.Ask{{Reason: ask.ReasonHangup, Call: ask.Call{Tenant: "demo", To: "7"}}, {Reason: ask.ReasonCall, Call: ask.Call{Tenant: "x", To: "7"}}} {
		if _, ok := f.AtOnce(a); ok {
			t.Errorf("%+v", a)
		}
	}
}
