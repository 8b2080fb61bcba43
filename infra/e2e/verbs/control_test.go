//go:build e2e

package verbs

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/offhook/offhook/infra/e2e/real"
)

// beside runs verbs in a call over REST.
func (h *hall) beside(call, body string) {
	h.t.Helper()
	var answer []byte
	if code := h.Request(h.t, http.MethodPost, "/v1/calls/"+call+"/verbs", []byte(body), &answer); code >= 300 {
		h.t.Fatalf("POST verbs answers %d: %s", code, answer)
	}
}

func TestAConversationIsSteeredOverREST(t *testing.T) {
	h := open(t)
	caller, agent := h.phone("300", client), h.phone("101", ilze)
	h.talk(caller, agent)
	call := h.event("call.bridged").Subject
	h.beside(call, `[{"verb": "hold", "party": "agent"}]`)
	h.listen("the agent is on hold", map[ear][]int{caller: {}, agent: {}})
	h.beside(call, `[{"verb": "unhold", "party": "agent"}]`)
	h.listen("back", map[ear][]int{caller: {ilze}, agent: {client}})
	h.beside(call, `[{"verb": "mute", "party": "agent"}]`)
	h.listen("the agent is muted", map[ear][]int{caller: {}, agent: {client}})
	h.beside(call, `[{"verb": "unmute", "party": "agent"}]`)
	h.beside(call, `[{"verb": "record", "id": "api", "background": true}]`)
	h.beside(call, `[{"verb": "dtmf", "digits": "42", "party": "agent"}]`)
	h.event("recording.started")
	h.listen("recorded", map[ear][]int{caller: {ilze}, agent: {client}})
	h.beside(call, `[{"verb": "record", "action": "stop", "of_id": "api"}]`)
	left, _ := h.stored()
	mostly(t, "the recording has the caller", left, client)
	mostly(t, "the recording has the agent", left, ilze)
	var answer []byte
	if code := h.Request(t, http.MethodPost, "/v1/calls/"+call+"/verbs", []byte(`[{"verb": "hold", "party": "nobody"}]`), &answer); code != http.StatusUnprocessableEntity && code != http.StatusBadRequest {
		t.Errorf("a wrong document answers %d: %s", code, answer)
	}
	if code := h.Request(t, http.MethodPut, "/v1/calls/"+call+"/verbs", []byte(`[{"verb": "say", "text": "Good bye."}, {"verb": "hangup"}]`), nil); code >= 300 {
		t.Errorf("PUT verbs answers %d", code)
	}
	agent.Wait(t, "CALL_CLOSED")
	caller.Wait(t, "CALL_CLOSED")
	h.empty()
	h.judge()
}

func TestTheCalleeConfirmsBeforeItIsConnected(t *testing.T) {
	h := open(t, `"60": {answer: [{verb: dial, to: {user: "101"}, confirm: "1"}]}`)
	caller, agent := h.phone("300", client), h.phone("101", ilze)
	caller.Do(t, "dial", h.uri("60"))
	agent.Answer(t)
	h.listen("not confirmed", map[ear][]int{caller: {}, agent: {}})
	agent.Press(t, "1")
	h.event("call.bridged")
	h.listen("confirmed", map[ear][]int{caller: {ilze}, agent: {client}})
	caller.Do(t, "hangup", "")
	agent.Wait(t, "CALL_CLOSED")
	h.empty()
	h.judge()
}

func TestABackgroundDialReplacesThePlayingScript(t *testing.T) {
	h := open(t, `"61": {answer: [{verb: answer}, {verb: dial, background: true, to: {user: "101"}}, {verb: dial, background: true, to: {user: "105"}}, {verb: play, audio: "tone:ringback", loop: -1}]}`)
	caller, agent, other := h.phone("300", client), h.phone("101", ilze), h.phone("105", juris)
	caller.Do(t, "dial", h.uri("61"))
	caller.Wait(t, "CALL_ESTABLISHED")
	agent.Wait(t, "CALL_INCOMING")
	other.Answer(t)
	agent.Wait(t, "CALL_CLOSED")
	h.listen("the first that answered", map[ear][]int{caller: {juris}, other: {client}})
	caller.Do(t, "hangup", "")
	h.empty()
	h.judge()
}

func TestAnAnonymousCallShowsNoNumber(t *testing.T) {
	h := open(t, `"62": {answer: [{verb: dial, to: {user: "101"}, anonymous: true}]}`)
	caller, agent := h.phone("300", client), h.phone("101", ilze)
	caller.Do(t, "dial", h.uri("62"))
	agent.Line(t, "Incoming call from: Anonymous sip:anonymous@anonymous.invalid")
	h.listen("it rings", map[ear][]int{agent: {}})
	caller.Do(t, "hangup", "")
	agent.Wait(t, "CALL_CLOSED")
	h.empty()
	h.judge()
	invite := ""
	for _, p := range h.packets {
		if p.Dst == agent.SIP && strings.HasPrefix(string(p.Payload), "INVITE ") {
			invite = string(p.Payload)
		}
	}
	for _, want := range []string{"anonymous@anonymous.invalid", "Privacy: id"} {
		if !strings.Contains(invite, want) {
			t.Errorf("no %q in\n%s", want, invite)
		}
	}
	if strings.Contains(invite, "300") && strings.Contains(strings.Split(invite, "v=0")[0], "sip:300") {
		t.Errorf("the caller's number is in\n%s", invite)
	}
}

func TestAPhoneThatSendsDigitsByINFO(t *testing.T) {
	h := open(t, `"63": {answer: [{verb: gather, max_digits: 2, timeout: 20s}, {verb: emit, type: digits, data: {got: "{digits}"}}]}`)
	l := h.linphone("105", juris, true)
	l.Do("call " + h.uri("63"))
	l.Line(t, "connected")
	l.Do("4")
	l.Do("2")
	e := h.event("custom.digits")
	if data, _ := e.Data["data"].(map[string]any); data["got"] != "42" {
		t.Errorf("the script got %v", e.Data)
	}
	h.empty()
}

func TestAPhoneThatIsForwardedIsFollowed(t *testing.T) {
	h := open(t, `"64": {answer: [{verb: dial, to: {user: "101"}}]}`)
	caller, other := h.phone("300", client), h.phone("105", juris)
	port := real.Port(t, 4)
	reg := real.Sipp(t, real.SippOptions{Scenario: real.RegisterScript(), Target: h.SIP, Service: "101", Auth: [2]string{"101", "demo-101"}, Port: port})
	if code := reg.Exited(t, real.Patience); code != 0 {
		t.Fatalf("registration: sipp ended with %d", code)
	}
	moved := real.CalleeScript().Moved(fmt.Sprintf("sip:105@%s", h.SIP)).Receive("ACK")
	p := real.Sipp(t, real.SippOptions{Scenario: moved.XML(), Port: port, Calls: 1})
	caller.Do(t, "dial", h.uri("64"))
	other.Answer(t)
	h.listen("followed", map[ear][]int{caller: {juris}, other: {client}})
	caller.Do(t, "hangup", "")
	if code := p.Exited(t, real.Patience); code != 0 {
		t.Errorf("sipp ended with %d", code)
	}
	h.empty()
	h.judge()
}
