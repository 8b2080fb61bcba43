//go:build e2e

// Package phones holds offhook against phones that misbehave, played by sipp: every call ends, in time, with one final
// event and its cause, and nothing is held afterwards.
package phones

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/offhook/offhook/events"
	"github.com/offhook/offhook/infra/e2e/real"
)

const (
	answers = "[{verb: answer}, {verb: pause, for: 180s}]"
	dials   = `[{verb: dial, to: {user: "%s"}}, {verb: hangup}]`
	rings   = "[{verb: ring}, {verb: pause, for: 1s}, {verb: answer}, {verb: pause, for: 60s}]"

	mediaSilence = 30 * time.Second // after which a leg without RTP is ended
	lostACK      = 32 * time.Second // 64*T1, RFC 3261 section 13.3.1.4
	lostBYE      = 32 * time.Second // Timer F
	slack        = 20 * time.Second // for a busy machine
)

// fault is a phone that misbehaves: it calls number, where answer runs.
type fault struct {
	number, means string
	answer        string
	caller        *real.Script
	callee        *real.Script // registered as user "p"+number
	vanish        bool         // the caller is stopped for good after a second
	cause         string       // of the final event
	within        time.Duration
}

func call() *real.Script { return real.CallerScript().Invite(real.OfferBoth).Answered() }

func callee() *real.Script { return real.CalleeScript().Reply(180, "Ringing", "") }

func faults(speech string) []fault {
	second := time.Second
	return []fault{
		{number: "10", means: "no ACK", answer: answers, cause: "failed/no_ack", within: lostACK,
			caller: call().HungUp()},
		{number: "11", means: "no BYE: it vanishes in the middle of a call", answer: answers, cause: "failed/media_timeout",
			within: mediaSilence, vanish: true, caller: call().Ack().Pause(time.Hour)},
		{number: "12", means: "no BYE from a caller who is bridged", answer: fmt.Sprintf(dials, "p12"), cause: "failed/media_timeout",
			within: mediaSilence, vanish: true, caller: call().Ack().Pause(time.Hour),
			callee: callee().Reply(200, "OK", real.OfferBoth).Receive("ACK").Speak(speech, -1).HungUp()},
		{number: "13", means: "CANCEL after the answer was acknowledged", answer: answers, cause: "normal/hangup", within: 4 * second,
			caller: call().Ack().Cancel().Expect(200).Pause(second).Bye()},
		{number: "14", means: "CANCEL that crosses the answer", answer: rings, cause: "normal/hangup", within: 6 * second,
			caller: call().Cancel().Expect(200).Ack().Pause(second).Bye()},
		{number: "15", means: "two answers from a fork", answer: fmt.Sprintf(dials, "p15"), cause: "normal/hangup", within: 6 * second,
			caller: call().Ack().Pause(2 * second).Bye(),
			callee: callee().Reply(200, "OK", real.OfferBoth).Receive("ACK").
				Fork(200, "OK", real.OfferBoth).Receive("ACK").HungUp().HungUp()},
		{number: "16", means: "re-INVITE without SDP", answer: answers, cause: "normal/hangup", within: 6 * second,
			caller: call().Ack().Pause(second).Invite(real.OfferNone).Answered().AckWith(real.OfferBoth).Pause(second).Bye()},
		{number: "17", means: "re-INVITE without SDP, and no answer in the ACK", answer: answers, cause: "refused/not_acceptable", within: 6 * second,
			caller: call().Ack().Pause(second).Invite(real.OfferNone).Answered().Ack().HungUp()},
		{number: "18", means: "no codec in common", answer: answers, cause: "refused/not_acceptable", within: 4 * second,
			caller: real.CallerScript().Invite(real.OfferUnknown).Optional(100, 180).Expect(488).AckRefusal()},
		{number: "19", means: "RTP never comes", answer: answers, cause: "failed/media_timeout", within: mediaSilence,
			caller: call().Ack().HungUp()},
		{number: "20", means: "RTP stops", answer: answers, cause: "failed/media_timeout", within: 2*second + mediaSilence,
			caller: call().Ack().Speak(speech, 1).HungUp()},
		{number: "21", means: "a dialled phone that answers and sends nothing", answer: fmt.Sprintf(dials, "p21"), cause: "normal/hangup",
			within: mediaSilence, caller: call().Ack().Speak(speech, 1).HungUp(),
			callee: callee().Reply(200, "OK", real.OfferBoth).Receive("ACK").HungUp()},
		{number: "22", means: "a dialled phone that never acknowledges BYE", answer: fmt.Sprintf(dials, "p22"), cause: "normal/hangup",
			within: 3*second + lostBYE, caller: call().Ack().Pause(second).Bye(),
			callee: callee().Reply(200, "OK", real.OfferBoth).Receive("ACK").Receive("BYE").Pause(time.Minute)},
	}
}

func TestMain(m *testing.M) {
	flag.Parse()
	_ = flag.Set("test.parallel", "50") // the tests wait, they do not compute
	os.Exit(m.Run())
}

func config(list []fault) string {
	var b strings.Builder
	b.WriteString("tenants:\n  demo:\n    trunks: {local: {allow: [127.0.0.0/8]}}\n    numbers:\n")
	for _, f := range list {
		fmt.Fprintf(&b, "      \"%s\": {answer: %s}\n", f.number, f.answer)
	}
	b.WriteString("    users:\n")
	for _, f := range list {
		fmt.Fprintf(&b, "      \"p%s\": {password: secret}\n", f.number)
	}
	return b.String()
}

func TestPhonesThatMisbehave(t *testing.T) {
	speech := filepath.Join(t.TempDir(), "speech.ul")
	if err := os.WriteFile(speech, bytes.Repeat([]byte{0x20}, 16000), 0o644); err != nil { // two seconds of PCMU
		t.Fatal(err)
	}
	list := faults(speech)
	h := real.StartNode(t, real.NodeOptions{Command: "dev", Config: config(list)})
	t.Run("phones", func(t *testing.T) {
		for _, f := range list {
			t.Run(strings.ReplaceAll(f.means, " ", "_"), func(t *testing.T) {
				t.Parallel()
				misbehave(t, h, f)
			})
		}
	})
	h.NothingHeld(t)
	kafka, err := events.ParseKafka(h.Kafka)
	if err != nil {
		t.Fatal(err)
	}
	log := real.ReadLog(t, kafka)
	log.Check(t, nil)
	if len(log.Calls) != len(list) {
		t.Errorf("%d calls are in the log, %d were made", len(log.Calls), len(list))
	}
	if n := h.Metric(t, "offhook_call_panics_total"); n != 0 {
		t.Errorf("%v calls ended by a fault in the program", n)
	}
}

// misbehave plays one fault and judges its call.
func misbehave(t *testing.T, h *real.Node, f fault) {
	var phone *real.Process
	if f.callee != nil {
		phone = registered(t, h, f)
	}
	caller := real.Sipp(t, real.SippOptions{Scenario: f.caller.XML(), Target: h.SIP, Service: f.number})
	began := time.Now()
	if f.vanish {
		real.Eventually(t, "the call is up", func() bool { return len(answered(t, h, f.number)) > 0 })
		caller.Signal(syscall.SIGSTOP)
		t.Cleanup(caller.Kill)
	} else if code := caller.Exited(t, f.within+slack); code != 0 {
		t.Errorf("the caller's sipp ended with %d", code)
	}
	events := ended(t, h, f.number, time.Until(began.Add(f.within+slack)))
	if took := time.Since(began); took > f.within+slack {
		t.Errorf("the call ended after %s, want %s", took, f.within)
	}
	if got := real.Cause(events); got != f.cause {
		t.Errorf("cause %s, want %s", got, f.cause)
	}
	real.CheckTimeline(t, events)
	if phone != nil && f.number != "22" {
		if code := phone.Exited(t, slack); code != 0 {
			t.Errorf("the phone's sipp ended with %d", code)
		}
	}
}

// registered is a phone of the fault's own user.
func registered(t *testing.T, h *real.Node, f fault) *real.Process {
	t.Helper()
	port := real.Port(t, 4)
	reg := real.Sipp(t, real.SippOptions{Scenario: real.RegisterScript(), Target: h.SIP, Service: "p" + f.number,
		Auth: [2]string{"p" + f.number, "secret"}, Port: port})
	if code := reg.Exited(t, real.Patience); code != 0 {
		t.Fatalf("registration: sipp ended with %d", code)
	}
	return real.Sipp(t, real.SippOptions{Scenario: f.callee.XML(), Port: port})
}

// answered are the ids of the answered calls to a number.
func answered(t *testing.T, h *real.Node, number string) []string {
	t.Helper()
	var ids []string
	for _, e := range h.Recent(t, "call.answered") {
		all := h.Timeline(t, e.Subject)
		if len(all) > 0 && all[0].Data["to"] == number {
			ids = append(ids, e.Subject)
		}
	}
	return ids
}

// ended waits for the final event of the one call to a number.
func ended(t *testing.T, h *real.Node, number string, within time.Duration) []real.Event {
	t.Helper()
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		for _, e := range h.Recent(t, "call.hangup") {
			if e.Data["to"] == number {
				return h.Ended(t, e.Subject)
			}
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("no final event of the call to %s within %s", number, within)
		}
	}
}
