package sipua

import (
	"crypto/subtle"
	"net/netip"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/icholy/digest"
)

// nonceLife is how long a nonce may be used; then it is stale and a new one is given (RFC 7616 3.3).
const nonceLife = 5 * time.Minute

// outcome of looking at a request's credentials.
type outcome int

const (
	noCredentials  outcome = iota // none for our realm: challenge
	staleNonce                    // right or wrong, the nonce is not good any more: challenge with stale=true
	badCredentials                // wrong user, password or form: challenge
	lockedOut                     // too many failures lately: 403
	authenticated
)

// identity is who a request was authenticated as.
type identity struct{ user, trunk string }

// authenticator checks digests (RFC 3261 22, RFC 7616, RFC 8760) for any realm. It is safe for many goroutines.
type authenticator struct {
	nonces *nonces
	locks  *lockouts
	dir    Directory
	offers []string // algorithms, the better first
}

func newAuthenticator(cfg Config, dir Directory) *authenticator {
	a := &authenticator{nonces: newNonces(cfg.Secret), locks: newLockouts(), dir: dir, offers: []string{"MD5"}}
	if cfg.SHA256 {
		a.offers = []string{"SHA-256", "MD5"}
	}
	return a
}

// check looks at the credentials for realm. An unknown user costs and answers the same as a wrong password.
func (a *authenticator) check(req *sip.Request, tenant, realm string, src netip.Addr, now time.Time) (identity, outcome) {
	cred := credentialsFor(req, realm)
	if cred == nil {
		return identity{}, noCredentials
	}
	source := lockKey(src, tenant, cred.Username)
	if a.locks.locked(source, now) {
		return identity{}, lockedOut
	}
	password, trunk, known := a.dir.Password(tenant, cred.Username)
	if !a.verify(cred, req, password) || !known {
		a.locks.failed(source, now)
		return identity{}, badCredentials
	}
	a.locks.forgive(source)
	if !a.nonces.use(cred.Nonce, realm, cred.Nc, cred.QOP != "", now) {
		return identity{}, staleNonce
	}
	if trunk != "" {
		return identity{trunk: trunk}, authenticated
	}
	return identity{user: cred.Username}, authenticated
}

// credentialsFor gives the digest credentials for our realm, nil if there are none that can be read.
func credentialsFor(req *sip.Request, realm string) *digest.Credentials {
	for _, name := range []string{"authorization", "proxy-authorization"} {
		for _, h := range req.GetHeaders(name) {
			if len(h.Value()) > 2048 || !digest.IsDigest(h.Value()) {
				continue
			}
			cred, err := digest.ParseCredentials(h.Value())
			if err == nil && cred.Realm == realm && !cred.Userhash && len(cred.Username) <= maxName {
				return cred
			}
		}
	}
	return nil
}

// verify computes what the response should be. It takes as long for an unknown user.
func (a *authenticator) verify(cred *digest.Credentials, req *sip.Request, password string) bool {
	algorithm := strings.ToUpper(cred.Algorithm)
	if algorithm != "" && algorithm != "MD5" && algorithm != "SHA-256" {
		return false
	}
	chal := &digest.Challenge{Realm: cred.Realm, Nonce: cred.Nonce, Algorithm: algorithm}
	if cred.QOP != "" {
		if cred.QOP != "auth" || cred.Nc <= 0 || cred.Cnonce == "" {
			return false
		}
		chal.QOP = []string{"auth"}
	}
	want, err := digest.Digest(chal, digest.Options{
		Method: string(req.Method), URI: cred.URI, Username: cred.Username, Password: password,
		Count: cred.Nc, Cnonce: cred.Cnonce,
	})
	if err != nil || !sameResource(cred.URI, &req.Recipient) {
		return false
	}
	got := strings.ToLower(cred.Response)
	return subtle.ConstantTimeCompare([]byte(got), []byte(want.Response)) == 1
}

// sameResource compares the digest's URI with the Request-URI. Proxies and test tools change host and parameters, so only
// another user part is refused; replaying is stopped by the nonce count.
func sameResource(digestURI string, target *sip.Uri) bool {
	var uri sip.Uri
	if err := sip.ParseUri(digestURI, &uri); err != nil {
		return false
	}
	return uri.User == "" || uri.User == target.User
}

// challenge is a response that asks for credentials: 401 for a registrar, 407 before a call.
func (a *authenticator) challenge(req *sip.Request, status int, realm string, stale bool, now time.Time) *sip.Response {
	res := sip.NewResponseFromRequest(req, status, phrase(status), nil)
	name := "WWW-Authenticate"
	if status == sip.StatusProxyAuthRequired {
		name = "Proxy-Authenticate"
	}
	nonce := a.nonces.issue(realm, now)
	for _, algorithm := range a.offers {
		chal := digest.Challenge{Realm: realm, Nonce: nonce, Stale: stale, Algorithm: algorithm, QOP: []string{"auth"}}
		res.AppendHeader(sip.NewHeader(name, chal.String()))
	}
	return res
}
