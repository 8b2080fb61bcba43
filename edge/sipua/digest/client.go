package digest

import (
	"errors"
	"strings"
	"sync"

	"github.com/emiago/sipgo/sip"
	"github.com/icholy/digest"

	"github.com/offhook/offhook/edge/sipua/guard"
)

// Errors of a challenge that is not answered.
var (
	ErrRefused     = errors.New("credentials were refused")
	ErrNoChallenge = errors.New("no challenge that we can answer")
)

// Account is one of ours at somebody else's. No two have one Name.
type Account struct{ Name, Username, Password string }

// Client answers challenges (RFC 3261 22.2, 22.3) and counts the use of nonces. It is safe for many goroutines.
type Client struct {
	mu   sync.Mutex
	uses map[string]nonceUse // by account and realm; guarded by mu
}

// NewClient makes one that has answered nothing.
func NewClient() *Client { return &Client{uses: map[string]nonceUse{}} }

type nonceUse struct {
	nonce string
	count int
}

// Answer adds the answer to res's challenges to req, which has its new CSeq and branch already. Of several challenges
// of a realm the first that we know is answered (RFC 8760 2.4). The error tells why it can't be or was already.
func (c *Client) Answer(req *sip.Request, res *sip.Response, as Account) error {
	asked, answer := "WWW-Authenticate", "Authorization"
	if res.StatusCode == sip.StatusProxyAuthRequired {
		asked, answer = "Proxy-Authenticate", "Proxy-Authorization"
	}
	chosen := choose(res.GetHeaders(asked))
	if len(chosen) == 0 {
		return ErrNoChallenge
	}
	for _, chal := range chosen {
		if refusedBefore(req, answer, chal) {
			return ErrRefused
		}
		cred, err := digest.Digest(chal, digest.Options{
			Method: string(req.Method), URI: req.Recipient.String(), Username: as.Username, Password: as.Password,
			Count: c.count(as.Name, chal),
		})
		if err != nil {
			return err
		}
		dropCredentials(req, answer, chal.Realm)
		req.AppendHeader(sip.NewHeader(answer, cred.String()))
	}
	return nil
}

// choose takes the first challenge of each realm that we can answer.
func choose(headers []sip.Header) (chosen []*digest.Challenge) {
	realms := map[string]bool{}
	for _, h := range headers {
		if len(h.Value()) > 4096 || !guard.Clean(h.Value()) {
			continue
		}
		chal, err := digest.ParseChallenge(h.Value())
		if err != nil || realms[chal.Realm] || len(chosen) == 4 {
			continue
		}
		for i := range chal.QOP {
			chal.QOP[i] = strings.ToLower(strings.TrimSpace(chal.QOP[i]))
		}
		if len(chal.QOP) > 0 && !chal.SupportsQOP("auth") || !digest.CanDigest(chal) {
			continue
		}
		realms[chal.Realm] = true
		chosen = append(chosen, chal)
	}
	return chosen
}

// refusedBefore: the same realm again, and not because the nonce was old (RFC 3261 22.3).
func refusedBefore(req *sip.Request, header string, chal *digest.Challenge) bool {
	for _, h := range req.GetHeaders(header) {
		cred, err := digest.ParseCredentials(h.Value())
		if err == nil && cred.Realm == chal.Realm && !chal.Stale {
			return true
		}
	}
	return false
}

func dropCredentials(req *sip.Request, header, realm string) {
	var keep []sip.Header
	for _, h := range req.GetHeaders(header) {
		if cred, err := digest.ParseCredentials(h.Value()); err != nil || cred.Realm != realm {
			keep = append(keep, h)
		}
	}
	for req.RemoveHeader(header) {
	}
	for _, h := range keep {
		req.AppendHeader(h)
	}
}

// count is the nonce count to send: 1 for a new nonce, one more for one that was offered again.
func (c *Client) count(account string, chal *digest.Challenge) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := account + "\x00" + chal.Realm
	use := c.uses[key]
	if use.nonce != chal.Nonce {
		use = nonceUse{nonce: chal.Nonce}
	}
	use.count++
	if len(c.uses) > 1024 { // realms come from outside
		clear(c.uses)
	}
	c.uses[key] = use
	return use.count
}
