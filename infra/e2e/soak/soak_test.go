//go:build e2e

// Package soak runs a steady load for a long time: bridged calls with digits, hold and hang-ups from both sides, against
// an edge and a real Apache Kafka. None may fail, memory and goroutines stay flat, and every event is accounted for.
// OFFHOOK_SOAK says how long (default 1m); make soak runs 20 minutes.
package soak

import (
	"context"
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/offhook/offhook/events"
	"github.com/offhook/offhook/infra/e2e/kafka"
	"github.com/offhook/offhook/infra/e2e/real"
)

const rate = 50 // calls a second of each of the two kinds

const tenants = `
tenants:
  demo:
    trunks: {local: {allow: [127.0.0.0/8]}}
    users: {"101": {password: secret}, "102": {password: secret}}
    numbers:
      "1": {answer: [{verb: dial, to: {user: "101"}}, {verb: hangup}]}
      "2": {answer: [{verb: dial, to: {user: "102"}}, {verb: hangup}]}
`

// caller speaks to a bridged phone: a digit, a hold and a resume.
func caller() *real.Script {
	return real.CallerScript().Invite(real.OfferBoth).Answered().Ack().Pause(300 * time.Millisecond).Digit("7").
		Pause(200 * time.Millisecond).Invite(real.OfferSendOnly).Answered().Ack().Pause(300 * time.Millisecond).
		Invite(real.OfferBoth).Answered().Ack()
}

// phone answers and gets the caller's digit.
func phone() *real.Script {
	return real.CalleeScript().Reply(180, "Ringing", "").Reply(200, "OK", real.OfferBoth).Receive("ACK").
		Receive("INFO").Reply(200, "OK", "")
}

func length(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("OFFHOOK_SOAK")
	if text == "" {
		return time.Minute
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestSoak(t *testing.T) {
	span := length(t)
	b := kafka.Start(t)
	h := real.StartNode(t, real.NodeOptions{Command: "edge", Kafka: b.Address(), Config: tenants, RTP: [2]int{33000, 59999}})
	calls := int(span.Seconds()) * rate
	parties := []*real.Process{
		answering(t, h, "101", phone().HungUp(), calls),
		answering(t, h, "102", phone().Pause(3*time.Second).Bye(), calls),
		calling(t, h, "1", caller().Pause(300*time.Millisecond).Bye(), calls),
		calling(t, h, "2", caller().HungUp(), calls),
	}
	began := time.Now()
	course := observe(t, h, span)
	for _, p := range parties {
		if code := p.Exited(t, time.Minute); code != 0 {
			t.Errorf("some calls failed: sipp ended with %d", code)
		}
	}
	took := time.Since(began)
	course.check(t)
	real.Eventually(t, "all is in Kafka", func() bool { return h.Metric(t, "offhook_log_backlog") == 0 })
	for name, want := range map[string]float64{
		"offhook_calls_started_total": float64(2 * calls), "offhook_calls_ended_total": float64(2 * calls), "offhook_calls_refused_total": 0,
		"offhook_call_panics_total": 0, "offhook_events_unpublished_total": 0, "offhook_log_refused_total": 0, "offhook_media_no_ports_total": 0,
	} {
		if got := h.Metric(t, name); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	h.NothingHeld(t)
	n := account(t, b.Kafka(), 2*calls)
	t.Logf("%d calls in %s, %d events, none missing; CPU %.2f s per 1,000 calls", 2*calls, took.Round(time.Second), n,
		h.Metric(t, "process_cpu_seconds_total")/float64(2*calls)*1000)
}

// answering is a registered phone that takes many calls.
func answering(t *testing.T, h *real.Node, user string, s *real.Script, calls int) *real.Process {
	t.Helper()
	port := real.Port(t, 4)
	reg := real.Sipp(t, real.SippOptions{Scenario: real.RegisterScript(), Target: h.SIP, Service: user, Auth: [2]string{user, "secret"}, Port: port})
	if code := reg.Exited(t, real.Patience); code != 0 {
		t.Fatalf("registration: sipp ended with %d", code)
	}
	return real.Sipp(t, real.SippOptions{Scenario: s.XML(), Port: port, Calls: calls, Args: patience(t)})
}

func calling(t *testing.T, h *real.Node, number string, s *real.Script, calls int) *real.Process {
	t.Helper()
	return real.Sipp(t, real.SippOptions{Scenario: s.XML(), Target: h.SIP, Service: number, Calls: calls, Rate: rate, Args: append(patience(t), atOnce...)})
}

// atOnce is far above the calls that are up at this rate: sipp's own bound, three seconds' worth, would slow it down.
var atOnce = []string{"-l", "2000"}

func patience(t *testing.T) []string {
	return []string{"-timeout", strconv.Itoa(int(length(t).Seconds()) + 60), "-recv_timeout", "10000", "-buff_size", "4194304"}
}

// account reads the whole log: every call has its events from 1 on without a hole, and an end. It gives how many there are.
func account(t *testing.T, k events.Kafka, calls int) int {
	t.Helper()
	type call struct {
		seq   int
		ended bool
	}
	seen, total, faults := make(map[string]*call, calls), 0, 0
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	err := events.Tail(ctx, k, events.TailConfig{From: events.FromBeginning, Stop: true}, func(d events.Delivered) error {
		if !strings.HasPrefix(d.Subject, "call_") {
			return nil
		}
		var data struct {
			Seq int `json:"seq"`
		}
		if err := json.Unmarshal(d.Data, &data); err != nil {
			return err
		}
		c := seen[d.Subject]
		if c == nil {
			c = &call{}
			seen[d.Subject] = c
		}
		if total++; data.Seq <= c.seq {
			return nil // came again
		}
		if data.Seq != c.seq+1 || c.ended {
			if faults++; faults <= 5 {
				t.Errorf("%s comes after seq %d", d.ID, c.seq)
			}
		}
		c.seq, c.ended = data.Seq, c.ended || d.Type == "offhook.call.hangup"
		return nil
	})
	if err != nil || ctx.Err() != nil {
		t.Fatalf("the log was not read: %v %v", err, ctx.Err())
	}
	open := 0
	for _, c := range seen {
		if !c.ended {
			open++
		}
	}
	if len(seen) != calls || open > 0 || faults > 0 {
		t.Errorf("%d calls in the log, %d were made; %d have no end, %d events are out of place", len(seen), calls, open, faults)
	}
	return total
}
