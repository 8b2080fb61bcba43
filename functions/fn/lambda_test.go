package fn_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/offhook/offhook/events"
	"github.com/offhook/offhook/functions/fn/lambdatest"
	"github.com/offhook/offhook/schemas/ask"
)

const emptyConfig = "tenants: {demo: {}}\n"

// build compiles the test function, once for a test.
func build(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "bootstrap")
	if out, err := exec.Command("go", "build", "-o", binary, "./testdata/echo").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return binary
}

func startLambda(t *testing.T) (l *lambdatest.Lambda, data string) {
	t.Helper()
	data = t.TempDir()
	cfg := filepath.Join(data, "offhook.yaml")
	if err := os.WriteFile(cfg, []byte(emptyConfig), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := lambdatest.Start(build(t), "OFFHOOK_CONFIG="+cfg, "OFFHOOK_DATA="+data)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Stop)
	return l, data
}

func custom(partition int, offset int64, id, kind string) events.Delivered {
	return events.Delivered{Partition: partition, Offset: offset, Event: events.Event{
		ID: id, Type: "offhook.custom." + kind, Source: "/offhook/edge/test", Subject: "call_ž", Key: "call_ž",
		Time: time.Unix(1700000000, 0), Data: []byte(`{}`),
	}}
}

func invoke(t *testing.T, l *lambdatest.Lambda, payload []byte, err error) lambdatest.Result {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	r, err := l.Invoke(ctx, payload)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestUnmodifiedBinaryRunsOnLambda(t *testing.T) {
	l, data := startLambda(t)

	t.Run("a batch reports the first failure of each partition and stops there", func(t *testing.T) {
		payload, err := lambdatest.Batch(custom(0, 7, "a-1", "good"), custom(0, 8, "a-2", "bad"), custom(0, 9, "a-3", "good"), custom(3, 1, "b-1", "good"))
		r := invoke(t, l, payload, err)
		if want := `{"batchItemFailures":[{"itemIdentifier":{"partition":"offhook.calls-0","offset":8}}]}`; r.Failed || string(r.Body) != want {
			t.Fatalf("%s", r.Body)
		}
		seen, err := os.ReadFile(filepath.Join(data, "seen"))
		if err != nil || !strings.Contains(string(seen), "a-1 call_ž {}") || !strings.Contains(string(seen), "b-1") || strings.Contains(string(seen), "a-3") {
			t.Fatalf("%s %v", seen, err)
		}
	})
	t.Run("a good batch, an unwanted type and a record of others report nothing", func(t *testing.T) {
		other := custom(0, 10, "c-1", "good")
		other.Type = "offhook.call.held"
		foreign := custom(0, 11, "", "good")
		payload, err := lambdatest.Batch(other, foreign, custom(0, 12, "c-3", "good"))
		if r := invoke(t, l, payload, err); r.Failed || string(r.Body) != `{"batchItemFailures":[]}` {
			t.Fatalf("%s", r.Body)
		}
	})
	t.Run("an ask at the function URL is answered", func(t *testing.T) {
		body, err := json.Marshal(ask.Ask{ID: "1", Reason: ask.ReasonCall, Call: ask.Call{To: "100"}})
		if err != nil {
			t.Fatal(err)
		}
		payload, err := lambdatest.URLRequest("POST", "/", body, map[string]string{"content-type": "application/json"})
		status, header, answer, err := invoke(t, l, payload, err).Response()
		if err != nil || status != 200 || header.Get("Content-Type") != "application/json" || string(answer) != `{"verbs":[{"verb":"log","text":"to 100"}]}` {
			t.Fatalf("%d %v %s %v", status, header, answer, err)
		}
	})
	t.Run("a panic is a 500 and the process lives on", func(t *testing.T) {
		body, _ := json.Marshal(ask.Ask{ID: "1", Reason: ask.ReasonCall, Call: ask.Call{To: "panic"}})
		payload, err := lambdatest.URLRequest("POST", "/", body, nil)
		status, _, answer, err := invoke(t, l, payload, err).Response()
		if err != nil || status != 500 || !strings.Contains(string(answer), `"internal"`) {
			t.Fatalf("%d %s %v", status, answer, err)
		}
	})
	t.Run("another payload is an error", func(t *testing.T) {
		if r := invoke(t, l, []byte(`{"hello":1}`), nil); !r.Failed || !strings.Contains(string(r.Body), "neither") {
			t.Fatalf("%+v", r)
		}
	})
}
