package real

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// Offhook is the product under test, run as its binary.
type Offhook struct {
	*Process
	SIP, HTTP, Kafka string // addresses
	SIPPort          int
	RTP              [2]int // ports
	Data             string
	Key              string // API key sent with each request; `offhook dev` needs none
	opus             bool
	args             []string
}

// OffhookOptions of a start.
type OffhookOptions struct {
	Answer string   // --answer
	Config string   // content of the configuration; empty: the demo's
	Args   []string // further flags
	Env    []string
	Port   int  // SIP; the next two are for HTTP and Kafka; default free ones
	Opus   bool // a build with Opus
}

var builds [2]struct { // the second one has Opus
	once sync.Once
	path string
	err  error
}

// Binary builds offhook once a test binary.
func Binary(t *testing.T) string { return program(t, false) }

func program(t *testing.T, opus bool) string {
	t.Helper()
	build, words := &builds[0], []string{"build", "-o"}
	if opus {
		build, words = &builds[1], []string{"build", "-tags", "opus,nolibopusfile", "-o"}
	}
	build.once.Do(func() {
		dir, err := os.MkdirTemp("", "offhook-e2e")
		if err != nil {
			build.err = err
			return
		}
		build.path = filepath.Join(dir, "offhook")
		cmd := exec.Command("go", append(words, build.path, "github.com/offhook/offhook")...)
		if opus {
			cmd.Env = append(os.Environ(), "CGO_ENABLED=1")
		}
		if out, err := cmd.CombinedOutput(); err != nil {
			build.err = fmt.Errorf("%w: %s", err, out)
		}
	})
	must(t, build.err)
	return build.path
}

// StartOffhook starts `offhook dev` on ports of its own and waits until it takes calls.
func StartOffhook(t *testing.T, o OffhookOptions) *Offhook {
	t.Helper()
	port := o.Port
	if port == 0 {
		port = Port(t, 3)
	}
	h := &Offhook{opus: o.Opus, SIPPort: port, SIP: addr(port), HTTP: addr(port + 1), Kafka: addr(port + 2), RTP: rtpPorts(t, 1000), Data: t.TempDir()}
	if o.Config != "" {
		must(t, os.WriteFile(filepath.Join(h.Data, "offhook.yaml"), []byte(o.Config), 0o600))
	}
	h.args = append([]string{"dev", "--data", h.Data, "--sip", h.SIP, "--http", h.HTTP, "--kafka", h.Kafka,
		"--rtp", fmt.Sprintf("127.0.0.1:%d-%d", h.RTP[0], h.RTP[1])}, o.Args...)
	if o.Answer != "" {
		h.args = append(h.args, "--answer", o.Answer)
	}
	h.Restart(t)
	return h
}

func addr(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

// Restart starts it (again) with the same ports and data.
func (h *Offhook) Restart(t *testing.T) {
	t.Helper()
	h.Process = Start(t, h.Data, program(t, h.opus), h.args...)
	Eventually(t, "offhook takes calls", func() bool {
		res, err := http.Get("http://" + h.HTTP + "/readyz")
		if err != nil {
			return false
		}
		_ = res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
}

// Event is one event as the REST interface gives it.
type Event struct {
	ID, Type, Source, Subject string
	Time                      time.Time
	Data                      map[string]any
}

// Seq is the event's number in its call.
func (e Event) Seq() int { n, _ := e.Data["seq"].(float64); return int(n) }

// Get asks the REST interface and decodes the answer; it gives the status.
func (h *Offhook) Get(t *testing.T, path string, into any) int {
	t.Helper()
	return h.Request(t, http.MethodGet, path, nil, into)
}

// Request is any request to the REST interface.
func (h *Offhook) Request(t *testing.T, method, path string, body []byte, into any) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, "http://"+h.HTTP+path, bytes.NewReader(body))
	must(t, err)
	if h.Key != "" {
		req.Header.Set("Authorization", "Bearer "+h.Key)
	}
	res, err := http.DefaultClient.Do(req)
	must(t, err)
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	must(t, err)
	if text, ok := into.(*[]byte); ok {
		*text = raw
	} else if into != nil && res.StatusCode < 300 {
		if err := json.Unmarshal(raw, into); err != nil {
			t.Fatalf("%s %s: %v in %s", method, path, err, raw)
		}
	}
	return res.StatusCode
}

// Timeline is one call's events from the log.
func (h *Offhook) Timeline(t *testing.T, call string) []Event {
	t.Helper()
	var answer struct{ Events []Event }
	if code := h.Get(t, "/v1/calls/"+call+"/events", &answer); code != http.StatusOK {
		return nil
	}
	return answer.Events
}

// Ended waits for a call's final event and gives its whole timeline.
func (h *Offhook) Ended(t *testing.T, call string) []Event {
	t.Helper()
	var all []Event
	Eventually(t, "call.hangup of "+call, func() bool {
		all = h.Timeline(t, call)
		return len(all) > 0 && all[len(all)-1].Type == "offhook.call.hangup"
	})
	return all
}

// Recent are the newest events of all calls.
func (h *Offhook) Recent(t *testing.T, pattern string) []Event {
	t.Helper()
	var answer struct{ Events []Event }
	h.Get(t, "/v1/events/recent?type="+pattern, &answer)
	return answer.Events
}

// LiveCalls is how many calls are in progress.
func (h *Offhook) LiveCalls(t *testing.T) int {
	t.Helper()
	var answer struct{ Calls []any }
	h.Get(t, "/v1/calls", &answer)
	return len(answer.Calls)
}

// CheckTimeline holds a call's events against what must be true of every call: seq from 1 without holes, one final event, last.
func CheckTimeline(t *testing.T, all []Event) {
	t.Helper()
	for i, e := range all {
		if e.Seq() != i+1 {
			t.Errorf("event %d of %s has seq %d (%s)", i+1, e.Subject, e.Seq(), e.Type)
		}
		if last := i == len(all)-1; last != (e.Type == "offhook.call.hangup") {
			t.Errorf("%s is event %d of %d", e.Type, i+1, len(all))
		}
	}
}

// Metrics is the page of /metrics.
func (h *Offhook) Metrics(t *testing.T) string {
	t.Helper()
	var page []byte
	if code := h.Request(t, http.MethodGet, "/metrics", nil, &page); code != http.StatusOK {
		t.Fatalf("/metrics answers %d", code)
	}
	return string(page)
}
