package sipua

import (
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/offhook/offhook/edge/sipua/digest"
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

func TestGuessersAreLockedOutForAMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u, _ := newDoor(t, doorDirectory{})
		try := func(src netip.AddrPort, password string) int {
			req := fetch(t)
			answerChallenge(t, req, u.challenge(req, 401, "demo.test", digest.Missing, time.Now()), "101", password, "MD5", 1)
			return u.handleRegister(req, src, "UDP", "").StatusCode
		}
		guesses := 0
		for try(phoneAt, "guess") == 401 {
			if guesses++; guesses > 100 {
				t.Fatal("nobody minds")
			}
		}
		if got := try(phoneAt, "secret-101"); got != 403 {
			t.Errorf("while locked: %d", got)
		}
		if got := try(netip.MustParseAddrPort("203.0.113.9:5060"), "secret-101"); got != 200 {
			t.Errorf("from elsewhere: %d", got)
		}
		time.Sleep(time.Second + time.Millisecond)
		if got := try(phoneAt, "secret-101"); got != 200 {
			t.Errorf("after the lock: %d", got)
		}
		if got := u.Counters(); got.Failures != uint64(guesses) || got.LockedOut != 2 {
			t.Errorf("counted %+v after %d guesses", got, guesses)
		}
	})
}
