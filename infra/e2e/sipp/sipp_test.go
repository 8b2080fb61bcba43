//go:build e2e

// Package sipp holds offhook against sipp's scenarios: what phones and trunks do, and what they do wrong.
package sipp

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/offhook/offhook/infra/e2e/real"
)

const tenants = `
tenants:
  demo:
    numbers:
      "1": {answer: [{verb: answer}, {verb: pause, for: 60s}]}
      "2": {answer: [{verb: ring}, {verb: pause, for: 60s}]}
      "3": {answer: [{verb: reject}]}
      "4": {answer: [{verb: reject, status: 404}]}
      "5": {answer: [{verb: answer}, {verb: pause, for: 1s}, {verb: hangup}]}
      "6": {answer: [{verb: dial, to: {user: "101"}, ring_for: 2s}]}
      "7": {answer: [{verb: dial, to: {user: "101"}}]}
      "8": {answer: [{verb: ring}, {verb: pause, for: 1s}, {verb: answer}, {verb: pause, for: 60s}]}
      "9": {answer: [{verb: answer}, {verb: message_waiting, user: "101", new: 2, old: 1}, {verb: hangup}]}
    users:
      "101": {password: secret-101}
    trunks: {local: {allow: [127.0.0.0/8]}}
`

func scenario(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name+".xml"))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// nothingLeft: no call is in progress, and every call that began has exactly one final event.
func nothingLeft(t *testing.T, h *real.Offhook) {
	t.Helper()
	real.Eventually(t, "no call is left", func() bool { return h.LiveCalls(t) == 0 })
	real.Eventually(t, "as many final events as calls", func() bool {
		return len(h.Recent(t, "call.ringing")) == len(h.Recent(t, "call.hangup"))
	})
	for _, e := range h.Recent(t, "call.hangup") {
		real.CheckTimeline(t, h.Timeline(t, e.Subject))
	}
}

func lastCause(t *testing.T, h *real.Offhook) (class, reason any) {
	t.Helper()
	list := h.Recent(t, "call.hangup")
	if len(list) == 0 {
		t.Fatal("no call has ended")
	}
	cause, _ := list[len(list)-1].Data["cause"].(map[string]any)
	return cause["class"], cause["reason"]
}

func TestCallersThatSippPlays(t *testing.T) {
	t.Parallel()
	h := real.StartOffhook(t, real.OffhookOptions{Config: tenants})
	for _, c := range []struct{ scenario, dials, means string }{
		{"uac", "1", "a call answered and hung up by the caller"},
		{"uac_wait_bye", "5", "a call hung up by the script"},
		{"uac_cancel", "2", "CANCEL while it rings"},
		{"uac_expect_486", "3", "a rejected call"},
		{"uac_expect_404", "4", "a rejected call with its own status"},
		{"uac_hold_sendonly", "1", "hold by sendonly"},
		{"uac_hold_inactive", "1", "hold by inactive"},
		{"uac_hold_zero", "1", "hold by c=0.0.0.0"},
		{"uac_hold_update", "1", "hold by UPDATE"},
		{"uac_reinvite_no_sdp", "1", "re-INVITE without SDP"},
		{"uac_retransmit", "8", "a repeated INVITE"},
	} {
		for _, transport := range []string{"u1", "t1"} {
			if transport == "t1" && c.scenario == "uac_retransmit" {
				continue // a reliable transport repeats no request
			}
			t.Run(strings.ReplaceAll(c.means, " ", "_")+"_"+transport, func(t *testing.T) {
				p := real.Sipp(t, real.SippOptions{Scenario: scenario(t, c.scenario), Target: h.SIP, Service: c.dials, Args: []string{"-t", transport}})
				if code := p.Exited(t, time.Minute); code != 0 {
					t.Errorf("sipp ended with %d", code)
				}
				nothingLeft(t, h)
			})
		}
	}
}

// A phone that subscribes to its lamp (RFC 3842) is told that it is dark, and of the messages that a script leaves.
func TestAMessageLampIsLit(t *testing.T) {
	t.Parallel()
	h := real.StartOffhook(t, real.OffhookOptions{Config: tenants})
	subscribed := filepath.Join(t.TempDir(), "subscribed")
	lamp := real.Sipp(t, real.SippOptions{Scenario: scenario(t, "lamp"), Target: h.SIP, Service: "101",
		Auth: [2]string{"101", "secret-101"}, Args: []string{"-key", "subscribed", subscribed}})
	real.Eventually(t, "the lamp is told that it is dark", func() bool {
		_, err := os.Stat(subscribed)
		return err == nil
	})
	p := real.Sipp(t, real.SippOptions{Scenario: scenario(t, "uac_wait_bye"), Target: h.SIP, Service: "9"})
	if code := p.Exited(t, time.Minute); code != 0 {
		t.Errorf("the caller's sipp ended with %d", code)
	}
	if code := lamp.Exited(t, time.Minute); code != 0 {
		t.Errorf("the lamp's sipp ended with %d", code)
	}
	nothingLeft(t, h)
}

func TestA2xxIsRepeatedUntilItsACK(t *testing.T) {
	t.Parallel()
	h := real.StartOffhook(t, real.OffhookOptions{Config: tenants})
	port := real.Port(t, 4)
	wire := real.StartCapture(t, fmt.Sprintf("udp dst port %d", port))
	p := real.Sipp(t, real.SippOptions{Scenario: scenario(t, "uac_lost_ack"), Target: h.SIP, Service: "1", Port: port})
	if code := p.Exited(t, time.Minute); code != 0 {
		t.Errorf("sipp ended with %d", code)
	}
	answers := 0
	for _, packet := range wire.Packets(t) {
		if text := string(packet.Payload); strings.HasPrefix(text, "SIP/2.0 200") && strings.Contains(text, "INVITE") {
			answers++
		}
	}
	// At 0, 0.5 and 1.5 s of the 2 s that the ACK was late (RFC 3261 13.3.1.4); edge/sipua has a test of these times.
	if answers < 2 {
		t.Errorf("the 200 was sent %d times, want it repeated", answers)
	}
	nothingLeft(t, h)
}

func TestHoldIsSeenInEveryForm(t *testing.T) {
	t.Parallel()
	h := real.StartOffhook(t, real.OffhookOptions{Config: tenants})
	for _, form := range []string{"sendonly", "inactive", "zero", "update"} {
		p := real.Sipp(t, real.SippOptions{Scenario: scenario(t, "uac_hold_"+form), Target: h.SIP, Service: "1"})
		if code := p.Exited(t, time.Minute); code != 0 {
			t.Errorf("%s: sipp ended with %d", form, code)
		}
		nothingLeft(t, h)
		ended := h.Recent(t, "call.hangup")
		var seen []string
		for _, e := range h.Timeline(t, ended[len(ended)-1].Subject) {
			if e.Type == "offhook.leg.held" || e.Type == "offhook.leg.resumed" {
				seen = append(seen, e.Type)
			}
		}
		if strings.Join(seen, " ") != "offhook.leg.held offhook.leg.resumed" {
			t.Errorf("%s: seen %v", form, seen)
		}
	}
}

func TestAnAnswerNeverAcknowledgedEndsWithItsCause(t *testing.T) {
	t.Parallel()
	h := real.StartOffhook(t, real.OffhookOptions{Config: tenants})
	p := real.Sipp(t, real.SippOptions{Scenario: scenario(t, "uac_no_ack"), Target: h.SIP, Service: "1", Args: []string{"-recv_timeout", "45000"}})
	if code := p.Exited(t, 70*time.Second); code != 0 {
		t.Errorf("sipp ended with %d", code)
	}
	nothingLeft(t, h)
	if class, reason := lastCause(t, h); class != "failed" || reason != "no_ack" {
		t.Errorf("cause %v %v", class, reason)
	}
}

func TestRegistration(t *testing.T) {
	t.Parallel()
	h := real.StartOffhook(t, real.OffhookOptions{Config: tenants})
	run := func(name, password string) {
		t.Helper()
		p := real.Sipp(t, real.SippOptions{Scenario: scenario(t, name), Target: h.SIP, Service: "101", Auth: [2]string{"101", password}})
		if code := p.Exited(t, time.Minute); code != 0 {
			t.Errorf("%s: sipp ended with %d", name, code)
		}
	}
	run("register", "secret-101")
	run("register_wrong", "guess")
	var kinds []string
	real.Eventually(t, "the events", func() bool {
		kinds = nil
		for _, e := range h.Recent(t, "user.*") {
			kinds = append(kinds, e.Type)
		}
		return len(kinds) >= 2
	})
	if got := strings.Join(kinds, " "); got != "offhook.user.registered offhook.user.unregistered" {
		t.Errorf("events %q", got)
	}
}

// phone registers port as 101 and then answers there by a scenario.
func phone(t *testing.T, h *real.Offhook, name string, calls int) *real.Process {
	t.Helper()
	port := real.Port(t, 4)
	reg := real.Sipp(t, real.SippOptions{Scenario: scenario(t, "register_stay"), Target: h.SIP, Service: "101",
		Auth: [2]string{"101", "secret-101"}, Port: port})
	if code := reg.Exited(t, time.Minute); code != 0 {
		t.Fatalf("registration: sipp ended with %d", code)
	}
	return real.Sipp(t, real.SippOptions{Scenario: scenario(t, name), Port: port, Calls: calls})
}

// counts waits for so many events of a kind and takes no more.
func counts(t *testing.T, h *real.Offhook, kind string, n int) {
	t.Helper()
	real.Eventually(t, kind, func() bool { return len(h.Recent(t, kind)) >= n })
	if got := len(h.Recent(t, kind)); got != n {
		t.Errorf("%d events %s, want %d", got, kind, n)
	}
}

func TestADialedPhoneThatDoesNotAnswerIsCancelled(t *testing.T) {
	t.Parallel()
	h := real.StartOffhook(t, real.OffhookOptions{Config: tenants})
	ringing := phone(t, h, "uas_ring", 1)
	caller := real.Sipp(t, real.SippOptions{Scenario: scenario(t, "uac_expect_480"), Target: h.SIP, Service: "6"})
	if code := caller.Exited(t, time.Minute); code != 0 {
		t.Errorf("the caller's sipp ended with %d", code)
	}
	if code := ringing.Exited(t, time.Minute); code != 0 {
		t.Errorf("the phone's sipp ended with %d", code)
	}
	nothingLeft(t, h)
	counts(t, h, "leg.no_answer", 1)
}

func TestABusyPhoneIsToldAsBusy(t *testing.T) {
	t.Parallel()
	h := real.StartOffhook(t, real.OffhookOptions{Config: tenants})
	busy := phone(t, h, "uas_busy", 1)
	caller := real.Sipp(t, real.SippOptions{Scenario: scenario(t, "uac_expect_486"), Target: h.SIP, Service: "7"})
	if code := caller.Exited(t, time.Minute); code != 0 {
		t.Errorf("the caller's sipp ended with %d", code)
	}
	if code := busy.Exited(t, time.Minute); code != 0 {
		t.Errorf("the phone's sipp ended with %d", code)
	}
	nothingLeft(t, h)
	counts(t, h, "leg.busy", 1)
}

func TestTwoHundredCallsThroughWebhookAndBridge(t *testing.T) {
	t.Parallel()
	const calls = 200
	hook := real.StartWebhook(t, `[{"verb": "dial", "to": {"user": "101"}}, {"verb": "hangup"}]`)
	h := real.StartOffhook(t, real.OffhookOptions{Config: strings.Replace(tenants, "    trunks:", "    asks: {allow_private: [127.0.0.0/8]}\n    trunks:", 1),
		Answer: hook.URL + "/call"})
	answering := phone(t, h, "uas", calls)
	caller := real.Sipp(t, real.SippOptions{Scenario: scenario(t, "uac"), Target: h.SIP, Service: "999", Calls: calls, Rate: 20})
	if code := caller.Exited(t, 2*time.Minute); code != 0 {
		t.Errorf("the callers' sipp ended with %d", code)
	}
	if code := answering.Exited(t, time.Minute); code != 0 {
		t.Errorf("the phones' sipp ended with %d", code)
	}
	real.Eventually(t, "no call is left", func() bool { return h.LiveCalls(t) == 0 })
	var metrics string
	real.Eventually(t, "all calls ended", func() bool {
		metrics = h.Metrics(t)
		return strings.Contains(metrics, fmt.Sprintf("offhook_calls_ended_total %d", calls))
	})
	if !strings.Contains(metrics, fmt.Sprintf("offhook_calls_started_total %d", calls)) {
		t.Error("more calls began than sipp made")
	}
	if hook.Asked() < calls {
		t.Errorf("the webhook was asked %d times", hook.Asked())
	}
}
