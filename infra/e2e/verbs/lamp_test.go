//go:build e2e

package verbs

import (
	"testing"

	"github.com/offhook/offhook/infra/e2e/real"
)

// The phone subscribes by itself and prints what it is told (RFC 3842).
func TestAPhonesMessageLampIsSetAndKept(t *testing.T) {
	h := open(t, `"70": {answer: [{verb: message_waiting, user: "101", new: 3, old: 1}, {verb: hangup}]}`)
	lamp := func() *real.Baresip {
		return real.NewBaresip(t, real.BaresipOptions{User: "101", Password: "demo-101", Server: h.SIP, Tone: ilze, Lamp: true})
	}
	agent, caller := lamp(), h.phone("300", client)
	agent.Line(t, "Voice-Message: 0/0") // it has subscribed
	caller.Do(t, "dial", h.uri("70"))
	caller.Wait(t, "CALL_CLOSED")
	agent.Line(t, "Voice-Message: 3/1")
	h.empty()
	lamp().Line(t, "Voice-Message: 3/1")
}
