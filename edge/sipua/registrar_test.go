package sipua

import (
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestPhoneRegistersWithItsPassword(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u, h := newDoor(t, doorDirectory{})
		res := register(t, u, "a", "1", "Contact: <sip:101@10.0.0.5:5060;ob>;expires=60\nUser-Agent: phone 1\n")
		wantStatus(t, res, 200)
		want(t, "Contact", values(res, "Contact"), "<sip:101@10.0.0.5:5060;ob>;expires=60")
		want(t, "told", h.heard(), "added 101 sip:101@10.0.0.5:5060;ob")
		if values(res, "Date") == "" {
			t.Error("no Date")
		}
		got := u.Bindings("demo", "101")
		if len(got) != 1 {
			t.Fatalf("bindings: %v", got)
		}
		b := got[0]
		if b.Via != "udp:198.51.100.7:5062" || b.CSeq != 1 || b.CallID != "a" || b.UserAgent != "phone 1" || b.Node != "riga" {
			t.Errorf("binding %+v", b)
		}
		if left := time.Until(b.Expires); left != aMinute {
			t.Errorf("expires in %s", left)
		}
		if len(u.Bindings("other", "101")) != 0 {
			t.Error("another tenant has the binding")
		}
	})
}

func TestSeveralDevicesAreListedBestFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u, _ := newDoor(t, doorDirectory{})
		register(t, u, "a", "1", "Contact: <sip:101@10.0.0.5>;q=0.5\n")
		register(t, u, "b", "1", "Contact: <sip:101@10.0.0.6>\n")
		res := register(t, u, "c", "1", "Contact: \"my, phone\" <sip:101@10.0.0.7>;q=0.25, <sip:101@10.0.0.8>;q=1;expires=1200\n")
		want(t, "Contact", values(res, "Contact"), strings.Join([]string{
			"<sip:101@10.0.0.8>;expires=1200", "<sip:101@10.0.0.6>;expires=600", "<sip:101@10.0.0.5>;expires=600;q=0.5",
			"<sip:101@10.0.0.7>;expires=600;q=0.25"}, " | "))
		if n := len(u.AllBindings()); n != 4 {
			t.Errorf("%d bindings in all", n)
		}
	})
}

func TestFetchChangesNothing(t *testing.T) {
	u, h := newDoor(t, doorDirectory{})
	register(t, u, "a", "1", "Contact: <sip:101@10.0.0.5>\n")
	h.heard()
	res := register(t, u, "b", "1", "")
	want(t, "Contact", values(res, "Contact"), "<sip:101@10.0.0.5>;expires=600")
	want(t, "told", h.heard(), "")
}

func TestSameContactIsRefreshed(t *testing.T) {
	u, h := newDoor(t, doorDirectory{})
	register(t, u, "a", "1", "Contact: <sip:101@Host.test;transport=UDP>\n")
	res := register(t, u, "a", "2", "Contact: <sip:101@host.test:5060>;expires=100\n")
	want(t, "Contact", values(res, "Contact"), "<sip:101@host.test:5060>;expires=100")
	want(t, "told", h.heard(), "added 101 sip:101@Host.test;transport=UDP\nrefreshed 101 sip:101@host.test:5060")
}

func TestInstanceAndRegIDNameTheBinding(t *testing.T) {
	u, h := newDoor(t, doorDirectory{})
	instance := `;reg-id=1;+sip.instance="<urn:uuid:00000000-0000-1000-8000-AABBCCDDEEFF>"` + "\n"
	register(t, u, "a", "1", "Contact: <sip:101@10.0.0.5:1000>"+instance)
	res := register(t, u, "b", "1", "Contact: <sip:101@10.0.0.5:2000>"+instance)
	want(t, "Contact", values(res, "Contact"), "<sip:101@10.0.0.5:2000>;expires=600")
	want(t, "told", h.heard(), "added 101 sip:101@10.0.0.5:1000\nrefreshed 101 sip:101@10.0.0.5:2000")
}

func TestRemovingOneAndAll(t *testing.T) {
	u, h := newDoor(t, doorDirectory{})
	register(t, u, "a", "1", "Contact: <sip:101@10.0.0.5>, <sip:101@10.0.0.6>, <sip:101@10.0.0.7>\n")
	h.heard()
	res := register(t, u, "a", "2", "Contact: <sip:101@10.0.0.6>;expires=0\n")
	want(t, "after one", values(res, "Contact"), "<sip:101@10.0.0.5>;expires=600 | <sip:101@10.0.0.7>;expires=600")
	want(t, "told", h.heard(), "removed 101 sip:101@10.0.0.6")
	wantStatus(t, register(t, u, "a", "3", "Contact: *\nExpires: 10\n"), 400)
	wantStatus(t, register(t, u, "a", "3", "Contact: *\n"), 400)
	wantStatus(t, register(t, u, "a", "3", "Contact: *\nContact: <sip:101@10.0.0.9>\nExpires: 0\n"), 400)
	want(t, "still there", h.heard(), "")
	res = register(t, u, "a", "3", "Contact: *\nExpires: 0\n")
	wantStatus(t, res, 200)
	want(t, "after all", values(res, "Contact"), "")
	want(t, "told", h.heard(), "removed 101 sip:101@10.0.0.5\nremoved 101 sip:101@10.0.0.7")
}

func TestOlderRequestOfTheSameClientIsRefusedWhole(t *testing.T) {
	u, h := newDoor(t, doorDirectory{})
	register(t, u, "a", "5", "Contact: <sip:101@10.0.0.5>\n")
	h.heard()
	wantStatus(t, register(t, u, "a", "5", "Contact: <sip:101@10.0.0.9>, <sip:101@10.0.0.5>;expires=0\n"), 500)
	wantStatus(t, register(t, u, "a", "4", "Contact: *\nExpires: 0\n"), 500)
	want(t, "told", h.heard(), "")
	wantStatus(t, register(t, u, "other", "1", "Contact: <sip:101@10.0.0.5>;expires=0\n"), 200)
	want(t, "told", h.heard(), "removed 101 sip:101@10.0.0.5")
}

func TestExpiryTooShortOrTooLong(t *testing.T) {
	u, _ := newDoor(t, doorDirectory{})
	res := register(t, u, "a", "1", "Contact: <sip:101@10.0.0.5>\nExpires: 9\n")
	wantStatus(t, res, 423)
	want(t, "Min-Expires", values(res, "Min-Expires"), "10")
	res = register(t, u, "a", "2", "Contact: <sip:101@10.0.0.5>;expires=99999999999\n")
	want(t, "Contact", values(res, "Contact"), "<sip:101@10.0.0.5>;expires=3600")
	res = register(t, u, "a", "3", "Contact: <sip:101@10.0.0.5>;expires=soon\n")
	want(t, "Contact", values(res, "Contact"), "<sip:101@10.0.0.5>;expires=600")
}

func TestRegistrationsExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u, h := newDoor(t, doorDirectory{})
		register(t, u, "a", "1", "Contact: <sip:101@10.0.0.5>;expires=60\n")
		register(t, u, "b", "1", "Contact: <sip:101@10.0.0.6>;expires=30\n")
		h.heard()
		time.Sleep(30 * time.Second)
		synctest.Wait()
		want(t, "after 30 s", h.heard(), "expired 101 sip:101@10.0.0.6")
		register(t, u, "a", "2", "Contact: <sip:101@10.0.0.5>;expires=60\n")
		h.heard()
		time.Sleep(59 * time.Second)
		synctest.Wait()
		want(t, "before the refreshed one's end", h.heard(), "")
		time.Sleep(time.Second)
		synctest.Wait()
		want(t, "at its end", h.heard(), "expired 101 sip:101@10.0.0.5")
		if all := u.AllBindings(); len(all) != 0 || u.Counters().Bindings != 0 {
			t.Errorf("left: %v", all)
		}
	})
}

func TestNewDevicePushesOutTheOneNearestItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u, h := newDoor(t, doorDirectory{})
		for i := range maxDevices {
			register(t, u, "a"+strconv.Itoa(i), "1", "Contact: <sip:101@10.0.0."+strconv.Itoa(i)+">\n")
			time.Sleep(time.Second)
		}
		h.heard()
		wantStatus(t, register(t, u, "b", "1", "Contact: <sip:101@10.0.1.1>\n"), 200)
		want(t, "told", h.heard(), "removed 101 sip:101@10.0.0.0\nadded 101 sip:101@10.0.1.1")
		if n := len(u.Bindings("demo", "101")); n != maxDevices {
			t.Errorf("%d devices", n)
		}
		many := strings.Repeat("Contact: <sip:101@10.0.2.2>\n", maxDevices+1)
		wantStatus(t, register(t, u, "c", "1", many), 413)
	})
}

func TestPathIsKeptAndGivenBack(t *testing.T) {
	u, _ := newDoor(t, doorDirectory{})
	res := register(t, u, "a", "1", "Contact: <sip:101@10.0.0.5>\nPath: <sip:p1.test;lr>, <sip:p2.test;lr>\nPath: junk\nSupported: path\n")
	want(t, "Path", values(res, "Path"), "<sip:p1.test;lr> | <sip:p2.test;lr>")
	want(t, "kept", strings.Join(u.Bindings("demo", "101")[0].Path, " | "), "<sip:p1.test;lr> | <sip:p2.test;lr>")
}

func TestContactsThatCannotBeUsed(t *testing.T) {
	u, h := newDoor(t, doorDirectory{})
	for _, c := range []string{"<http://x.test>", "<tel:+123>", "<sip:101@bad host>"} {
		req := request(t, "REGISTER", "sip:demo.test", registerText("a", "1", "Contact: "+c+"\n"))
		res := u.handleRegister(req, phoneAt, "UDP", "")
		answerChallenge(t, req, res, "101", "secret-101", "MD5", 1)
		if res = u.handleRegister(req, phoneAt, "UDP", ""); res.StatusCode != 400 {
			t.Errorf("%s: %s", c, res.StartLine())
		}
	}
	want(t, "told", h.heard(), "")
}

func TestEscapedHeadersInAContactAreNotKept(t *testing.T) {
	u, _ := newDoor(t, doorDirectory{})
	res := register(t, u, "a", "1", "Contact: <sip:101@10.0.0.5?Route=%3Csip:sip.example.com%3E>\n")
	want(t, "Contact", values(res, "Contact"), "<sip:101@10.0.0.5>;expires=600")
	res = register(t, u, "a", "2", "Contact: <sip:101@10.0.0.5;ob?Route=%3Csip:sip.example.com%3E>\n")
	want(t, "Contact", values(res, "Contact"), "<sip:101@10.0.0.5;ob>;expires=600")
}

func TestRegisteringSomebodyElseIsForbidden(t *testing.T) {
	u, h := newDoor(t, doorDirectory{})
	req := request(t, "REGISTER", "sip:demo.test",
		"From: <sip:101@demo.test>;tag=1\nTo: <sip:102@demo.test>\nCall-ID: a\nCSeq: 1 REGISTER\nContact: <sip:x@10.0.0.5>\n")
	answerChallenge(t, req, u.handleRegister(req, phoneAt, "UDP", ""), "101", "secret-101", "MD5", 1)
	wantStatus(t, u.handleRegister(req, phoneAt, "UDP", ""), 403)
	req = request(t, "REGISTER", "sip:demo.test",
		"From: <sip:carrier@demo.test>;tag=1\nTo: <sip:carrier@demo.test>\nCall-ID: a\nCSeq: 1 REGISTER\nContact: <sip:x@10.0.0.5>\n")
	answerChallenge(t, req, u.handleRegister(req, phoneAt, "UDP", ""), "carrier", "secret-carrier", "MD5", 1)
	wantStatus(t, u.handleRegister(req, phoneAt, "UDP", ""), 403)
	want(t, "told", h.heard(), "")
}

func TestOtherDomainsAreNotOurs(t *testing.T) {
	u, _ := newDoor(t, doorDirectory{})
	req := request(t, "REGISTER", "sip:else.test",
		"From: <sip:101@else.test>;tag=1\nTo: <sip:101@else.test>\nCall-ID: a\nCSeq: 1 REGISTER\n")
	wantStatus(t, u.handleRegister(req, phoneAt, "UDP", ""), 404)
}

func TestIPv6PhonesRegister(t *testing.T) {
	u, _ := newDoor(t, doorDirectory{})
	src := netip.MustParseAddrPort("[2001:db8::7]:5060")
	res := registerFrom(t, u, src, "a", "1", "Contact: <sip:101@[2001:db8::7]>\n")
	want(t, "Contact", values(res, "Contact"), "<sip:101@[2001:db8::7]>;expires=600")
	want(t, "via", u.Bindings("demo", "101")[0].Via, "udp:[2001:db8::7]:5060")
}
