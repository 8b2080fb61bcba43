package node_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/edge/media"
	"github.com/offhook/offhook/edge/node"
	"github.com/offhook/offhook/edge/verbs"
	"github.com/offhook/offhook/schemas/event"
	"github.com/offhook/offhook/schemas/verb"
)

// refused sends an INVITE and gives the final response that comes.
func (p *phone) refused(to, sdp string) message {
	p.r.Helper()
	d := p.dial(to)
	d.invite(sdp)
	m := p.get(time.Minute)
	for strings.HasPrefix(m.what(), "1") {
		m = p.get(time.Minute)
	}
	d.remote = m.head["to"]
	d.request("ACK", "", "")
	return m
}

const lasting = `[{"verb": "answer"}, {"verb": "pause", "for": "20s"}]`

func TestWithoutFreePortsACallGets503AndIsCounted(t *testing.T) {
	inBubble(t, func(s *setup) { s.media.MaxPort = 20001 }, func(r *rig) {
		r.script(lasting)
		anna := r.phone(6000)
		anna.established("200", withDigits)
		if m := anna.refused("200", anna.sdp("sendrecv", withDigits)); m.what() != "503 INVITE" {
			t.Errorf("second call got %s", m.start)
		}
		if n := r.counter("offhook_media_no_ports_total"); n != 1 {
			t.Errorf("counted %v", n)
		}
		if end := last[event.Hangup](r, event.CallHangup); end.Cause.SIP != 503 {
			t.Errorf("ended %+v", end.Cause)
		}
	})
}

func TestWithoutFreePortsADialFailsAndIsCounted(t *testing.T) {
	inBubble(t, func(s *setup) { s.media.MaxPort = 20001 }, func(r *rig) {
		r.script(`[{"verb": "answer"}, {"verb": "dial", "to": {"sip": "sip:bob@127.0.0.1:7000"}}]`)
		r.phone(6000).established("200", withDigits)
		if leg := last[event.Leg](r, event.LegFailed); leg.Cause.SIP != 503 {
			t.Errorf("leg ended %+v", leg.Cause)
		}
		if n := r.counter("offhook_media_no_ports_total"); n != 1 {
			t.Errorf("counted %v", n)
		}
	})
}

func TestWithoutCommonCodecACallGets488(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		r.script(lasting)
		anna := r.phone(6000)
		for _, sdp := range []string{anna.sdp("sendrecv", onlyG729), "nonsense"} {
			if m := anna.refused("200", sdp); m.what() != "488 INVITE" {
				t.Errorf("%.20q got %s", sdp, m.start)
			}
		}
	})
}

func TestCallsBeyondTheBoundGet503WithRetryAfter(t *testing.T) {
	inBubble(t, func(s *setup) { s.node.Calls = 1 }, func(r *rig) {
		r.script(lasting)
		anna := r.phone(6000)
		anna.established("200", withDigits)
		m := anna.refused("200", anna.sdp("sendrecv", withDigits))
		if m.what() != "503 INVITE" || m.head["retry-after"] != "5" {
			t.Errorf("got %s, Retry-After %q", m.start, m.head["retry-after"])
		}
		if _, err := r.node.Originate(node.Origination{Tenant: "demo", To: verb.Target{User: "101"}}); err != node.ErrBusy {
			t.Errorf("Originate: %v", err)
		}
		if n := r.counter("offhook_calls_refused_total"); n != 1 {
			t.Errorf("counted %v refused", n)
		}
		if n := len(r.node.Calls("")); n != 1 {
			t.Errorf("%d calls live", n)
		}
	})
}

func TestADrainedNodeRefusesNewCallsAndWaitsForTheOthers(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		r.script(lasting)
		anna := r.phone(6000)
		anna.established("200", withDigits)
		left := make(chan int)
		go func() { left <- r.node.Drain(context.Background(), time.Minute) }()
		wait(time.Second)
		if m := anna.refused("200", anna.sdp("sendrecv", withDigits)); m.what() != "503 INVITE" || m.head["retry-after"] == "" {
			t.Errorf("a new call got %s, Retry-After %q", m.start, m.head["retry-after"])
		}
		anna.reply(anna.expect("BYE"), 200, "", "")
		if n := <-left; n != 0 {
			t.Errorf("%d calls were left", n)
		}
	})
}

func TestWhatADrainLeavesIsEndedByNameAndOnTheWire(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		r.script(lasting)
		anna := r.phone(6000)
		anna.established("200", withDigits)
		left := make(chan int)
		go func() { left <- r.node.Drain(context.Background(), 3*time.Second) }()
		anna.reply(anna.expect("BYE"), 200, "", "")
		if n := <-left; n != 1 {
			t.Errorf("%d calls were left, want 1", n)
		}
		if end := last[event.Hangup](r, event.CallHangup); end.Cause.Reason != "shutdown" || end.By != "system" {
			t.Errorf("ended %+v by %s", end.Cause, end.By)
		}
	})
}

// faulty panics at an input of a kind, in the call from "fault" only.
type faulty struct {
	call.Stepper
	at    string
	armed bool
}

func (f *faulty) Step(now time.Time, in call.Input) []call.Output {
	if b, ok := in.(call.Begin); ok {
		f.armed = b.Call.To == "fault"
	}
	if f.armed && in.Kind() == f.at {
		panic("a fault of the program")
	}
	return f.Stepper.Step(now, in)
}

func TestAPanicEndsItsCallAndNoOther(t *testing.T) {
	for _, c := range []struct{ at, final string }{{"begin", "500 INVITE"}, {"ask_answered", "500 INVITE"}, {"timer_fired", "BYE"}, {"leg_ended", ""}} {
		t.Run(c.at, func(t *testing.T) {
			inBubble(t, func(s *setup) {
				s.node.Workers = 1
				s.node.NewCall = func(id string) call.Stepper { return &faulty{Stepper: verbs.NewCall(id), at: c.at} }
			}, func(r *rig) {
				r.script(lasting)
				good, bad := r.phone(6000), r.phone(6001)
				good.established("200", withDigits)
				wait(5 * time.Second)
				switch c.final {
				case "500 INVITE":
					if m := bad.refused("fault", bad.sdp("sendrecv", withDigits)); m.what() != c.final {
						t.Errorf("the faulty call got %s", m.start)
					}
				case "BYE":
					bad.established("fault", withDigits)
					good.reply(good.expect("BYE"), 200, "", "")
					bad.reply(bad.expect("BYE"), 200, "", "")
				default:
					d := bad.established("fault", withDigits)
					d.request("BYE", "", "")
					bad.expect("200 BYE")
				}
				end := last[event.Hangup](r, event.CallHangup)
				if end.Cause.Reason != "internal" || end.By != "system" || end.To != "fault" {
					t.Errorf("ended %+v by %s", end.Cause, end.By)
				}
				if n := r.counter("offhook_call_panics_total"); n != 1 {
					t.Errorf("counted %v panics", n)
				}
				if live := r.node.Calls(""); c.final != "BYE" && (len(live) != 1 || live[0].To != "200") {
					t.Errorf("live: %+v", live)
				}
			})
		})
	}
}

func TestACallGoesOnWithoutItsEventsAndTheyAreCounted(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		r.log.setRefuse(true)
		r.script(`[{"verb": "answer"}, {"verb": "pause", "for": "1s"}]`)
		anna := r.phone(6000)
		anna.established("200", withDigits)
		anna.reply(anna.expect("BYE"), 200, "", "")
		wait(0)
		if n := r.counter("offhook_events_unpublished_total"); n < 5 {
			t.Errorf("counted %v unpublished", n)
		}
		if n := r.counter("offhook_calls_ended_total"); n != 1 {
			t.Errorf("%v calls ended", n)
		}
	})
}

func TestACancelledLegThatAnsweredMeanwhileIsEndedOnce(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		r.script(`[{"verb": "dial", "to": {"sip": "sip:bob@127.0.0.1:7000"}, "ring_for": "2s"}]`)
		anna, bob := r.phone(6000), r.phone(7000)
		d := anna.dial("200")
		d.invite(anna.sdp("sendrecv", withDigits))
		invite := bob.expect("INVITE")
		bob.reply(invite, 180, "", "")
		cancel := bob.expect("CANCEL")
		bob.reply(invite, 200, "", bob.sdp("sendrecv", withDigits)) // it crosses our CANCEL
		bob.reply(cancel, 200, "", "")
		bob.expect("ACK")
		bob.reply(bob.expect("BYE"), 200, "", "")
		bob.quiet(time.Minute)
		if n := r.log.count(event.CallBridged); n != 0 {
			t.Error("the late answer was bridged")
		}
	})
}

func TestASampleThatIsMissingDoesNotEndTheCall(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		r.script(`[{"verb": "play", "audio": "missing"}, {"verb": "play", "audio": "there"}, {"verb": "pause", "for": "5s"}]`)
		anna := r.phone(6000)
		anna.established("200", withDigits)
		wait(3 * time.Second)
		if got := anna.heard(); len(got) == 0 {
			t.Error("nothing was heard")
		}
		if r.only().Status != "answered" {
			t.Error("the call is not up")
		}
	})
}

func TestAnAskOfAnEndedCallIsGivenUp(t *testing.T) {
	inBubble(t, nil, func(r *rig) { // fn:router never answers
		anna := r.phone(6000)
		d := anna.dial("200")
		d.invite(anna.sdp("sendrecv", withDigits))
		anna.expect("100 INVITE")
		<-r.ask.asked
		d.request("CANCEL", "", "")
		anna.expect("200 CANCEL", "487 INVITE")
		d.request("ACK", "", "")
		if end := last[event.Hangup](r, event.CallHangup); end.Cause.Reason != "cancelled" {
			t.Errorf("ended %+v", end.Cause)
		}
		r.ask.mu.Lock()
		defer r.ask.mu.Unlock()
		if r.ask.gaveUp != 1 {
			t.Error("the ask goes on")
		}
	})
}

func TestANodeNeedsItsParts(t *testing.T) {
	if _, err := node.New(node.Config{Media: &media.Engine{}}, configured(t, demo)); err == nil {
		t.Error("made without its parts")
	}
}
