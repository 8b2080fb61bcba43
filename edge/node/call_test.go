package node_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/offhook/offhook/events"
	"github.com/offhook/offhook/schemas/event"
)

// bridged makes a call from the phone at 6000 to the one at 7000.
func (r *rig) bridged(callerFormats, calleeFormats string) (caller, callee *dialog) {
	r.Helper()
	r.script(bridge)
	anna, bob := r.phone(6000), r.phone(7000)
	caller = anna.dial("200")
	caller.invite(anna.sdp("sendrecv", callerFormats))
	anna.expect("100 INVITE")
	callee = bob.take(calleeFormats)
	caller.learn(anna.expect("200 INVITE"))
	caller.request("ACK", "", "")
	if v := r.only(); v.Status != "bridged" {
		r.Fatalf("call is %s, want bridged", v.Status)
	}
	return caller, callee
}

func TestAnInboundCallIsAskedForAndBridged(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		caller, callee := r.bridged(withDigits, withDigits)
		q := <-r.ask.asked
		if q.Reason != "call" || q.Call.From != "anna" || q.Call.To != "200" || q.Call.Trunk != "local" || q.Call.Tenant != "demo" {
			t.Errorf("asked %+v", q)
		}
		caller.p.speak(100 * time.Millisecond)
		if got := callee.p.heard(); !slices.Equal(got, []byte{0}) {
			t.Errorf("callee heard payload types %v", got)
		}
		callee.p.speak(100 * time.Millisecond)
		if got := caller.p.heard(); !slices.Equal(got, []byte{0}) {
			t.Errorf("caller heard payload types %v", got)
		}
		caller.request("BYE", "", "")
		caller.p.expect("200 BYE")
		callee.p.reply(callee.p.expect("BYE"), 200, "", "")
		end := last[event.Hangup](r, event.CallHangup)
		if end.Cause.Reason != "hangup" || end.By != "caller" || len(end.Legs) != 2 {
			t.Errorf("ended %+v", end)
		}
		for _, leg := range end.Legs {
			if leg.Media == nil || leg.Media.PacketsReceived != 5 || leg.Media.Codec != "PCMU" {
				t.Errorf("leg %d has media %+v", leg.Leg, leg.Media)
			}
		}
		e := r.log.list()[0]
		if e.ID != e.Key+"-1" || e.Source != "/offhook/edge/riga" || e.Subject != e.Key || e.Topic != events.TopicCalls {
			t.Errorf("envelope %+v", e)
		}
	})
}

func TestAnInviteWithoutOfferIsOfferedAndItsAckCounts(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		r.script(bridge)
		anna, bob := r.phone(6000), r.phone(7000)
		d := anna.dial("200")
		d.invite("")
		anna.expect("100 INVITE")
		bob.take(withDigits)
		offer := d.learn(anna.expect("200 INVITE"))
		if !strings.Contains(offer.body, "m=audio") {
			t.Fatalf("no offer in the 200: %q", offer.body)
		}
		d.request("ACK", "application/sdp", anna.sdp("sendrecv", withDigits))
		bob.speak(40 * time.Millisecond)
		if got := anna.heard(); !slices.Equal(got, []byte{0}) {
			t.Errorf("caller heard payload types %v", got)
		}
	})
}

func TestAnAckThatOwesTheAnswerEndsTheCall(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		r.script(`[{"verb": "answer"}, {"verb": "pause", "for": "1m"}]`)
		anna := r.phone(6000)
		d := anna.dial("200")
		d.invite("")
		anna.expect("100 INVITE")
		d.learn(anna.expect("200 INVITE"))
		d.request("ACK", "", "")
		anna.reply(anna.expect("BYE"), 200, "", "")
		if end := last[event.Hangup](r, event.CallHangup); end.Cause.Reason != "not_acceptable" {
			t.Errorf("ended %+v", end.Cause)
		}
	})
}

func TestA2xxThatNeverAnsweredOurOfferEndsTheLeg(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		r.script(bridge)
		anna, bob := r.phone(6000), r.phone(7000)
		d := anna.dial("200")
		d.invite(anna.sdp("sendrecv", withDigits))
		bob.reply(bob.expect("INVITE"), 200, "", "")
		bob.expect("ACK")
		bob.reply(bob.expect("BYE"), 200, "", "")
		if leg := last[event.Leg](r, event.LegFailed); leg.Cause == nil || leg.Cause.SIP != 488 {
			t.Errorf("leg ended %+v", leg.Cause)
		}
		anna.expect("100 INVITE", "488 INVITE")
		d.request("ACK", "", "")
	})
}

func TestDigits(t *testing.T) {
	relay := "Signal=5\r\nDuration=120\r\n"
	for _, c := range []struct {
		name, callee string
		press        func(*dialog)
		types        []byte // of the RTP that the callee hears
		info         bool   // an INFO comes to the callee
		method       string
	}{
		{"by RTP are relayed once", withDigits, func(d *dialog) { d.p.press(5) }, []byte{101}, false, "rfc4733"},
		{"by RTP go by INFO to a phone without telephone-event", withoutDigits, func(d *dialog) { d.p.press(5) }, nil, true, "rfc4733"},
		{"by INFO go in RTP", withDigits, func(d *dialog) { d.request("INFO", "application/dtmf-relay", relay) }, []byte{101}, false, "info"},
		{"by INFO go by INFO to a phone without telephone-event", withoutDigits,
			func(d *dialog) { d.request("INFO", "application/dtmf-relay", relay) }, nil, true, "info"},
		{"by plain INFO are understood", withDigits, func(d *dialog) { d.request("INFO", "application/dtmf; x=1", " 5\r\n") }, []byte{101}, false, "info"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, nil, func(r *rig) {
				caller, callee := r.bridged(withDigits, c.callee)
				callee.p.heard()
				c.press(caller)
				m := callee.p.get(time.Second)
				if (m.what() == "INFO") != c.info || c.info && m.body != "Signal=5\r\nDuration=160\r\n" {
					t.Errorf("callee got %s %q", m.what(), m.body)
				}
				if c.info {
					callee.p.reply(m, 200, "", "")
					callee.p.quiet(time.Second)
				}
				if got := callee.p.heard(); !slices.Equal(got, c.types) {
					t.Errorf("RTP types %v, want %v", got, c.types)
				}
				if n := r.log.count(event.DTMFReceived); n != 1 {
					t.Errorf("%d dtmf.received", n)
				}
				if d := last[event.DTMF](r, event.DTMFReceived); d.Digit != "5" || d.Method != c.method || d.Leg != 1 {
					t.Errorf("told %+v", d)
				}
			})
		})
	}
}

func TestBadInfoIsNoDigit(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		caller, callee := r.bridged(withDigits, withDigits)
		for _, bad := range [][2]string{
			{"application/dtmf", "55"}, {"application/dtmf", "x"}, {"application/dtmf-relay", "Signal=\r\nDuration=1\r\n"},
			{"text/plain", "5"}, {"application/dtmf-relay", "Duration=100\r\n"},
		} {
			caller.request("INFO", bad[0], bad[1])
			caller.p.expect("200 INFO")
		}
		wait(time.Second)
		if n := r.log.count(event.DTMFReceived); n != 0 {
			t.Errorf("%d digits told", n)
		}
		if got := callee.p.heard(); got != nil {
			t.Errorf("callee heard %v", got)
		}
	})
}

func TestHoldIsAnsweredHereAndShownUntilBothSidesResume(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		caller, callee := r.bridged(withDigits, withDigits)
		hold := func(d *dialog, direction, status string) {
			t.Helper()
			d.invite(d.p.sdp(direction, withDigits))
			d.p.expect("100 INVITE")
			d.learn(d.p.expect("200 INVITE"))
			d.request("ACK", "", "")
			if v := r.only(); v.Status != status {
				t.Errorf("%s is shown, want %s", v.Status, status)
			}
		}
		hold(callee, "sendonly", "held")
		caller.p.heard()
		wait(200 * time.Millisecond)
		if got := caller.p.heard(); !slices.Equal(got, []byte{0}) {
			t.Errorf("the held caller hears %v, want music", got)
		}
		hold(caller, "inactive", "held")
		hold(callee, "sendrecv", "held")
		hold(caller, "sendrecv", "bridged")
	})
}

func TestTheViewShowsTheAgentUntilTheBridgeEnds(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		r.script(`[{"verb": "dial", "to": {"sip": "sip:bob@127.0.0.1:7000"}}, {"verb": "pause", "for": "10s"}]`)
		anna, bob := r.phone(6000), r.phone(7000)
		d := anna.dial("200")
		d.invite(anna.sdp("sendrecv", withDigits))
		if v := r.only(); v.Status != "ringing" || v.From != "anna" || v.Direction != "inbound" || v.AnsweredAt != nil {
			t.Errorf("before the answer: %+v", v)
		}
		agent := bob.take(withDigits)
		anna.expect("100 INVITE")
		d.learn(anna.expect("200 INVITE"))
		d.request("ACK", "", "")
		if v := r.only(); v.Status != "bridged" || v.Agent == "" || v.AnsweredAt == nil || v.BridgedAt == nil {
			t.Errorf("in the bridge: %+v", v)
		}
		agent.request("BYE", "", "")
		bob.expect("200 BYE")
		if v := r.only(); v.Status != "answered" || v.Agent != "" || v.BridgedAt == nil {
			t.Errorf("after the bridge: %+v", v)
		}
	})
}

func TestSilenceEndsACallOnlyOnceItIsAnswered(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		r.script(`[{"verb": "ring", "early_media": true}, {"verb": "pause", "for": "50s"}, {"verb": "answer"}, {"verb": "pause", "for": "90s"}]`)
		anna := r.phone(6000)
		d := anna.dial("200")
		d.invite(anna.sdp("sendrecv", withDigits))
		anna.expect("100 INVITE", "183 INVITE")
		wait(45 * time.Second)
		if v := r.only(); v.Status != "ringing" {
			t.Fatalf("silent early media made the call %s", v.Status)
		}
		d.learn(anna.expect("200 INVITE"))
		d.request("ACK", "", "")
		answered := time.Now()
		anna.reply(anna.expect("BYE"), 200, "", "")
		if took := time.Since(answered); took < 30*time.Second || took > 32*time.Second {
			t.Errorf("ended after %s of silence", took)
		}
		if end := last[event.Hangup](r, event.CallHangup); end.Cause.Reason != "media_timeout" {
			t.Errorf("ended %+v", end.Cause)
		}
		if n := r.counter("offhook_media_timeouts_total"); n != 1 {
			t.Errorf("counted %v", n)
		}
	})
}
