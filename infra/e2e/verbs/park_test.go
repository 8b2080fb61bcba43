//go:build e2e

package verbs

import (
	"testing"
	"time"

	"github.com/offhook/offhook/infra/e2e/real"
)

// clocks is by how much times of two processes may differ.
const clocks = 100 * time.Millisecond

// TestParkedByTransferItRingsBackAndIsPickedUp: one round of parking with real phones; the long loop is a transcript of
// the verb in virtual time.
func TestParkedByTransferItRingsBackAndIsPickedUp(t *testing.T) {
	h := open(t,
		`"701": {answer: [{verb: park, slot: "701", return_after: 3s, ring_for: 2s}]}`,
		`"702": {answer: [{verb: pickup, slot: "701"}]}`)
	caller, agent, other := h.phone("300", client), h.phone("101", ilze), h.phone("105", juris)
	h.talk(caller, agent)
	agent.Do(t, "transfer", h.uri("701"))
	agent.Wait(t, "CALL_CLOSED")
	parked := h.event("call.parked")
	if parked.Data["by"] != "101" {
		t.Errorf("call.parked says %v", parked.Data)
	}
	h.listen("parked", map[ear][]int{caller: {}, agent: {}})
	first := agent.Wait(t, "CALL_INCOMING")
	if after := first.At().Sub(parked.Time); after < 3*time.Second-clocks {
		t.Errorf("it rings back %s after it was parked, want 3 s", after)
	}
	agent.Wait(t, "CALL_CLOSED") // unanswered: cancelled
	second := agent.Wait(t, "CALL_INCOMING")
	if after := second.At().Sub(parked.Time); after < 8*time.Second-clocks {
		t.Errorf("it rings back again %s after it was parked, want 8 s", after)
	}
	other.Do(t, "dial", h.uri("702"))
	other.Wait(t, "CALL_ESTABLISHED")
	agent.Wait(t, "CALL_CLOSED")
	h.eventOf("call.unparked", with("why", "picked_up"))
	h.listen("picked up", map[ear][]int{caller: {juris}, other: {client}})
	other.Do(t, "hangup", "")
	caller.Wait(t, "CALL_CLOSED")
	h.empty()
	h.judge()
	s := h.spans[0]
	if loud, all := real.Loud(real.HeardAt(h.packets, caller.Ears(), s.from, s.to)); loud < all/2 || all < 10 {
		t.Errorf("the parked caller hears music in %d of %d windows", loud, all)
	}
}

func TestAParkedCallReturnsToWhoParkedIt(t *testing.T) {
	h := open(t, `"701": {answer: [{verb: park, return_after: 1s, ring_for: 10s}, {verb: emit, type: after_park}]}`)
	caller, agent := h.phone("300", client), h.phone("101", ilze)
	h.talk(caller, agent)
	agent.Do(t, "transfer", h.uri("701"))
	agent.Wait(t, "CALL_CLOSED")
	agent.Answer(t)
	h.listen("returned", map[ear][]int{caller: {ilze}, agent: {client}})
	agent.Do(t, "hangup", "")
	h.event("custom.after_park")
	caller.Wait(t, "CALL_CLOSED")
	h.empty()
	h.judge()
}

func TestARingingCallIsPickedUpElsewhere(t *testing.T) {
	h := open(t)
	caller, agent, other := h.phone("300", client), h.phone("101", ilze), h.phone("105", juris)
	caller.Do(t, "dial", h.uri("101"))
	agent.Wait(t, "CALL_INCOMING")
	other.Do(t, "dial", h.uri("*8101"))
	other.Wait(t, "CALL_ESTABLISHED")
	agent.Wait(t, "CALL_CLOSED")
	h.listen("picked up", map[ear][]int{caller: {juris}, other: {client}})
	caller.Do(t, "hangup", "")
	other.Wait(t, "CALL_CLOSED")
	h.empty()
	h.judge()
}

func TestAQueueIsLeftByDigitOrToWhoTakesTheNextCaller(t *testing.T) {
	h := open(t,
		`"30": {answer: [{verb: enqueue, queue: sales, wait: [{verb: gather, max_digits: 1, timeout: 5s, "on": {"9": [{verb: leave}]}}], "on": {left: [{verb: emit, type: gave_up}]}}]}`,
		`"31": {answer: [{verb: pickup, queue: sales}]}`)
	first, second, agent := h.phone("300", client), h.phone("101", ilze), h.phone("105", juris)
	first.Do(t, "dial", h.uri("30"))
	first.Wait(t, "CALL_ESTABLISHED")
	h.eventOf("queue.joined", with("position", 1))
	second.Do(t, "dial", h.uri("30"))
	second.Wait(t, "CALL_ESTABLISHED")
	h.eventOf("queue.joined", with("position", 2))
	agent.Do(t, "dial", h.uri("31"))
	agent.Wait(t, "CALL_ESTABLISHED")
	h.eventOf("queue.left", with("why", "answered"))
	h.listen("the first is served", map[ear][]int{first: {juris}, agent: {client}, second: {}})
	second.Press(t, "9")
	h.event("custom.gave_up")
	second.Wait(t, "CALL_CLOSED")
	agent.Do(t, "hangup", "")
	first.Wait(t, "CALL_CLOSED")
	h.empty()
	h.judge()
}
