package phone

import (
	"fmt"
	"strings"

	"github.com/emiago/sipgo/sip"
	"github.com/icholy/digest"
)

// maxTries: with credentials, and once more with a fresh nonce when ours was stale.
const maxTries = 2

// retry sends a challenged request again with credentials (RFC 3261 section 22). It tells whether it did.
func (p *phone) retry(x *exchange, res *sip.Response) bool {
	challenge, answer := challengeOf(res)
	if challenge == nil || p.o.As == "" || x.tried >= maxTries || (x.tried > 0 && !challenge.Stale) {
		return false
	}
	cred, err := digest.Digest(challenge, digest.Options{
		Method: string(x.req.Method), URI: x.req.Recipient.String(), Count: 1, Username: p.o.As, Password: p.o.Password,
	})
	if err != nil {
		p.log.Debug("challenge cannot be answered", "error", err)
		return false
	}
	req := x.req.Clone()
	req.RemoveHeader("Via")
	req.RemoveHeader("Authorization")
	req.RemoveHeader("Proxy-Authorization")
	req.AppendHeader(sip.NewHeader(answer, cred.String()))
	req.ReplaceHeader(&sip.CSeqHeader{SeqNo: p.sequence(), MethodName: req.Method})
	x.next = &exchange{req: req, to: x.to, done: x.done, tried: x.tried + 1}
	p.send(x.next)
	return true
}

// challengeOf finds a challenge that can be answered, and the header that answers it.
func challengeOf(res *sip.Response) (c *digest.Challenge, answer string) {
	ask, answer := "WWW-Authenticate", "Authorization"
	switch res.StatusCode {
	case 401:
	case 407:
		ask, answer = "Proxy-Authenticate", "Proxy-Authorization"
	default:
		return nil, ""
	}
	for _, h := range res.GetHeaders(ask) {
		c, err := digest.ParseChallenge(h.Value())
		if err == nil && strings.TrimSpace(c.Nonce) != "" && digest.CanDigest(c) {
			return c, answer
		}
	}
	return nil, ""
}

// refusal is a final response in words: for credentials, what to look at.
func (p *phone) refusal(res *sip.Response) string {
	said := fmt.Sprintf("%d %s", res.StatusCode, res.Reason)
	switch {
	case res.StatusCode != 401 && res.StatusCode != 407:
		return "refused: " + said
	case p.o.As == "":
		return "refused: " + said + "; the server wants a user and its password: give --as and --password"
	}
	return "refused: " + said + "; the server does not take the credentials of " + p.o.As + ": check --as and --password"
}
