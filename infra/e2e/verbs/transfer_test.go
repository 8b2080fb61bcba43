//go:build e2e

package verbs

import (
	"testing"

	"github.com/offhook/offhook/infra/e2e/real"
)

func TestAScriptTransfersItsCallerWithMusicMeanwhile(t *testing.T) {
	h := open(t, `"20": {answer: [{verb: answer}, {verb: play, audio: "tone:beep"}, {verb: transfer, to: {user: "105"}, ring_for: 20s}, {verb: say, text: "Nobody."}]}`)
	caller, other := h.phone("300", client), h.phone("105", juris)
	caller.Do(t, "dial", h.uri("20"))
	caller.Wait(t, "CALL_ESTABLISHED")
	other.Wait(t, "CALL_INCOMING")
	h.listen("while it rings", map[ear][]int{caller: {}})
	ringing := h.spans[0]
	other.Do(t, "accept", "")
	other.Wait(t, "CALL_ESTABLISHED")
	h.eventOf("call.transferred", with("status", "answered"))
	h.listen("transferred", map[ear][]int{caller: {juris}, other: {client}})
	other.Do(t, "hangup", "")
	caller.Wait(t, "CALL_CLOSED")
	h.empty()
	h.judge()
	if loud, all := real.Loud(real.HeardAt(h.packets, caller.Ears(), ringing.from, ringing.to)); loud < all/2 || all < 10 {
		t.Errorf("the caller hears music in %d of %d windows while it rings", loud, all)
	}
}

func TestAFailedTransferComesBackToTheScript(t *testing.T) {
	h := open(t, `"20": {answer: [{verb: answer}, {verb: transfer, to: {user: "105"}, ring_for: 20s, on: {busy: [{verb: emit, type: came_back}]}}, {verb: pause, for: 1s}, {verb: emit, type: went_on}]}`)
	caller, other := h.phone("300", client), h.phone("105", juris)
	caller.Do(t, "dial", h.uri("20"))
	caller.Wait(t, "CALL_ESTABLISHED")
	other.Wait(t, "CALL_INCOMING")
	other.Do(t, "hangup", "") // baresip refuses with 486
	h.event("custom.came_back")
	h.event("custom.went_on")
	caller.Wait(t, "CALL_CLOSED")
	h.empty()
}

func TestAPhoneTransfersBlind(t *testing.T) {
	h := open(t)
	caller, agent, other := h.phone("300", client), h.phone("101", ilze), h.phone("105", juris)
	h.talk(caller, agent)
	h.listen("before", map[ear][]int{caller: {ilze}, agent: {client}})
	agent.Do(t, "transfer", h.uri("105"))
	other.Answer(t)
	agent.Wait(t, "CALL_CLOSED")
	h.listen("transferred", map[ear][]int{caller: {juris}, other: {client}})
	if e := h.eventOf("call.transferred", with("status", "answered")); e.Data["kind"] != "blind" || e.Data["by"] != "101" {
		t.Errorf("call.transferred says %v", e.Data)
	}
	caller.Do(t, "hangup", "")
	other.Wait(t, "CALL_CLOSED")
	h.empty()
	h.judge()
}

func TestTheCallerTransfersBlindToo(t *testing.T) {
	h := open(t)
	caller, agent, other := h.phone("300", client), h.phone("101", ilze), h.phone("105", juris)
	h.talk(caller, agent)
	caller.Do(t, "transfer", h.uri("105"))
	other.Answer(t)
	caller.Wait(t, "CALL_CLOSED")
	h.listen("transferred", map[ear][]int{agent: {juris}, other: {ilze}})
	agent.Do(t, "hangup", "")
	other.Wait(t, "CALL_CLOSED")
	h.empty()
	h.judge()
}

// linphone consults and then joins the two (REFER with Replaces), from either side of its first call.
func TestAPhoneTransfersAttended(t *testing.T) {
	for what, outward := range map[string]bool{"the called party transfers": false, "the caller transfers": true} {
		t.Run(what, func(t *testing.T) {
			h := open(t)
			one, other := h.phone("300", client), h.phone("105", juris)
			agent := h.linphone("101", ilze, false)
			if outward {
				agent.Do("call " + h.uri("300"))
				one.Answer(t)
			} else {
				one.Do(t, "dial", h.uri("101"))
				agent.Line(t, "Receiving new incoming call")
				agent.Do("answer 1")
				one.Wait(t, "CALL_ESTABLISHED")
			}
			h.listen("first call", map[ear][]int{one: {ilze}, agent: {client}})
			agent.Do("pause 1")
			h.event("call.held")
			agent.Do("call " + h.uri("105"))
			other.Answer(t)
			h.listen("consulting", map[ear][]int{one: {}, other: {ilze}, agent: {juris}})
			agent.Do("transfer 1 --to-call 2")
			h.eventOf("call.transferred", with("kind", "attended"))
			h.listen("joined", map[ear][]int{one: {juris}, other: {client}})
			one.Do(t, "hangup", "")
			other.Wait(t, "CALL_CLOSED")
			h.empty()
			h.judge()
		})
	}
}

func TestFeatureCodesTransferDuringTheConversation(t *testing.T) {
	t.Run("blind", func(t *testing.T) {
		h := open(t)
		caller, agent, other := h.phone("300", client), h.phone("101", ilze), h.phone("105", juris)
		h.talk(caller, agent)
		agent.Press(t, "*2105#")
		other.Answer(t)
		agent.Wait(t, "CALL_CLOSED")
		h.listen("transferred", map[ear][]int{caller: {juris}, other: {client}})
		caller.Do(t, "hangup", "")
		h.empty()
		h.judge()
	})
	t.Run("attended", func(t *testing.T) {
		h := open(t)
		caller, agent, other := h.phone("300", client), h.phone("101", ilze), h.phone("105", juris)
		h.talk(caller, agent)
		agent.Press(t, "*3105#")
		other.Answer(t)
		h.listen("consulting", map[ear][]int{caller: {}, agent: {juris}, other: {ilze}})
		agent.Do(t, "hangup", "")
		h.listen("joined", map[ear][]int{caller: {juris}, other: {client}})
		caller.Do(t, "hangup", "")
		other.Wait(t, "CALL_CLOSED")
		h.empty()
		h.judge()
	})
}

// The phone is asked to call another number of the same house itself.
func TestReferSendsThePhoneItself(t *testing.T) {
	h := open(t, `"21": {answer: [{verb: answer}, {verb: pause, for: 1s}, {verb: refer, to: "sip:105@{home}"}]}`)
	caller, other := h.phone("300", client), h.phone("105", juris)
	caller.Do(t, "dial", h.uri("21"))
	caller.Wait(t, "CALL_ESTABLISHED")
	other.Answer(t)
	h.listen("by itself", map[ear][]int{caller: {juris}, other: {client}})
	other.Do(t, "hangup", "")
	h.empty()
	h.judge()
}

func TestDivertHandsAnUnansweredCallOn(t *testing.T) {
	h := open(t, `"22": {answer: [{verb: divert, to: {user: "105"}}, {verb: emit, type: wrapped_up}, {verb: say, text: "never heard"}]}`)
	caller, other := h.phone("300", client), h.phone("105", juris)
	caller.Do(t, "dial", h.uri("22"))
	other.Answer(t)
	caller.Wait(t, "CALL_ESTABLISHED")
	h.event("custom.wrapped_up")
	h.eventOf("verb.ended", func(e real.Event) bool {
		res, _ := e.Data["result"].(map[string]any)
		return e.Data["verb"] == "say" && res["status"] == "failed"
	})
	h.listen("diverted", map[ear][]int{caller: {juris}, other: {client}})
	caller.Do(t, "hangup", "")
	h.empty()
	h.judge()
}
