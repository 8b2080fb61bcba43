package sipua

import (
	"net/netip"
	"testing"
)

// clusterDirectory believes one token.
type clusterDirectory struct{ doorDirectory }

func (clusterDirectory) FromNode(src netip.Addr, callID, to, token string) (string, string, bool) {
	return "demo", "node:riga", src == trunkAt.Addr() && callID == "c1" && to == "700" && token == "good"
}

func TestAnotherEdgesCallIsAdmittedByItsToken(t *testing.T) {
	u, _ := newDoor(t, clusterDirectory{})
	in := admitted(t, u, invite(t, "sip:700@demo.test", "<sip:101@x.test>", "X-Offhook-Params: good\nX-Campaign: 7\n"), trunkAt)
	if in.Tenant != "demo" || in.Trunk != "node:riga" || in.Token != "good" || in.From != "101" || in.Hops != 70 || len(in.Headers) != 1 {
		t.Errorf("%+v", in)
	}
}

func TestATokenThatIsNotBelievedIsDropped(t *testing.T) {
	for name, dir := range map[string]Directory{"bad": clusterDirectory{trunkDir}, "no cluster": trunkDir} {
		u, _ := newDoor(t, dir)
		req := invite(t, "sip:700@demo.test", "<sip:101@x.test>", "X-Offhook-Params: forged\nx-offhook-Other: 1\nX-Campaign: 7\n")
		if in := admitted(t, u, req, trunkAt); in.Trunk != "local" || in.Token != "" || len(in.Headers) != 1 || in.Headers["X-Campaign"] != "7" {
			t.Errorf("%s: %+v", name, in)
		}
	}
	u, _ := newDoor(t, clusterDirectory{})
	_, res := u.admit(invite(t, "sip:700@demo.test", "<sip:101@x.test>", "X-Offhook-Params: forged\n"), phoneAt, "UDP")
	wantStatus(t, res, 407)
}
