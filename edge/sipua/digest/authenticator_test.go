package digest

import (
	"net/netip"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/icholy/digest"
)

const realm = "demo.test"

var (
	phone   = netip.MustParseAddr("198.51.100.7")
	another = netip.MustParseAddr("203.0.113.9")
)

// household has the user 101 and a trunk's user.
type household struct{}

func (household) Password(_, username string) (string, string, bool) {
	switch username {
	case "101":
		return "secret", "", true
	case "carrier":
		return "secret", "telia", true
	}
	return "", "", false
}

// asker is who has to prove himself to v.
type asker struct {
	t   *testing.T
	v   *Authenticator
	now time.Time
}

func newAsker(t *testing.T) *asker {
	return &asker{t, NewAuthenticator([]byte("k"), false, household{}), time.Now()}
}

func (a *asker) challenge() *sip.Response {
	res := challenged(401)
	a.v.Challenge(res, realm, false, a.now)
	return res
}

// answer is a request with the credentials that a phone would make.
func (a *asker) answer(res *sip.Response, user, password string, count int) *sip.Request {
	a.t.Helper()
	req := toBeSent()
	chal, err := digest.ParseChallenge(res.GetHeader("WWW-Authenticate").Value())
	if err != nil {
		a.t.Fatal(err)
	}
	cred, err := digest.Digest(chal, digest.Options{
		Method: string(req.Method), URI: req.Recipient.String(), Username: user, Password: password, Count: count,
	})
	if err != nil {
		a.t.Fatal(err)
	}
	req.AppendHeader(sip.NewHeader("Authorization", cred.String()))
	return req
}

func (a *asker) expect(req *sip.Request, from netip.Addr, want Outcome) Identity {
	a.t.Helper()
	who, got := a.v.Check(req, "demo", realm, from, a.now)
	if got != want {
		a.t.Errorf("outcome %d, want %d", got, want)
	}
	return who
}

func TestWhoIsAuthenticatedIsAUserOrATrunk(t *testing.T) {
	a := newAsker(t)
	a.expect(toBeSent(), phone, Missing)
	for name, want := range map[string]Identity{"101": {User: "101"}, "carrier": {Trunk: "telia"}} {
		if got := a.expect(a.answer(a.challenge(), name, "secret", 1), phone, Authenticated); got != want {
			t.Errorf("%s is %+v", name, got)
		}
	}
	a.expect(a.answer(a.challenge(), "101", "guess", 1), phone, Wrong)
	a.expect(a.answer(a.challenge(), "nobody", "", 1), phone, Wrong)
}

func TestChallengeOffersWhatIsConfiguredAndSaysThatANonceWasStale(t *testing.T) {
	for _, c := range []struct {
		status        int
		header        string
		sha256, stale bool
		algorithms    string
	}{
		{401, "WWW-Authenticate", false, false, "MD5 "},
		{407, "Proxy-Authenticate", false, true, "MD5 "},
		{401, "WWW-Authenticate", true, true, "SHA-256 MD5 "},
	} {
		res, algorithms := sip.NewResponse(c.status, ""), ""
		NewAuthenticator([]byte("k"), c.sha256, household{}).Challenge(res, realm, c.stale, time.Now())
		for _, h := range res.GetHeaders(c.header) {
			chal, err := digest.ParseChallenge(h.Value())
			if err != nil {
				t.Fatal(err)
			}
			if algorithms += chal.Algorithm + " "; chal.Stale != c.stale || chal.Realm != realm || !chal.SupportsQOP("auth") {
				t.Errorf("%d: %+v", c.status, chal)
			}
		}
		if algorithms != c.algorithms {
			t.Errorf("%d: offered %s, want %s", c.status, algorithms, c.algorithms)
		}
	}
}

func TestOldNonceIsStale(t *testing.T) {
	a := newAsker(t)
	req := a.answer(a.challenge(), "101", "secret", 1)
	a.now = a.now.Add(nonceLife + time.Second)
	a.expect(req, phone, Stale)
	a.expect(a.answer(a.challenge(), "101", "secret", 1), phone, Authenticated)
}

func TestNoncesOfThoseWithOneSecretAloneAreGood(t *testing.T) {
	a, fellow, stranger := newAsker(t), newAsker(t), newAsker(t)
	stranger.v = NewAuthenticator([]byte("another secret"), false, household{})
	a.expect(a.answer(fellow.challenge(), "101", "secret", 1), phone, Authenticated)
	a.expect(a.answer(stranger.challenge(), "101", "secret", 1), phone, Stale)
}

func TestCredentialsAreForOneMethodUserPartAndRealm(t *testing.T) {
	a := newAsker(t)
	req := a.answer(a.challenge(), "101", "secret", 1)
	req.Method = sip.BYE
	a.expect(req, phone, Wrong)
	req = a.answer(a.challenge(), "101", "secret", 1)
	req.Recipient.User = "900"
	a.expect(req, phone, Wrong)
	req = a.answer(a.challenge(), "101", "secret", 1)
	if _, got := a.v.Check(req, "demo", "other.test", phone, a.now); got != Missing {
		t.Errorf("for another realm: %d", got)
	}
}

func TestGuessingIsSlowedDownForThatSourceOnly(t *testing.T) {
	a := newAsker(t)
	try := func(from netip.Addr, password string, want Outcome) {
		t.Helper()
		a.expect(a.answer(a.challenge(), "101", password, 1), from, want)
	}
	for range freeFailures {
		try(phone, "guess", Wrong)
	}
	try(phone, "secret", Locked)
	try(another, "secret", Authenticated)
	a.now = a.now.Add(time.Second + time.Millisecond)
	try(phone, "guess", Wrong)
	a.now = a.now.Add(time.Second + time.Millisecond)
	try(phone, "secret", Locked) // longer than the first
	a.now = a.now.Add(time.Second)
	try(phone, "secret", Authenticated)
	try(phone, "guess", Wrong) // a success has cleared the slate
	try(phone, "secret", Authenticated)
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
