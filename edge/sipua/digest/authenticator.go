// Package digest is both sides of digest authentication: an [Authenticator] challenges, checks the answers and slows down who
// guesses; a [Client] answers the challenges of others. It sends nothing and knows no dialogs.
package digest

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

// maxUser bounds the user name of credentials, in bytes.
const maxUser = 128

// Outcome of looking at a request's credentials.
type Outcome int

// Outcomes. All but Locked and Authenticated are to be challenged.
const (
	Missing Outcome = iota // none for our realm
	Stale                  // right, but the nonce is not good any more
	Wrong                  // user, password or form
	Locked                 // too many failures lately: 403
	Authenticated
)

// Identity is who a request was authenticated as: a user or a trunk.
type Identity struct{ User, Trunk string }

// Passwords are looked up by tenant and user name; a trunk's user has its trunk's name with it.
type Passwords interface {
	Password(tenant, username string) (password, trunk string, ok bool)
}

// Authenticator checks digests (RFC 3261 22, RFC 7616, RFC 8760) for any realm. It is safe for many goroutines.
type Authenticator struct {
	nonces *nonces
	locks  *lockouts
	known  Passwords
	offers []string // algorithms, the better first
}

// NewAuthenticator makes one whose nonces every other with this secret accepts. SHA-256 is offered before MD5 when asked for.
func NewAuthenticator(secret []byte, sha256 bool, known Passwords) *Authenticator {
	a := &Authenticator{nonces: newNonces(secret), locks: newLockouts(), known: known, offers: []string{"MD5"}}
	if sha256 {
		a.offers = []string{"SHA-256", "MD5"}
	}
	return a
}

// Check looks at the credentials for realm. An unknown user costs and answers the same as a wrong password.
func (a *Authenticator) Check(req *sip.Request, tenant, realm string, src netip.Addr, now time.Time) (Identity, Outcome) {
	cred := credentialsFor(req, realm)
	if cred == nil {
		return Identity{}, Missing
	}
	source := lockKey(src, tenant, cred.Username)
	if a.locks.locked(source, now) {
		return Identity{}, Locked
	}
	password, trunk, known := a.known.Password(tenant, cred.Username)
	if !verify(cred, req, password) || !known {
		a.locks.failed(source, now)
		return Identity{}, Wrong
	}
	a.locks.forgive(source)
	if !a.nonces.use(cred.Nonce, realm, cred.Nc, cred.QOP != "", now) {
		return Identity{}, Stale
	}
	if trunk != "" {
		return Identity{Trunk: trunk}, Authenticated
	}
	return Identity{User: cred.Username}, Authenticated
}

// credentialsFor gives the digest credentials for our realm, nil if there are none that can be read.
func credentialsFor(req *sip.Request, realm string) *digest.Credentials {
	for _, name := range []string{"authorization", "proxy-authorization"} {
		for _, h := range req.GetHeaders(name) {
			if len(h.Value()) > 2048 || !digest.IsDigest(h.Value()) {
				continue
			}
			cred, err := digest.ParseCredentials(h.Value())
			if err == nil && cred.Realm == realm && !cred.Userhash && len(cred.Username) <= maxUser {
				return cred
			}
		}
	}
	return nil
}

// verify computes what the response should be. It takes as long for an unknown user.
func verify(cred *digest.Credentials, req *sip.Request, password string) bool {
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

// Challenge makes res ask for credentials: 401 for a registrar, 407 before a call.
func (a *Authenticator) Challenge(res *sip.Response, realm string, stale bool, now time.Time) {
	name := "WWW-Authenticate"
	if res.StatusCode == sip.StatusProxyAuthRequired {
		name = "Proxy-Authenticate"
	}
	nonce := a.nonces.issue(realm, now)
	for _, algorithm := range a.offers {
		chal := digest.Challenge{Realm: realm, Nonce: nonce, Stale: stale, Algorithm: algorithm, QOP: []string{"auth"}}
		res.AppendHeader(sip.NewHeader(name, chal.String()))
	}
}
