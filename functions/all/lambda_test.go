package all_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/offhook/offhook/events"
	"github.com/offhook/offhook/functions/all"
	"github.com/offhook/offhook/functions/fn/lambdatest"
	"github.com/offhook/offhook/schemas/ask"
	"github.com/offhook/offhook/schemas/event"
)

const settings = `
tenants:
  demo:
    numbers: {"100": {answer: [{verb: answer}, {verb: hangup}]}}
email: {from: pbx@acme.test}
api_keys: [{name: test, key: key-1}]
`

// deployed builds a function's program and starts it as a Lambda with a folder of its own.
func deployed(t *testing.T, name string) (l *lambdatest.Lambda, data string) {
	t.Helper()
	data = t.TempDir()
	binary, cfg := filepath.Join(data, "bootstrap"), filepath.Join(data, "offhook.yaml")
	if out, err := exec.Command("go", "build", "-o", binary, "../"+name+"/cmd").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	err := os.WriteFile(cfg, []byte(settings), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if l, err = lambdatest.Start(binary, "OFFHOOK_CONFIG="+cfg, "OFFHOOK_DATA="+data); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		l.Stop()
		if t.Failed() {
			t.Log(l.Log())
		}
	})
	return l, data
}

func invoke(t *testing.T, l *lambdatest.Lambda, payload []byte, err error) lambdatest.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	r, invokeErr := l.Invoke(ctx, payload)
	if err := errors.Join(err, invokeErr); err != nil {
		t.Fatal(err)
	}
	return r
}

// batch hands one event to the function as Kafka's event source mapping would, twice: it may come again.
func batch(t *testing.T, l *lambdatest.Lambda, kind string, data any) {
	t.Helper()
	raw, err := json.Marshal(data)
	if err != nil {
		t.Fatal(err)
	}
	d := events.Delivered{Offset: 5, Event: events.Event{
		ID: "call_1-9", Type: event.Prefix + kind, Source: "/offhook/edge/test", Subject: "call_1", Key: "call_1", Time: time.Now(), Data: raw,
	}}
	for range 2 {
		payload, err := lambdatest.Batch(d)
		if r := invoke(t, l, payload, err); r.Failed || string(r.Body) != `{"batchItemFailures":[]}` {
			t.Fatalf("%s", r.Body)
		}
	}
}

func base() event.Base {
	return event.Base{CallID: "call_1", Tenant: "demo", Seq: 9, At: time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)}
}

func TestRouterBinaryAnswersOnLambda(t *testing.T) {
	l, _ := deployed(t, "router")
	body, err := json.Marshal(ask.Ask{ID: "a", Reason: ask.ReasonCall, Call: ask.Call{Tenant: "demo", To: "100"}})
	if err != nil {
		t.Fatal(err)
	}
	payload, err := lambdatest.URLRequest("POST", "/", body, map[string]string{"content-type": "application/json"})
	status, _, answer, err := invoke(t, l, payload, err).Response()
	if err != nil || status != 200 || string(answer) != `{"verbs":[{"verb":"answer"},{"verb":"hangup"}]}` {
		t.Fatalf("%d %s %v", status, answer, err)
	}
}

func TestEmailBinarySendsOnceOnLambda(t *testing.T) {
	l, data := deployed(t, "email")
	batch(t, l, event.EmailRequested, event.Email{Base: base(), To: []string{"boss@acme.test"}, Subject: "On hold", Text: "x"})
	list, err := os.ReadDir(filepath.Join(data, "mail"))
	if err != nil || len(list) != 1 || list[0].Name() != "call_1-9.eml" {
		t.Fatalf("%v %v", list, err)
	}
}

func TestHistoryBinaryKeepsAndShowsCallsOnLambda(t *testing.T) {
	l, _ := deployed(t, "history")
	batch(t, l, event.CallHangup, event.Hangup{Base: base(), Direction: "inbound", From: "+37120001111", To: "100", CreatedAt: base().At, Cause: event.Cause{Class: "normal"}})
	payload, err := lambdatest.URLRequest("GET", "/history/calls", nil, map[string]string{"authorization": "Bearer key-1"})
	status, _, answer, err := invoke(t, l, payload, err).Response()
	if err != nil || status != 200 || strings.Count(string(answer), `"caller":"+37120001111"`) != 1 {
		t.Fatalf("%d %s %v", status, answer, err)
	}
}

func TestEachFunctionIsListedOnceWithItsProgram(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range all.Specs {
		if seen[s.Name] || s.Name == "" || s.Doc == "" || s.New == nil {
			t.Errorf("%+v", s)
		}
		seen[s.Name] = true
		if _, err := os.Stat(filepath.Join("..", s.Name, "cmd", "main.go")); err != nil {
			t.Error(err)
		}
	}
	if fmt.Sprint(all.Names()) != "[router email history]" {
		t.Error(all.Names())
	}
}
