//go:build e2e

package verbs

import "testing"

// The client must never hear the supervisor who whispers.
func TestASupervisorListensWhispersAndJoins(t *testing.T) {
	h := open(t)
	caller, agent, chief := h.phone("300", client), h.phone("101", ilze), h.phone("106", boss)
	h.talk(caller, agent)
	chief.Do(t, "dial", h.uri("4%23101"))
	chief.Wait(t, "CALL_ESTABLISHED")
	h.eventOf("call.supervised", with("mode", "listen"))
	h.listen("listen", map[ear][]int{caller: {ilze}, agent: {client}, chief: {client, ilze}})
	chief.Press(t, "5")
	h.eventOf("call.supervised", with("mode", "whisper"))
	h.listen("whisper", map[ear][]int{caller: {ilze}, agent: {client, boss}, chief: {client, ilze}})
	chief.Press(t, "6")
	h.eventOf("call.supervised", with("mode", "barge"))
	h.listen("barge", map[ear][]int{caller: {ilze, boss}, agent: {client, boss}, chief: {client, ilze}})
	chief.Do(t, "hangup", "")
	h.listen("alone again", map[ear][]int{caller: {ilze}, agent: {client}})
	caller.Do(t, "hangup", "")
	agent.Wait(t, "CALL_CLOSED")
	h.empty()
	h.judge()
}

func TestOnlyThoseWhoMaySuperviseDo(t *testing.T) {
	h := open(t)
	caller, agent, other := h.phone("300", client), h.phone("101", ilze), h.phone("105", juris)
	h.talk(caller, agent)
	other.Do(t, "dial", h.uri("4%23101"))
	other.Wait(t, "CALL_CLOSED")
	h.listen("undisturbed", map[ear][]int{caller: {ilze}, agent: {client}})
	caller.Do(t, "hangup", "")
	h.empty()
	h.judge()
}

func TestAConferenceOfThreeWithMuteByDigits(t *testing.T) {
	h := open(t, `"40": {answer: [{verb: conference, room: board, beep: none, "on": {"*6": [{verb: mute}], "*7": [{verb: unmute}]}}, {verb: emit, type: left}]}`)
	a, b, c := h.phone("300", client), h.phone("101", ilze), h.phone("105", juris)
	for _, p := range []interface {
		Do(*testing.T, string, string)
	}{a, b, c} {
		p.Do(t, "dial", h.uri("40"))
	}
	a.Wait(t, "CALL_ESTABLISHED")
	b.Wait(t, "CALL_ESTABLISHED")
	c.Wait(t, "CALL_ESTABLISHED")
	h.eventOf("conference.joined", with("size", 3))
	h.listen("three", map[ear][]int{a: {ilze, juris}, b: {client, juris}, c: {client, ilze}})
	c.Press(t, "*6")
	h.listen("one is muted", map[ear][]int{a: {ilze}, b: {client}, c: {client, ilze}})
	c.Press(t, "*7")
	h.listen("heard again", map[ear][]int{a: {ilze, juris}, b: {client, juris}, c: {client, ilze}})
	b.Do(t, "hangup", "")
	h.eventOf("conference.left", with("size", 2))
	h.listen("two are left", map[ear][]int{a: {juris}, c: {client}})
	a.Do(t, "hangup", "")
	c.Do(t, "hangup", "")
	h.empty()
	h.judge()
}

func TestAConferenceBeginsWithItsHostAndEndsWithHim(t *testing.T) {
	h := open(t,
		`"41": {answer: [{verb: conference, room: class, start: false, beep: none}]}`,
		`"42": {answer: [{verb: conference, room: class, end: true, beep: none}]}`)
	a, host := h.phone("300", client), h.phone("101", ilze)
	a.Do(t, "dial", h.uri("41"))
	a.Wait(t, "CALL_ESTABLISHED")
	h.event("conference.joined")
	h.listen("waits", map[ear][]int{a: {}})
	host.Do(t, "dial", h.uri("42"))
	host.Wait(t, "CALL_ESTABLISHED")
	h.eventOf("conference.joined", with("size", 2))
	h.listen("begun", map[ear][]int{a: {ilze}, host: {client}})
	host.Do(t, "hangup", "")
	a.Wait(t, "CALL_CLOSED")
	h.empty()
	h.judge()
}
