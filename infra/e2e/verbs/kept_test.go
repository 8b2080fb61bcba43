//go:build e2e

package verbs

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/offhook/offhook/infra/e2e/real"
)

// never: a tone is in no more windows than a wrong guess.
func never(t *testing.T, what string, pcm []int16, hz int) {
	t.Helper()
	if got, all := real.Has(pcm, hz); got > 2 {
		t.Errorf("%s: %d Hz in %d of %d windows", what, hz, got, all)
	}
}

// lasts is the second of sound before the last 200 ms, in which the phones still spoke.
func lasts(pcm []int16) []int16 { return pcm[max(0, len(pcm)-9600):max(0, len(pcm)-1600)] }

func TestARecordingAndAStreamGoOnInAConference(t *testing.T) {
	_, dir, port := python(t, "hear.py")
	h := open(t,
		fmt.Sprintf(`"43": {answer: [{verb: record, background: true, channels: 2}, {verb: stream, to: "ws://127.0.0.1:%d/hear", track: both, background: true}, {verb: conference, room: kept, beep: none}]}`, port),
		`"44": {answer: [{verb: conference, room: kept, beep: none}]}`)
	a, b, c := h.phone("300", client), h.phone("101", ilze), h.phone("105", juris)
	a.Do(t, "dial", h.uri("43"))
	a.Wait(t, "CALL_ESTABLISHED")
	h.event("stream.started")
	b.Do(t, "dial", h.uri("44"))
	c.Do(t, "dial", h.uri("44"))
	h.eventOf("conference.joined", with("size", 3))
	h.listen("three", map[ear][]int{a: {ilze, juris}, b: {client, juris}, c: {client, ilze}})
	a.Do(t, "hangup", "")
	b.Do(t, "hangup", "")
	c.Do(t, "hangup", "")
	h.empty()
	h.judge()
	left, right := h.stored()
	tracks := map[string][]int16{"left": left, "right": right}
	for _, track := range []string{"inbound", "outbound"} {
		raw, err := os.ReadFile(filepath.Join(dir, track+".ulaw"))
		if err != nil {
			t.Fatal(err)
		}
		tracks[track] = ulaw(raw)
	}
	for _, own := range []string{"left", "inbound"} {
		mostly(t, own, lasts(tracks[own]), client)
		never(t, own, tracks[own], ilze)
		never(t, own, tracks[own], juris)
	}
	for _, others := range []string{"right", "outbound"} {
		mostly(t, others, lasts(tracks[others]), ilze)
		mostly(t, others, lasts(tracks[others]), juris)
		never(t, others, tracks[others], client)
	}
}

// The agent's own call keeps the customer, and not what is whispered to the agent.
func TestTheRecordingOfAnAgentWhoTakesACallFromAQueue(t *testing.T) {
	h := open(t,
		`"45": {answer: [{verb: enqueue, queue: sales}]}`,
		`"46": {answer: [{verb: record, background: true, channels: 2}, {verb: pickup, queue: sales}]}`)
	caller, agent, chief := h.phone("300", client), h.phone("101", ilze), h.phone("106", boss)
	caller.Do(t, "dial", h.uri("45"))
	h.event("queue.joined")
	agent.Do(t, "dial", h.uri("46"))
	h.event("queue.left")
	agent.Wait(t, "CALL_ESTABLISHED")
	h.listen("taken", map[ear][]int{caller: {ilze}, agent: {client}})
	chief.Do(t, "dial", h.uri("4%23101"))
	h.eventOf("call.supervised", with("mode", "listen"))
	chief.Wait(t, "CALL_ESTABLISHED")
	chief.Press(t, "5")
	h.eventOf("call.supervised", with("mode", "whisper"))
	h.listen("whisper", map[ear][]int{caller: {ilze}, agent: {client, boss}, chief: {client, ilze}})
	agent.Do(t, "hangup", "")
	caller.Wait(t, "CALL_CLOSED")
	h.empty()
	h.judge()
	left, right := h.stored()
	mostly(t, "left", lasts(left), ilze)
	mostly(t, "right", lasts(right), client)
	never(t, "left", left, client)
	never(t, "right", right, ilze)
	never(t, "left", left, boss)
	never(t, "right", right, boss)
}
