package api_test

import (
	"strings"
	"testing"
)

func TestADocumentRunsBesideTheScript(t *testing.T) {
	w := newWorld()
	w.calls[0].Status = "bridged"
	h := w.handler(false)
	for body, want := range map[string]string{
		`[{"verb": "hold"}]`: "call_a agent=false hold",
		` {"verbs": [{"verb": "mute"}], "party": "caller"}`:           "call_a agent=false mute",
		`{"verbs": [{"verb": "say", "text": "x"}], "party": "agent"}`: "call_a agent=true say",
	} {
		w.beside = nil
		got := ask(h, "POST /v1/calls/call_a/verbs", "acme", body)
		if got.code != 202 || !strings.Contains(got.body, `"running"`) || len(w.beside) != 1 || w.beside[0] != want {
			t.Errorf("%s: %d %s, %v", body, got.code, got.body, w.beside)
		}
	}
}

func TestWhatIsWrongWithADocumentBesideTheScriptIsTold(t *testing.T) {
	w := newWorld()
	w.calls[0].Status = "answered"
	h := w.handler(false)
	for _, c := range []struct {
		body string
		code int
		want string
		has  string
	}{
		{``, 422, "bad_document", ""},
		{`{`, 400, "bad_json", ""},
		{`{"verb": "hold"}`, 422, "unknown_property", `did you mean verbs?`},
		{`{"party": "caller"}`, 422, "bad_document", ""},
		{`{"verbs": [{"verb": "hold"}], "party": "both"}`, 422, "bad_party", "caller or agent"},
		{`{"verbs": [{"verb": "hold"}], "party": "agent"}`, 409, "no_agent", "answered"},
		{`[{"verb": "hold", "party": "all"}]`, 422, "bad_document", "/0/party"},
		{`{"verbs": [{"verb": "holld"}]}`, 422, "bad_document", "hold"},
	} {
		got := ask(h, "POST /v1/calls/call_a/verbs", "acme", c.body)
		if got.code != c.code || got.problem(t) != c.want || !strings.Contains(got.body, c.has) {
			t.Errorf("%s: %d %s", c.body, got.code, got.body)
		}
	}
	if len(w.beside) != 0 {
		t.Errorf("run: %v", w.beside)
	}
}
