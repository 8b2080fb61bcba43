package node_test

import (
	"testing"
	"time"

	"github.com/offhook/offhook/schemas/event"
)

func TestAPartyThatVanishesHoldsNobodyUp(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		r.script(bridge)
		anna, bob := r.phone(6000), r.phone(7000)
		d := anna.dial("200")
		d.invite(anna.sdp("sendrecv", withDigits))
		bob.take(withDigits)
		anna.expect("100 INVITE")
		d.learn(anna.expect("200 INVITE"))
		d.request("ACK", "", "")
		began := time.Now() // from here on nothing comes from anna, who answers no BYE either
		bye := message{}
		for bye.start == "" && time.Since(began) < time.Minute {
			bob.speak(time.Second)
			bye = bob.get(10 * time.Millisecond)
		}
		if took := time.Since(began); bye.what() != "BYE" || took > 33*time.Second {
			t.Fatalf("the other party got %q after %s, want BYE when the silence was noticed", bye.what(), took)
		}
		bob.reply(bye, 200, "", "")
		wait(time.Second)
		if end := last[event.Hangup](r, event.CallHangup); end.Cause.Reason != "media_timeout" || len(end.Legs) != 2 {
			t.Errorf("ended %+v with %d legs", end.Cause, len(end.Legs))
		}
		wait(40 * time.Second) // the BYE to nobody gives up
		if n := r.log.count(event.CallHangup); n != 1 {
			t.Errorf("%d final events", n)
		}
	})
}
