//go:build e2e

package process

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/offhook/offhook/events"
	"github.com/offhook/offhook/infra/e2e/real"
)

const killConfig = `
tenants:
  demo:
    trunks: {local: {allow: [127.0.0.0/8]}}
    users: {"101": {name: Ilze, password: secret}}
    numbers:
      "100": {answer: [{verb: answer},
        {verb: "on", event: held, do: [{verb: email, to: boss@acme.test, subject: "Held {call_id}", text: "On hold: {caller_number}."}]},
        {verb: gather, max_digits: 1, timeout: 10s}, {verb: pause, for: 60s}]}
      "200": {answer: [{verb: dial, to: {user: "101"}, ring_for: 10s}, {verb: hangup}]}
email: {smtp: "smtp://%s", from: pbx@acme.test}
`

// TestKilledUnderLoad: kill -9 in the middle of calls, mails and registrations, a torn tail in the spool, and a new start.
func TestKilledUnderLoad(t *testing.T) {
	t.Parallel()
	mailbox := real.StartSMTP(t)
	h := real.StartNode(t, real.NodeOptions{Command: "dev", Config: fmt.Sprintf(killConfig, mailbox.Addr)})
	port := real.Port(t, 4)
	reg := real.Sipp(t, real.SippOptions{Scenario: real.RegisterScript(), Target: h.SIP, Service: "101", Auth: [2]string{"101", "secret"}, Port: port})
	if code := reg.Exited(t, real.Patience); code != 0 {
		t.Fatalf("registration: sipp ended with %d", code)
	}
	seen := watch(t, broker(t, h))
	load := real.StartLoad(t, h.SIP, 2*rate, 20*time.Second)
	real.Eventually(t, "mails and events are under way", func() bool { return len(mailbox.Mails(t)) > 40 && seen.count() > 500 })
	h.Kill()
	load.Signal(9) // its calls are lost with the process
	acknowledged := append(seen.stop(), spooled(t, h.Data)...)
	torn := tear(t, h.Data)

	h.Again(t)
	real.Eventually(t, "the spool is forwarded", func() bool { return h.Metric(t, "offhook_log_backlog") == 0 })
	if info, err := os.Stat(torn.file); err == nil && info.Size() != torn.size {
		t.Errorf("the torn tail was not cut: %d bytes, %d were good", info.Size(), torn.size)
	}
	log := real.ReadLog(t, broker(t, h))
	killed := checkKilled(t, log, acknowledged)
	checkMails(t, h, log, mailbox)
	callRegistered(t, h, port)
	again := real.StartLoad(t, h.SIP, rate, 3*time.Second)
	again.Done(t)
	h.NothingHeld(t)
	log = real.ReadLog(t, broker(t, h))
	log.Check(t, func(call string) bool { return killed[call] })
	checkMails(t, h, log, mailbox)
	t.Logf("%d events were acknowledged at the kill, all are there; %d calls were cut; %d mails, none twice", len(acknowledged), len(killed), len(mailbox.Mails(t)))
}

// watched are the ids that a reader of the log has seen.
type watched struct {
	mu   sync.Mutex
	ids  []string
	end  context.CancelFunc
	done chan struct{}
}

func watch(t *testing.T, k events.Kafka) *watched {
	ctx, cancel := context.WithCancel(context.Background())
	w := &watched{end: cancel, done: make(chan struct{})}
	go func() {
		defer close(w.done)
		_ = events.Tail(ctx, k, events.TailConfig{From: events.FromBeginning}, func(d events.Delivered) error { // ends with the broker
			w.mu.Lock()
			defer w.mu.Unlock()
			w.ids = append(w.ids, d.ID)
			return nil
		})
	}()
	t.Cleanup(func() { w.stop() })
	return w
}

func (w *watched) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.ids)
}

func (w *watched) stop() []string {
	w.end()
	<-w.done
	return w.ids
}

type tail struct {
	file string
	size int64 // of what is whole
}

// tear adds the first half of a frame to the newest segment, as a crash in the middle of a write leaves it.
func tear(t *testing.T, data string) tail {
	t.Helper()
	segments, err := filepath.Glob(filepath.Join(data, "spool", "*.seg*"))
	if err != nil || len(segments) == 0 {
		t.Fatalf("no segments in the spool: %v", err)
	}
	last := segments[len(segments)-1]
	whole, err := os.ReadFile(last)
	if err != nil {
		t.Fatal(err)
	}
	const header = 8 // the segment's; then comes the first frame
	if len(whole) < header+100 {
		t.Fatalf("the segment is empty: %d bytes", len(whole))
	}
	if err := os.WriteFile(last, append(whole, whole[header:header+40]...), 0o600); err != nil {
		t.Fatal(err)
	}
	return tail{last, int64(len(whole))}
}

// checkKilled: what was acknowledged is there, and each call is whole up to where it was cut. It gives the calls without an end.
func checkKilled(t *testing.T, log *real.Ledger, acknowledged []string) map[string]bool {
	t.Helper()
	lost := 0
	for _, id := range acknowledged {
		if log.IDs[id] == 0 {
			lost++
		}
	}
	if lost > 0 || len(acknowledged) == 0 {
		t.Errorf("%d of %d acknowledged events are lost", lost, len(acknowledged))
	}
	killed := map[string]bool{}
	for id, all := range log.Calls {
		if all[len(all)-1].Type != "offhook.call.hangup" {
			killed[id] = true
		}
	}
	if len(killed) == 0 {
		t.Error("no call was cut: the kill came too late")
	}
	log.Check(t, func(call string) bool { return killed[call] })
	return killed
}

var heldCall = regexp.MustCompile(`Subject: Held (call_[0-9A-Z]{26})`)

// checkMails: each requested mail came exactly once, but for those that the log names as unconfirmed, which came at most once.
func checkMails(t *testing.T, h *real.Node, log *real.Ledger, mailbox *real.SMTP) {
	t.Helper()
	requested := map[string]string{}
	for id, all := range log.Calls {
		if e, ok := real.Find(all, "email.requested"); ok {
			requested[id] = e.ID
		}
	}
	came := map[string]int{}
	missing := func() (list []string) {
		clear(came)
		for _, m := range mailbox.Mails(t) {
			if found := heldCall.FindStringSubmatch(m.Text); found != nil {
				came[found[1]]++
			}
		}
		out := h.Tail(1 << 20)
		for call, event := range requested {
			if came[call] == 0 && !strings.Contains(out, event) {
				list = append(list, call)
			}
		}
		return list
	}
	real.Eventually(t, "every mail has come", func() bool { return len(missing()) == 0 })
	for call, n := range came {
		if n != 1 || requested[call] == "" {
			t.Errorf("%d mails of call %s (event %q)", n, call, requested[call])
		}
	}
}

// callRegistered calls the user who registered before the kill and has not done so again.
func callRegistered(t *testing.T, h *real.Node, port int) {
	t.Helper()
	phone := real.Sipp(t, real.SippOptions{Port: port,
		Scenario: real.CalleeScript().Reply(180, "Ringing", "").Reply(200, "OK", real.OfferBoth).Receive("ACK").HungUp().XML()})
	caller := real.Sipp(t, real.SippOptions{Target: h.SIP, Service: "200",
		Scenario: real.CallerScript().Invite(real.OfferBoth).Answered().Ack().Pause(500 * time.Millisecond).Bye().XML()})
	if code := caller.Exited(t, real.Patience); code != 0 {
		t.Errorf("the call to the registered phone failed: sipp ended with %d", code)
	}
	if code := phone.Exited(t, real.Patience); code != 0 {
		t.Errorf("the registered phone's sipp ended with %d", code)
	}
}
