package node_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/offhook/offhook/edge/node"
	"github.com/offhook/offhook/edge/sipua"
	"github.com/offhook/offhook/events"
	"github.com/offhook/offhook/schemas/check"
	"github.com/offhook/offhook/schemas/event"
	"github.com/offhook/offhook/schemas/verb"
)

func document(t *testing.T, text string) verb.Document {
	t.Helper()
	doc, faults := check.Document([]byte(text), nil)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	return doc
}

var bob = verb.Target{SIP: "sip:bob@127.0.0.1:7000"}

func TestAnOriginatedCallRunsItsDocumentOnceAnswered(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		p := r.phone(7000)
		v, err := r.node.Originate(node.Origination{Tenant: "demo", From: "+37120001111", To: bob,
			Start: verb.Do{Document: document(t, `[{"verb": "play", "audio": "hello"}, {"verb": "hangup"}]`)}})
		if err != nil || v.Direction != "outbound" || v.Status != "ringing" || v.To != bob.SIP || v.From != "+37120001111" {
			t.Fatalf("%+v, %v", v, err)
		}
		p.take(withDigits)
		if live := r.only(); live.ID != v.ID || live.Status != "answered" {
			t.Errorf("live: %+v", live)
		}
		p.reply(p.expect("BYE"), 200, "", "")
		if end := last[event.Hangup](r, event.CallHangup); end.Direction != "outbound" || end.Cause.Class != "normal" {
			t.Errorf("ended %+v", end)
		}
	})
}

func TestAnOriginatedCallThatIsRefusedSaysSo(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		p := r.phone(7000)
		if _, err := r.node.Originate(node.Origination{Tenant: "demo", To: bob, Start: verb.Do{URL: "http://x.test/"}}); err != nil {
			t.Fatal(err)
		}
		p.reply(p.expect("INVITE"), 486, "", "")
		p.expect("ACK")
		if leg := last[event.Leg](r, event.LegBusy); leg.Cause.SIP != 486 {
			t.Errorf("leg: %+v", leg.Cause)
		}
		wait(0)
		if _, err := r.node.Originate(node.Origination{Tenant: "demo", To: verb.Target{User: "101"}, Start: verb.Do{URL: "http://x.test/"}}); err != nil {
			t.Fatal(err)
		}
		if n := r.log.count(event.CallHangup); n != 2 {
			t.Errorf("%d calls ended, want 2", n)
		}
	})
}

// Its INVITE may be heard for 22 s more: that holds nothing of the call up.
func TestACallThatGetsNoSignOfLifeIsOverOnceItWasGivenUp(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		p := r.phone(7000)
		if _, err := r.node.Originate(node.Origination{Tenant: "demo", To: bob, Start: verb.Do{URL: "http://x.test/"}}); err != nil {
			t.Fatal(err)
		}
		invite := p.expect("INVITE")
		if wait(9 * time.Second); r.only().Status != "ringing" {
			t.Errorf("after 9 s: %+v", r.only())
		}
		wait(2 * time.Second)
		if end := last[event.Hangup](r, event.CallHangup); end.Cause.Class != "timeout" || len(r.node.Calls("")) != 0 {
			t.Errorf("ended %+v, live %+v", end, r.node.Calls(""))
		}
		p.expect("INVITE", "INVITE", "INVITE", "INVITE") // at 0.5, 1.5, 3.5 and 7.5 s
		p.reply(invite, 180, "", "")
		p.expect("CANCEL")
	})
}

func TestALiveCallIsReplacedAndHungUp(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		r.script(lasting)
		anna := r.phone(6000)
		anna.established("200", withDigits)
		id := r.only().ID
		anna.heard()
		if err := r.node.Replace(id, document(t, `[{"verb": "play", "audio": "news", "loop": -1}]`)); err != nil {
			t.Fatal(err)
		}
		wait(time.Second)
		if !slices.Equal(anna.heard(), []byte{0}) {
			t.Error("the new document is not heard")
		}
		if v, err := r.node.Call(id); err != nil || v.ID != id {
			t.Errorf("Call: %+v, %v", v, err)
		}
		if err := r.node.HangUp(id); err != nil {
			t.Fatal(err)
		}
		anna.reply(anna.expect("BYE"), 200, "", "")
		if end := last[event.Hangup](r, event.CallHangup); end.By != "api" {
			t.Errorf("ended by %s", end.By)
		}
		for name, err := range map[string]error{"HangUp": r.node.HangUp(id), "Replace": r.node.Replace(id, nil)} {
			if err != node.ErrNoCall {
				t.Errorf("%s of an ended call: %v", name, err)
			}
		}
		if _, err := r.node.Call(id); err != node.ErrNoCall {
			t.Errorf("Call of an ended call: %v", err)
		}
	})
}

func TestCallsAreListedByTenantOldestFirst(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		r.script(lasting)
		anna := r.phone(6000)
		for _, to := range []string{"1", "2", "3"} {
			anna.established(to, withDigits)
			wait(time.Second)
		}
		var order string
		for _, v := range r.node.Calls("demo") {
			order += v.To
		}
		if order != "123" || len(r.node.Calls("other")) != 0 {
			t.Errorf("listed %s, and of another tenant %v", order, r.node.Calls("other"))
		}
	})
}

func binding(contact, instance string, cseq uint32) sipua.Binding {
	return sipua.Binding{Tenant: "demo", User: "101", Contact: contact, Instance: instance, Via: "udp:127.0.0.1:7000", CallID: "r", CSeq: cseq,
		Node: "oslo", UserAgent: "Phone", Expires: time.Now().Add(time.Hour).UTC()}
}

func TestRegistrationsGoToTheCompactedTopicAndComeBack(t *testing.T) {
	for _, instance := range []string{"", `"<urn:uuid:1>";1`} {
		inBubble(t, nil, func(r *rig) {
			b := binding("sip:bob@127.0.0.1:7000", instance, 1)
			r.node.OnBinding(b, sipua.BindingAdded)
			b.CSeq = 2
			if instance != "" {
				b.Contact = "sip:bob@127.0.0.1:7002" // the phone moved
			}
			r.node.OnBinding(b, sipua.BindingRefreshed)
			state := r.records()
			if len(state) != 2 || state[0].Key != state[1].Key || !strings.HasPrefix(state[0].Key, "registration/demo/101/") {
				t.Fatalf("state: %+v", state)
			}
			for _, e := range state {
				r.node.OnState(e.Key, e.Data)
			}
			if got := r.node.Registrations("demo"); len(got) != 1 || got[0].Contact != b.Contact || got[0].UserAgent != "Phone" {
				t.Errorf("restored %+v", got)
			}
			if got := r.node.Registrations("other"); len(got) != 0 {
				t.Errorf("another tenant sees %+v", got)
			}
			r.node.OnBinding(b, sipua.BindingExpired)
			gone := r.records()[2]
			if gone.Key != state[0].Key || gone.Data != nil {
				t.Fatalf("no tombstone: %+v", gone)
			}
			r.node.OnState(gone.Key, nil)
			if got := r.node.Registrations(""); len(got) != 0 {
				t.Errorf("after the tombstone: %+v", got)
			}
			if types := r.log.types(events.TopicCalls); !slices.Equal(types, []string{event.UserRegistered, event.UserUnregistered}) {
				t.Errorf("told %v", types)
			}
			if e := last[event.Registration](r, event.UserUnregistered); e.Reason != "expired" || e.User != "101" || e.Contact != b.Contact {
				t.Errorf("told %+v", e)
			}
		})
	}
}

func (r *rig) records() (state []events.Event) {
	for _, e := range r.log.list() {
		if e.Topic == events.TopicState {
			state = append(state, e)
		}
	}
	return state
}

func TestStateThatCannotBeReadIsLeft(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		good := binding("sip:bob@127.0.0.1:7000", "", 1)
		raw, err := json.Marshal(good)
		if err != nil {
			t.Fatal(err)
		}
		for key, data := range map[string]string{
			"registration/demo/101/x": "{", "registration/demo/102/" + good.Contact: string(raw), "config/demo": "{}",
			"registration/demo": "", "registration/demo/101/none": "",
		} {
			r.node.OnState(key, []byte(data))
		}
		if got := r.node.Registrations(""); len(got) != 0 {
			t.Errorf("restored %+v", got)
		}
		r.node.OnState("registration/demo/101/"+good.Contact, raw)
		if got := r.node.Registrations(""); len(got) != 1 {
			t.Errorf("the good one was not restored: %+v", got)
		}
	})
}

func TestAUserIsCalledWhereItIsRegistered(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		r.script(`[{"verb": "dial", "to": {"user": "101"}}]`)
		raw, err := json.Marshal(binding("sip:bob@127.0.0.1:7000", "", 1))
		if err != nil {
			t.Fatal(err)
		}
		r.node.OnState("registration/demo/101/sip:bob@127.0.0.1:7000", raw)
		anna, p := r.phone(6000), r.phone(7000)
		d := anna.dial("200")
		d.invite(anna.sdp("sendrecv", withDigits))
		p.take(withDigits)
		anna.expect("100 INVITE")
		d.learn(anna.expect("200 INVITE"))
		d.request("ACK", "", "")
		if v := r.only(); v.Agent != "101" || v.AgentName != "Ilze" {
			t.Errorf("agent %q %q", v.Agent, v.AgentName)
		}
	})
}

func TestTheStateOfAGatewayIsKept(t *testing.T) {
	registers := func(s *setup) {
		s.config = strings.Replace(demo, "password: pw}}", `password: pw, register: true}, quiet: {host: "127.0.0.1:7002"}}`, 1)
	}
	inBubble(t, registers, func(r *rig) {
		for _, up := range []bool{true, false} {
			r.node.OnGateway("demo/telia", up, nil)
			if all := r.node.Gateways("demo"); !slices.Equal(all, []node.Gateway{{Tenant: "demo", Name: "telia", Up: up}}) {
				t.Errorf("gateways: %+v", all)
			}
			if n := r.counter("offhook_gateway_up"); (n == 1) != up {
				t.Errorf("the metric is %v", n)
			}
		}
		if all := r.node.Gateways("other"); len(all) != 0 {
			t.Errorf("another tenant's: %+v", all)
		}
	})
}
