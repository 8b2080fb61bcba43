package node_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/offhook/offhook/schemas/event"
)

// withUser connects the phone at 6000 with user 101 at 7000, who has feature codes.
func withUser(t *testing.T, test func(r *rig, caller, user *dialog)) {
	t.Helper()
	inBubble(t, func(s *setup) {
		s.config = strings.Replace(demo, "    users:", `    domains: [demo.test]`+"\n"+`    features: {blind: "*2", attended: "*3"}`+"\n    users:", 1)
	}, func(r *rig) {
		raw, err := json.Marshal(binding("sip:bob@127.0.0.1:7000", "", 1))
		if err != nil {
			t.Fatal(err)
		}
		r.node.OnState("registration/demo/101/sip:bob@127.0.0.1:7000", raw)
		r.script(`[{"verb": "dial", "to": {"user": "101"}}]`)
		anna, bob := r.phone(6000), r.phone(7000)
		caller := anna.dial("200")
		caller.invite(anna.sdp("sendrecv", withDigits))
		user := bob.take(withDigits)
		anna.expect("100 INVITE")
		caller.learn(anna.expect("200 INVITE"))
		caller.request("ACK", "", "")
		wait(100 * time.Millisecond)
		test(r, caller, user)
	})
}

// dials presses keys, half a second apart.
func (p *phone) dials(keys string) {
	for _, key := range keys {
		p.press(byte(strings.IndexRune("0123456789*#", key)))
		wait(400 * time.Millisecond)
	}
}

func TestKeysOfAUserAreSentOnWhenTheyAreNoCode(t *testing.T) {
	withUser(t, func(r *rig, caller, user *dialog) {
		caller.p.heard()
		user.p.dials("*")
		if got := caller.p.heard(); got != nil {
			t.Errorf("* may begin a code, and the caller heard %v", got)
		}
		user.p.dials("9")
		wait(time.Second)
		if got := caller.p.heard(); !slices.Equal(got, []byte{101, 101}) {
			t.Errorf("*9 is no code, and the caller heard %v", got)
		}
		user.p.dials("*")
		wait(4 * time.Second)
		if got := caller.p.heard(); !slices.Equal(got, []byte{101}) {
			t.Errorf("after a pause the caller heard %v", got)
		}
		caller.p.dials("*")
		if got := user.p.heard(); !slices.Contains(got, 101) {
			t.Errorf("the caller has no codes, and the user heard %v", got)
		}
		byes(caller)
		user.p.reply(user.p.expect("BYE"), 200, "", "")
	})
}

func TestAUserConsultsAndConnectsByKeys(t *testing.T) {
	withUser(t, func(r *rig, caller, user *dialog) {
		carol := r.phone(7002)
		r.hears("a<b b<a", caller.p, user.p)
		caller.p.heard()
		r.script(`[{"verb": "dial", "to": {"sip": "sip:carol@127.0.0.1:7002"}}]`)
		user.p.dials("*3105#")
		if got := caller.p.heard(); slices.Contains(got, 101) {
			t.Errorf("the caller heard keys: %v", got)
		}
		carol.take(withDigits)
		wait(100 * time.Millisecond)
		r.hears("b<c c<b", caller.p, user.p, carol)
		byes(user)
		r.hears("a<c c<a", caller.p, user.p, carol)
		if e := last[event.Transfer](r, event.CallTransferred); e.Kind != "attended" || e.Status != "answered" || e.By != "101" || e.To != "105" {
			t.Errorf("told %+v", e)
		}
		byes(caller)
		carol.reply(carol.expect("BYE"), 200, "", "")
	})
}

func TestAHoldIsOverWhenTheCallIsHandedOn(t *testing.T) {
	withUser(t, func(r *rig, caller, user *dialog) {
		carol := r.phone(7002)
		id := r.only().ID
		for _, doc := range []string{`[{"verb": "hold", "party": "agent"}]`, `[{"verb": "transfer", "to": {"sip": "sip:carol@127.0.0.1:7002"}}]`} {
			if err := r.node.Beside(id, document(t, doc), false); err != nil {
				t.Fatal(err)
			}
			wait(100 * time.Millisecond)
			if v := r.only(); v.Status != "held" {
				t.Errorf("after %s the call is %s", doc, v.Status)
			}
		}
		carol.take(withDigits)
		wait(100 * time.Millisecond)
		if v := r.only(); v.Status != "bridged" {
			t.Errorf("handed on, the call is %s", v.Status)
		}
		user.p.reply(user.p.expect("BYE"), 200, "", "")
		r.hears("a<b b<a", caller.p, carol)
		byes(caller)
		carol.reply(carol.expect("BYE"), 200, "", "")
	})
}
