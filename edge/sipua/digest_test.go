package sipua

import (
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"
)

func fetch(t *testing.T) *sip.Request {
	t.Helper()
	return request(t, "REGISTER", "sip:demo.test", registerText("a", "1", ""))
}

func TestMD5IsOfferedAloneUnlessAskedOtherwise(t *testing.T) {
	u, _ := newDoor(t, doorDirectory{})
	res := u.handleRegister(fetch(t), phoneAt, "UDP", "")
	if n := len(res.GetHeaders("WWW-Authenticate")); n != 1 {
		t.Errorf("%d challenges: %s", n, values(res, "WWW-Authenticate"))
	}
}

func TestBothAlgorithmsAreOfferedAndAccepted(t *testing.T) {
	u, _ := newDoor(t, doorDirectory{})
	u.cfg.SHA256 = true
	u.bindings = newBindings(u)
	for _, algorithm := range []string{"MD5", "SHA-256"} {
		req := fetch(t)
		answerChallenge(t, req, u.handleRegister(req, phoneAt, "UDP", ""), "101", "secret-101", algorithm, 1)
		wantStatus(t, u.handleRegister(req, phoneAt, "UDP", ""), 200)
	}
}

func TestAnswerToAChallengeWorksOnce(t *testing.T) {
	u, _ := newDoor(t, doorDirectory{})
	req := fetch(t)
	asked := u.handleRegister(req, phoneAt, "UDP", "")
	answerChallenge(t, req, asked, "101", "secret-101", "MD5", 1)
	wantStatus(t, u.handleRegister(req, phoneAt, "UDP", ""), 200)
	replayed := u.handleRegister(req, phoneAt, "UDP", "")
	wantStatus(t, replayed, 401)
	if !strings.Contains(values(replayed, "WWW-Authenticate"), "stale=true") {
		t.Errorf("a used count is not called stale: %s", values(replayed, "WWW-Authenticate"))
	}
	answerChallenge(t, req, asked, "101", "secret-101", "MD5", 2)
	wantStatus(t, u.handleRegister(req, phoneAt, "UDP", ""), 200)
}

func TestOldNonceIsStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u, _ := newDoor(t, doorDirectory{})
		req := fetch(t)
		answerChallenge(t, req, u.handleRegister(req, phoneAt, "UDP", ""), "101", "secret-101", "MD5", 1)
		time.Sleep(nonceLife + time.Second)
		res := u.handleRegister(req, phoneAt, "UDP", "")
		wantStatus(t, res, 401)
		answerChallenge(t, req, res, "101", "secret-101", "MD5", 1)
		wantStatus(t, u.handleRegister(req, phoneAt, "UDP", ""), 200)
	})
}

func TestForgedNonceIsRefused(t *testing.T) {
	u, _ := newDoor(t, doorDirectory{})
	other, _ := newDoor(t, doorDirectory{})
	other.bindings.auth.nonces = newNonces([]byte("another secret"))
	req := fetch(t)
	answerChallenge(t, req, other.handleRegister(req, phoneAt, "UDP", ""), "101", "secret-101", "MD5", 1)
	wantStatus(t, u.handleRegister(req, phoneAt, "UDP", ""), 401)
}

func TestEdgesWithOneSecretAcceptEachOthersNonces(t *testing.T) {
	u, _ := newDoor(t, doorDirectory{})
	other, _ := newDoor(t, doorDirectory{})
	req := fetch(t)
	answerChallenge(t, req, other.handleRegister(req, phoneAt, "UDP", ""), "101", "secret-101", "MD5", 1)
	wantStatus(t, u.handleRegister(req, phoneAt, "UDP", ""), 200)
}

func TestUnknownUserAndWrongPasswordLookTheSame(t *testing.T) {
	u, _ := newDoor(t, doorDirectory{})
	var seen []string
	for _, c := range [][2]string{{"101", "wrong"}, {"nobody", "wrong"}, {"nobody", ""}} {
		req := fetch(t)
		answerChallenge(t, req, u.handleRegister(req, phoneAt, "UDP", ""), c[0], c[1], "MD5", 1)
		res := u.handleRegister(req, phoneAt, "UDP", "")
		shape := res.StartLine()
		for _, h := range res.Headers() {
			shape += "\n" + h.Name()
		}
		seen = append(seen, shape)
	}
	want(t, "unknown user", seen[1], seen[0])
	want(t, "unknown user with the empty password", seen[2], seen[0])
	if !strings.HasPrefix(seen[0], "SIP/2.0 401") {
		t.Error(seen[0])
	}
}

func TestCredentialsForAnotherMethodOrUserPartAreRefused(t *testing.T) {
	u, _ := newDoor(t, doorDirectory{})
	req := fetch(t)
	answerChallenge(t, req, u.handleRegister(req, phoneAt, "UDP", ""), "101", "secret-101", "MD5", 1)
	invite := request(t, "INVITE", "sip:100@demo.test", strings.Replace(registerText("a", "1", ""), "REGISTER", "INVITE", 1))
	invite.AppendHeader(req.GetHeader("Authorization"))
	_, res := u.admit(invite, phoneAt, "UDP")
	wantStatus(t, res, 407)

	called := request(t, "INVITE", "sip:100@demo.test", strings.Replace(registerText("a", "1", ""), "REGISTER", "INVITE", 1))
	_, res = u.admit(called, phoneAt, "UDP")
	answerChallenge(t, called, res, "101", "secret-101", "MD5", 1)
	called.Recipient.User = "900"
	_, res = u.admit(called, phoneAt, "UDP")
	wantStatus(t, res, 407)
}

func TestGuessingIsSlowedDownForThatSourceOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u, _ := newDoor(t, doorDirectory{})
		try := func(src netip.AddrPort, user, password string) int {
			req := fetch(t)
			answerChallenge(t, req, u.bindings.auth.challenge(req, 401, "demo.test", false, time.Now()), user, password, "MD5", 1)
			return u.handleRegister(req, src, "UDP", "").StatusCode
		}
		for range freeFailures {
			if got := try(phoneAt, "101", "guess"); got != 401 {
				t.Fatalf("a free failure got %d", got)
			}
		}
		if got := try(phoneAt, "101", "secret-101"); got != 403 {
			t.Errorf("while locked: %d", got)
		}
		if got := try(netip.MustParseAddrPort("203.0.113.9:5060"), "101", "secret-101"); got != 200 {
			t.Errorf("from elsewhere: %d", got)
		}
		time.Sleep(time.Second + time.Millisecond)
		if got := try(phoneAt, "101", "guess"); got != 401 {
			t.Errorf("after the lock: %d", got)
		}
		time.Sleep(time.Second + time.Millisecond)
		if got := try(phoneAt, "101", "secret-101"); got != 403 {
			t.Errorf("the second lock is not longer: %d", got)
		}
		time.Sleep(time.Second)
		if got := try(phoneAt, "101", "secret-101"); got != 200 {
			t.Errorf("after the second lock: %d", got)
		}
		if got := u.Counters(); got.Failures != freeFailures+1 || got.LockedOut != 2 {
			t.Errorf("counted %+v", got)
		}
	})
}

func TestWhatGuessersLeaveBehindIsBounded(t *testing.T) {
	l := newLockouts()
	now := time.Now()
	for i := range 3 * maxLockouts {
		l.failed(lockKey(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), "demo", "x"), now)
	}
	if n := len(l.recent) + len(l.before); n > 2*maxLockouts {
		t.Errorf("%d sources kept", n)
	}
	n := newNonces([]byte("k"))
	first := n.issue("r", now)
	if !n.use(first, "r", 1, true, now) {
		t.Fatal("fresh nonce refused")
	}
	for range 2*maxNonces + 2 {
		now = now.Add(time.Microsecond)
		n.use(n.issue("r", now), "r", 1, true, now)
	}
	if kept := len(n.used) + len(n.before); kept > 2*maxNonces {
		t.Errorf("%d nonces kept", kept)
	}
	if n.use(first, "r", 1, true, now) {
		t.Error("a forgotten nonce can be replayed")
	}
}

func TestCountsMaySwapButNotRepeat(t *testing.T) {
	n := newNonces([]byte("k"))
	now := time.Now()
	nonce := n.issue("r", now)
	for _, c := range []struct {
		count int
		ok    bool
	}{{2, false}, {1, true}, {3, true}, {2, true}, {2, false}, {3, false}, {100, true}, {37, true}, {36, false}, {0, false}} {
		if got := n.use(nonce, "r", c.count, true, now); got != c.ok {
			t.Errorf("count %d: %v", c.count, got)
		}
	}
	if n.use(n.issue("other", now), "r", 1, true, now) {
		t.Error("nonce of another realm")
	}
}

func TestUserPartsOfIPv6SourcesShareTheirLock(t *testing.T) {
	a, b := netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::ffff")
	if lockKey(a, "t", "u") != lockKey(b, "t", "u") {
		t.Error("one /64 counts as several sources")
	}
	if lockKey(netip.MustParseAddr("::ffff:10.0.0.1"), "t", "u") != lockKey(netip.MustParseAddr("10.0.0.1"), "t", "u") {
		t.Error("mapped IPv4 is another source")
	}
}
