package node_test

import (
	"strings"
	"testing"
)

// formats are those of the m= line, without digits.
func formats(description string) string {
	_, rest, _ := strings.Cut(description, "RTP/AVP ")
	list, _, _ := strings.Cut(rest, "\r\n")
	return strings.TrimSuffix(list, " 101")
}

// Both legs of a call come to the same codec where they can, so that nothing is transcoded: the callee is offered what the
// caller would speak first, and the caller is answered with what the callee took.
func TestBothPartiesComeToTheSameCodec(t *testing.T) {
	for _, c := range []struct{ caller, offered, callee, answered string }{
		{"0 8 9", "0 8 9", "0", "0 8 9"},
		{"9 8 0", "9 8 0", "9 8 0", "9 8 0"},
		{"9 0 8", "9 0 8", "8", "8 9 0"},
		{"8", "8 0 9", "8 0", "8"},
		{"18 9", "9 0 8", "9", "9"},
		{"9", "9 0 8", "0", "9"}, // nothing in common: transcoded
	} {
		inBubble(t, nil, func(r *rig) {
			r.script(bridge)
			anna, bob := r.phone(6000), r.phone(7000)
			d := anna.dial("200")
			d.invite(anna.sdp("sendrecv", c.caller))
			anna.expect("100 INVITE")
			m := bob.expect("INVITE")
			bob.reply(m, 200, "", bob.sdp("sendrecv", c.callee))
			bob.expect("ACK")
			answer := anna.expect("200 INVITE")
			if got := formats(m.body); got != c.offered {
				t.Errorf("caller has %s: callee is offered %s, want %s", c.caller, got, c.offered)
			}
			if got := formats(answer.body); got != c.answered {
				t.Errorf("caller has %s, callee %s: caller is answered %s, want %s", c.caller, c.callee, got, c.answered)
			}
			d.learn(answer)
			d.request("ACK", "", "")
		})
	}
}
