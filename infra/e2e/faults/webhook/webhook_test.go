//go:build e2e

// Package webhook holds offhook against webhooks that fail, fifty calls each: in every call the fallback is heard within
// 6 s, memory does not grow, and the event says what it was.
package webhook

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/offhook/offhook/events"
	"github.com/offhook/offhook/infra/e2e/real"
	"github.com/offhook/offhook/infra/phone"
)

const (
	calls    = 50 // of each fault
	hosts    = 10 // that share them: few enough each that no circuit opens
	silence  = 6 * time.Second
	slack    = 4 * time.Second // for a busy machine; edge/ask has the exact test
	growth   = 64              // MiB
	interval = 20 * time.Millisecond
)

// fault is a webhook that fails. What it is asked is one number's calls, or one number's each where urls has many.
type fault struct {
	name string
	urls []string
	code string
}

func TestMain(m *testing.M) {
	flag.Parse()
	_ = flag.Set("test.parallel", "50") // the tests wait, they do not compute
	os.Exit(m.Run())
}

func TestWebhookFaults(t *testing.T) {
	var flooded atomic.Int64
	evil := startRebinding(t)
	wrap := startNameServer(t)
	var names []string
	for i := range calls {
		names = append(names, fmt.Sprintf("http://c%d.rebind.test:%d/call", i, evil.port))
	}
	faults := []fault{
		{"refused", several(func() string { return closed(t) }), "refused"},
		{"refused_by_one_host", []string{closed(t)}, "refused"}, // its circuit opens
		{"status_500", several(func() string { return serve(t, answers(500, "text/plain", "Traceback (most recent call last):")) }), "status"},
		{"hangs", several(func() string { return serve(t, hangs) }), "timeout"},
		{"a_byte_a_second", several(func() string { return serve(t, drips) }), "timeout"},
		{"300_MB", []string{serve(t, floods(&flooded))}, "too_large"},
		{"html", []string{serve(t, answers(200, "text/html", "<html><body>It works!</body></html>"))}, "bad_content_type"},
		{"unknown_verb", []string{serve(t, answers(200, "application/json", `[{"verb":"dance"}]`))}, "bad_document"},
		{"redirect_to_a_private_address", []string{serve(t, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://169.254.169.254/latest/meta-data/", http.StatusFound)
		})}, "redirect_forbidden"},
		{"private_address", []string{"http://10.1.2.3/call"}, "address_forbidden"},
		{"name_that_rebinds", names, "address_forbidden"},
		{"tls_that_fails", several(func() string { return selfSigned(t) }), "tls"},
	}
	h := real.StartNode(t, real.NodeOptions{Command: "dev", Config: config(faults), Wrap: wrap})
	warm(t, h)
	before := h.Memory(t)
	peak := watchMemory(t, h)
	turn := time.NewTicker(interval)
	defer turn.Stop()
	t.Run("calls", func(t *testing.T) {
		for i, f := range faults {
			t.Run(f.name, func(t *testing.T) {
				t.Parallel()
				heard := callAll(t, h, turn.C, i, f)
				slices.Sort(heard)
				t.Logf("fallback heard after %s at the latest, half within %s", heard[len(heard)-1].Round(time.Millisecond), heard[len(heard)/2].Round(time.Millisecond))
			})
		}
	})
	most, after := peak(), h.Memory(t)
	t.Logf("memory: %.0f MiB before, %.0f at most, %.0f after; %d MiB of the floods were taken", before, most, after, flooded.Load()>>20)
	if most-before > growth {
		t.Errorf("memory grew by %.0f MiB", most-before)
	}
	h.NothingHeld(t)
	checkEvents(t, h, faults)
	if n := evil.reached.Load(); n > 0 {
		t.Errorf("the protected service was reached %d times", n)
	}
	if n := evil.answered.Load(); n != calls {
		t.Errorf("the attacker's host was asked %d times: the names did not lead there first", n)
	}
}

func several(url func() string) []string {
	var list []string
	for range hosts {
		list = append(list, url())
	}
	return list
}

// warm makes good calls first, so that what is measured is the faults' memory.
func warm(t *testing.T, h *real.Node) {
	t.Helper()
	var all sync.WaitGroup
	for range calls {
		all.Go(func() { listen(t, h.SIP, "127.0.0.1", "1") })
	}
	all.Wait()
}

// config has one number for each URL. The webhooks listen on 127.0.0.1; only for the tenant "outside" is that a
// forbidden address, as the names that rebind need.
func config(faults []fault) string {
	const tenant = `
  %s:
    trunks: {%s: {allow: ["%s"]}}
    asks: {timeout: 5s, allow_private: ["%s"]}
    fallback: [{verb: play, audio: "tone:busy"}, {verb: pause, for: 5s}, {verb: hangup}]
    numbers:
`
	inside, outside := fmt.Sprintf(tenant, "inside", "in", "127.0.0.1/32", "127.0.0.1/32"), fmt.Sprintf(tenant, "outside", "out", "127.0.0.3/32", "127.0.0.2/32")
	inside += "      \"1\": {answer: [{verb: play, audio: \"tone:busy\"}, {verb: pause, for: 5s}]}\n"
	for i, f := range faults {
		for k, u := range f.urls {
			line := fmt.Sprintf("      \"%s\": {answer: \"%s\"}\n", number(i, k), u)
			if f.strict() {
				outside += line
			} else {
				inside += line
			}
		}
	}
	return "tenants:" + inside + outside
}

// strict faults are those of addresses.
func (f fault) strict() bool { return f.code == "address_forbidden" }

func number(fault, url int) string { return fmt.Sprintf("%d%02d", fault+10, url) }

// callAll makes the calls of one fault, each in its turn, and gives after what time the fallback was heard in each.
func callAll(t *testing.T, h *real.Node, turn <-chan time.Time, i int, f fault) []time.Duration {
	t.Helper()
	local := "127.0.0.1"
	if f.strict() {
		local = "127.0.0.3"
	}
	heard := make([]time.Duration, calls)
	var all sync.WaitGroup
	for k := range calls {
		<-turn
		all.Go(func() { heard[k] = listen(t, h.SIP, local, number(i, k%len(f.urls))) })
	}
	all.Wait()
	late := slices.DeleteFunc(slices.Clone(heard), func(d time.Duration) bool { return d > 0 && d < silence+slack })
	if len(late) > 0 {
		t.Errorf("in %d of %d calls the fallback was not heard within %s and %s: %v", len(late), calls, silence, slack, late)
	}
	return heard
}

// listen calls a number and gives how long after the INVITE there was sound; 0: never. It then hangs up.
func listen(t *testing.T, server, local, number string) time.Duration {
	ctx, hangUp := context.WithTimeout(t.Context(), 30*time.Second)
	defer hangUp()
	var called, heard time.Duration
	_, err := phone.Run(ctx, phone.Options{Server: server, Local: local, Target: number, Notify: func(e phone.Event) {
		switch {
		case e.Kind == phone.KindCalling:
			called = e.At
		case e.Kind == phone.KindHearing && heard == 0:
			heard = e.At - called
			hangUp()
		}
	}}, io.Discard)
	if err != nil {
		t.Errorf("call to %s: %v", number, err)
	}
	return heard
}

// checkEvents: every call has told its fault. Once the circuit is open the webhook is not asked any more; the event then
// says so, and what failed last.
func checkEvents(t *testing.T, h *real.Node, faults []fault) {
	t.Helper()
	kafka, err := events.ParseKafka(h.Kafka)
	if err != nil {
		t.Fatal(err)
	}
	log := real.ReadLog(t, kafka)
	log.Check(t, nil)
	if len(log.Calls) != calls*(1+len(faults)) {
		t.Errorf("%d calls are in the log", len(log.Calls))
	}
	for i, f := range faults {
		told, open := 0, 0
		for k := range f.urls {
			for _, call := range log.Of(number(i, k)) {
				e, _ := real.Find(call, "ask.failed")
				code, _ := e.Data["code"].(string)
				detail, _ := e.Data["detail"].(string)
				switch {
				case code == f.code:
					told++
				case code == "circuit_open" && strings.Contains(detail, "last: "+f.code):
					open++
				default:
					t.Errorf("%s: the event says %s: %s", f.name, code, detail)
				}
			}
		}
		t.Logf("%-30s %d x %s, %d x circuit_open (last: %s)", f.name, told, f.code, open, f.code)
		if told+open != calls || told == 0 {
			t.Errorf("%s: %d of %d calls tell the fault", f.name, told+open, calls)
		}
	}
}

// watchMemory gives the most memory that was seen.
func watchMemory(t *testing.T, h *real.Node) func() float64 {
	var mu sync.Mutex
	most := 0.0
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			mu.Lock()
			most = max(most, h.Memory(t))
			mu.Unlock()
			select {
			case <-stop:
				return
			case <-tick.C:
			}
		}
	}()
	t.Cleanup(func() { close(stop); <-done })
	return func() float64 { mu.Lock(); defer mu.Unlock(); return most }
}
