package node_test

import (
	"strings"
	"testing"
)

func TestAWithheldNumberIsToldToATrustedGatewayAlone(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		anna, gateway, bob := r.phone(6000), r.phone(7001), r.phone(7000)
		r.script(`[{"verb": "dial", "to": [{"number": "+37120001111", "gateway": "telia"}, {"sip": "sip:bob@127.0.0.1:7000"}], "caller_id": "+37167000001", "anonymous": true}]`)
		anna.dial("200").invite(anna.sdp("sendrecv", withDigits))
		anna.expect("100 INVITE")
		for p, asserted := range map[*phone]string{gateway: "<sip:+37167000001@127.0.0.1:7001>", bob: ""} {
			m := p.expect("INVITE")
			if !strings.HasPrefix(m.head["from"], `"Anonymous" <sip:anonymous@anonymous.invalid>;tag=`) || m.head["privacy"] != "id" ||
				m.head["p-asserted-identity"] != asserted || asserted == "" && strings.Contains(strings.Join([]string{m.start, m.body, m.head["contact"]}, " "), "37167") {
				t.Errorf("%s: %+v", p.addr, m.head)
			}
			p.reply(m, 486, "", "")
			p.expect("ACK")
		}
		anna.expect("486 INVITE")
	})
}
