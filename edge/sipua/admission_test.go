package sipua

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/emiago/sipgo/sip"
)

const trunkAddress = "203.0.113.5"

var (
	trunkAt  = netip.MustParseAddrPort(trunkAddress + ":5060")
	trunkDir = doorDirectory{trunks: map[string]string{trunkAddress: "local", phoneAt.Addr().String(): "local"}}
)

func invite(t *testing.T, uri, from, more string) *sip.Request {
	t.Helper()
	return request(t, "INVITE", uri, "From: "+from+";tag=1\nTo: <sip:100@demo.test>\nCall-ID: c1\nCSeq: 1 INVITE\n"+more)
}

func admitted(t *testing.T, u *UA, req *sip.Request, src netip.AddrPort) Invite {
	t.Helper()
	in, res := u.admit(req, src, "UDP")
	if res != nil {
		t.Fatalf("not admitted: %s", res.StartLine())
	}
	return in
}

func TestTrunkIsAdmittedByItsAddress(t *testing.T) {
	u, _ := newDoor(t, trunkDir)
	in := admitted(t, u, invite(t, "sip:100@demo.test", `"Anna \"A\" B" <sip:+37120001111@x.test>`,
		"X-Campaign: 7\nx-b: 2\nX-Campaign: 8\nUser-Agent: pbx\nReferred-By: <sip:105@demo.test>\n"), trunkAt)
	if in.Tenant != "demo" || in.Trunk != "local" || in.User != "" || in.From != "+37120001111" || in.FromName != `Anna "A" B` ||
		in.To != "100" || in.ToHost != "demo.test" || in.CallID != "c1" || in.UserAgent != "pbx" || in.ReferredBy != "" ||
		in.Source != trunkAt || in.SDP != nil || len(in.Headers) != 2 || in.Headers["X-Campaign"] != "7" || in.Headers["x-b"] != "2" {
		t.Errorf("%+v", in)
	}
}

func TestStrangersAreChallengedAndUsersAdmitted(t *testing.T) {
	u, _ := newDoor(t, doorDirectory{})
	req := invite(t, "sip:100@demo.test", "<sip:101@demo.test>", "")
	_, res := u.admit(req, phoneAt, "UDP")
	wantStatus(t, res, 407)
	answerChallenge(t, req, res, "101", "secret-101", "MD5", 1)
	if in := admitted(t, u, req, phoneAt); in.User != "101" || in.Trunk != "" || in.From != "101" {
		t.Errorf("%+v", in)
	}
}

// Numbers that take only transferred calls would be open to everybody who writes the header.
func TestAReferrerIsBelievedOfUsersAlone(t *testing.T) {
	u, _ := newDoor(t, trunkDir)
	const by = "Referred-By: <sip:105@demo.test>\n"
	if in := admitted(t, u, invite(t, "sip:100@demo.test", "<sip:+371@x.test>", by), trunkAt); in.ReferredBy != "" {
		t.Errorf("a trunk's is believed: %+v", in)
	}
	u, _ = newDoor(t, doorDirectory{})
	for user, want := range map[string]string{"101": "sip:105@demo.test", "carrier": ""} {
		req := invite(t, "sip:100@demo.test", "<sip:"+user+"@demo.test>", by)
		_, res := u.admit(req, phoneAt, "UDP")
		answerChallenge(t, req, res, user, "secret-"+user, "MD5", 1)
		if in := admitted(t, u, req, phoneAt); in.ReferredBy != want {
			t.Errorf("%s: %+v", user, in)
		}
	}
}

func TestTrunkIsAdmittedByDigest(t *testing.T) {
	u, _ := newDoor(t, doorDirectory{})
	req := invite(t, "sip:100@demo.test", "<sip:+371@x.test>", "")
	_, res := u.admit(req, trunkAt, "UDP")
	answerChallenge(t, req, res, "carrier", "secret-carrier", "MD5", 1)
	if in := admitted(t, u, req, trunkAt); in.Trunk != "carrier" || in.User != "" || in.From != "+371" {
		t.Errorf("%+v", in)
	}
}

func TestUserCannotCallAsAnother(t *testing.T) {
	u, _ := newDoor(t, doorDirectory{})
	req := invite(t, "sip:100@demo.test", "<sip:102@demo.test>", "")
	_, res := u.admit(req, phoneAt, "UDP")
	answerChallenge(t, req, res, "101", "secret-101", "MD5", 1)
	_, res = u.admit(req, phoneAt, "UDP")
	wantStatus(t, res, 403)
}

func TestUsersNameInATrunksFromStaysTheTrunks(t *testing.T) {
	u, _ := newDoor(t, trunkDir)
	if in := admitted(t, u, invite(t, "sip:100@demo.test", "<sip:101@demo.test>", ""), phoneAt); in.User != "" || in.Trunk != "local" || in.From != "101" {
		t.Errorf("%+v", in)
	}
}

func TestPhoneRegisteredBehindATrustedAddressIsItsUser(t *testing.T) {
	u, _ := newDoor(t, trunkDir)
	register(t, u, "a", "1", "Contact: <sip:101@10.0.0.5>\n")
	if in := admitted(t, u, invite(t, "sip:100@demo.test", "<sip:101@demo.test>", ""), phoneAt); in.User != "101" || in.Trunk != "" {
		t.Errorf("%+v", in)
	}
	other := netip.AddrPortFrom(phoneAt.Addr(), phoneAt.Port()+1)
	if in := admitted(t, u, invite(t, "sip:100@demo.test", "<sip:101@demo.test>", ""), other); in.User != "" || in.Trunk != "local" {
		t.Errorf("from another port: %+v", in)
	}
}

func TestUnknownDomainIsNotFound(t *testing.T) {
	u, _ := newDoor(t, doorDirectory{})
	req := request(t, "INVITE", "sip:100@else.test", "From: <sip:1@x.test>;tag=1\nTo: <sip:100@else.test>\nCall-ID: c\nCSeq: 1 INVITE\n")
	_, res := u.admit(req, phoneAt, "UDP")
	wantStatus(t, res, 404)
}

func TestWhoIsCalled(t *testing.T) {
	u, _ := newDoor(t, trunkDir)
	for _, c := range [][2]string{
		{"sip:100@demo.test", "100"}, {"sip:demo.test", "100"}, {"tel:+371-200(0)1", "+37120001"}, {"tel:112;phone-context=+371", "112"},
		{"sip:+371-2000@demo.test;user=phone", "+3712000"}, {"sip:a%20b%2541@demo.test", "a b%41"}, {"sip:+371-2000@demo.test", "+371-2000"},
		{"sip:user;par=u%40example.net@demo.test", "user;par=u@example.net"}, {"sips:100@demo.test", "100"},
	} {
		if in := admitted(t, u, invite(t, c[0], "<sip:1@x.test>", ""), trunkAt); in.To != c[1] {
			t.Errorf("%s: called %q", c[0], in.To)
		}
	}
	for _, uri := range []string{"sip:a%00b@demo.test", "sip:a%0d%0aX@demo.test", "sip:%ff@demo.test", "sip:" + strings.Repeat("9", 129) + "@demo.test"} {
		_, res := u.admit(invite(t, uri, "<sip:1@x.test>", ""), trunkAt, "UDP")
		wantStatus(t, res, 484)
	}
}

func TestWhoCalls(t *testing.T) {
	u, _ := newDoor(t, trunkDir)
	for _, c := range []struct{ from, more, number, name string }{
		{`Anna <sip:1@x.test>`, "", "1", "Anna"},
		{`"" <tel:+371-2>`, "", "+3712", ""},
		{`<sip:1@x.test>`, "P-Asserted-Identity: \"Real, Name\" <sip:+3712@x.test>, <tel:+3713>\n", "+3712", "Real, Name"},
		{`Anna <sip:1@x.test>`, "P-Asserted-Identity: <http://x>\nP-Asserted-Identity: <tel:+3713>\n", "+3713", "Anna"},
		{`Anna <sip:1@x.test>`, "Privacy: id\nP-Asserted-Identity: <tel:+3713>\n", "anonymous", ""},
		{`Anna <sip:1@x.test>`, "Privacy: header;critical\n", "anonymous", ""},
		{`Anna <sip:1@x.test>`, "Privacy: none\n", "1", "Anna"},
		{`"Anonymous" <sip:anonymous@anonymous.invalid>`, "", "anonymous", ""},
		{`Anonymous <sip:x@anonymous.invalid>`, "", "anonymous", ""},
		{`<sip:x.test>`, "", "anonymous", ""},
		{`"` + strings.Repeat("ä", 100) + `" <sip:1@x.test>`, "", "1", strings.Repeat("ä", 64)},
		{"\"bad \xff\" <sip:1@x.test>", "", "1", ""},
	} {
		in := admitted(t, u, invite(t, "sip:100@demo.test", c.from, c.more), trunkAt)
		if in.From != c.number || in.FromName != c.name {
			t.Errorf("%s %s: %q %q", c.from, c.more, in.From, in.FromName)
		}
	}
}

func TestUsersAssertNothing(t *testing.T) {
	u, _ := newDoor(t, doorDirectory{})
	req := invite(t, "sip:100@demo.test", "Ilze <sip:101@demo.test>", "P-Asserted-Identity: <tel:+3713>\n")
	_, res := u.admit(req, phoneAt, "UDP")
	answerChallenge(t, req, res, "101", "secret-101", "MD5", 1)
	if in := admitted(t, u, req, phoneAt); in.From != "101" || in.FromName != "Ilze" {
		t.Errorf("%+v", in)
	}
}

func TestHeadersOfACallAreBounded(t *testing.T) {
	u, _ := newDoor(t, trunkDir)
	more := "X-Long: " + strings.Repeat("a", maxExtraValue+1) + "\nX-Bad: \xff\n"
	for i := range 40 {
		more += "X-" + strings.Repeat("n", i+1) + ": v\n"
	}
	in := admitted(t, u, invite(t, "sip:100@demo.test", "<sip:1@x.test>", more), trunkAt)
	if len(in.Headers) != maxExtra || in.Headers["X-Long"] != "" || in.Headers["X-Bad"] != "" {
		t.Errorf("%d: %v", len(in.Headers), in.Headers)
	}
}

func TestOfferIsFoundAloneAndAmongParts(t *testing.T) {
	sdp := "v=0\r\n"
	for _, c := range []struct{ kind, body, offer string }{
		{"application/sdp", sdp, sdp},
		{"Application/SDP; charset=utf-8", sdp, sdp},
		{"multipart/mixed; boundary=b", "--b\r\nContent-Type: text/plain\r\n\r\nhi\r\n--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n\r\n--b--\r\n", sdp},
		{"multipart/mixed", "--b\r\n", ""},
		{"text/plain", "hi", ""},
	} {
		req := sip.NewRequest(sip.INVITE, sip.Uri{Scheme: "sip", Host: "h"})
		req.AppendHeader(sip.NewHeader("Content-Type", c.kind))
		req.SetBody([]byte(c.body))
		if got := string(sdpOf(req)); got != c.offer {
			t.Errorf("%s: %q", c.kind, got)
		}
	}
}
