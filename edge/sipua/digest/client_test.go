package digest

import (
	"errors"
	"strings"
	"testing"

	"github.com/emiago/sipgo/sip"
	"github.com/icholy/digest"
)

func challenged(status int, challenges ...string) *sip.Response {
	res := sip.NewResponse(status, "")
	name := "WWW-Authenticate"
	if status == 407 {
		name = "Proxy-Authenticate"
	}
	for _, c := range challenges {
		res.AppendHeader(sip.NewHeader(name, c))
	}
	return res
}

var telia = Account{Name: "demo/telia", Username: "101", Password: "secret"}

func toBeSent() *sip.Request {
	return sip.NewRequest(sip.INVITE, sip.Uri{Scheme: "sip", User: "100", Host: "demo.test"})
}

func given(t *testing.T, req *sip.Request, header string) []*digest.Credentials {
	t.Helper()
	var all []*digest.Credentials
	for _, h := range req.GetHeaders(header) {
		c, err := digest.ParseCredentials(h.Value())
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	return all
}

func TestFirstChallengeThatWeKnowIsAnswered(t *testing.T) {
	c, req := NewClient(), toBeSent()
	err := c.Answer(req, challenged(401,
		`Basic realm="a"`,
		`Digest realm="a", nonce="n0", algorithm=SHA-999, qop="auth"`,
		`Digest realm="a", nonce="n1", algorithm=SHA-256, qop="auth-int, auth"`,
		`Digest realm="a", nonce="n2", algorithm=MD5`,
		`Digest realm="b", nonce="n3"`), telia)
	if err != nil {
		t.Fatal(err)
	}
	got := given(t, req, "Authorization")
	if len(got) != 2 {
		t.Fatalf("%d answers", len(got))
	}
	if c := got[0]; c.Realm != "a" || c.Nonce != "n1" || c.Algorithm != "SHA-256" || c.QOP != "auth" || c.Nc != 1 || c.URI != "sip:100@demo.test" || c.Username != "101" {
		t.Errorf("%+v", c)
	}
	if c := got[1]; c.Realm != "b" || c.QOP != "" {
		t.Errorf("%+v", c)
	}
}

func TestProxyChallengeIsAnsweredToTheProxy(t *testing.T) {
	c, req := NewClient(), toBeSent()
	if err := c.Answer(req, challenged(407, `Digest realm="p", nonce="n"`), telia); err != nil {
		t.Fatal(err)
	}
	if len(given(t, req, "Proxy-Authorization")) != 1 || len(given(t, req, "Authorization")) != 0 {
		t.Error("in the wrong header")
	}
}

func TestSecondRefusalIsFinalUnlessTheNonceWasStale(t *testing.T) {
	c, req := NewClient(), toBeSent()
	first := `Digest realm="a", nonce="n1", qop="auth"`
	if err := c.Answer(req, challenged(401, first), telia); err != nil {
		t.Fatal(err)
	}
	if err := c.Answer(req, challenged(401, `Digest realm="a", nonce="n2", stale=true, qop="auth"`), telia); err != nil {
		t.Fatal(err)
	}
	if got := given(t, req, "Authorization"); len(got) != 1 || got[0].Nonce != "n2" {
		t.Errorf("%+v", got)
	}
	if err := c.Answer(req, challenged(401, `Digest realm="a", nonce="n3", qop="auth"`), telia); !errors.Is(err, ErrRefused) {
		t.Errorf("%v", err)
	}
}

func TestUseOfANonceIsCounted(t *testing.T) {
	c, first, second := NewClient(), toBeSent(), toBeSent()
	for i, req := range []*sip.Request{first, second} {
		if err := c.Answer(req, challenged(401, `Digest realm="a", nonce="n", qop="auth"`), telia); err != nil {
			t.Fatal(err)
		}
		if got := given(t, req, "Authorization")[0].Nc; got != i+1 {
			t.Errorf("count %d", got)
		}
	}
}

func TestChallengesThatCannotBeMet(t *testing.T) {
	c, req := NewClient(), toBeSent()
	for _, challenge := range []string{
		`Basic realm="a"`,
		`Digest realm="a`,
		`Digest realm="a", nonce="n", qop="auth-int"`,
		`Digest realm="a", nonce="` + strings.Repeat("n", 5000) + `"`,
		"Digest realm=\"a\x01\", nonce=\"n\"",
	} {
		if err := c.Answer(req, challenged(401, challenge), telia); !errors.Is(err, ErrNoChallenge) {
			t.Errorf("%.60s: %v", challenge, err)
		}
	}
	if len(req.GetHeaders("Authorization")) != 0 {
		t.Error("something was answered")
	}
}
