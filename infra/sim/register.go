package sim

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"strings"
)

// registration is a phone's binding at the registrar.
type registration struct {
	cseq  int
	tries int
	done  bool
}

const domain = "demo.sim"

// register adds or refreshes the phone's contact; 0 seconds takes it away. One follows the other (RFC 3261 10.2.4).
func (x *extension) register(seconds int) {
	if x.reg.cseq > 0 && !x.reg.done {
		x.w.after(t1, func() { x.register(seconds) })
		return
	}
	x.sendRegister(seconds, "")
}

func (x *extension) sendRegister(seconds int, authorization string) {
	r := &x.reg
	r.cseq++
	r.done = false
	x.d.branch++
	branch := fmt.Sprintf("z9hG4bKreg%s%d-%d", x.user, x.nth, x.d.branch)
	var b strings.Builder
	fmt.Fprintf(&b, "REGISTER sip:%s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=%s;rport\r\nMax-Forwards: 70\r\n", domain, x.d.at, branch)
	fmt.Fprintf(&b, "From: <sip:%s@%s>;tag=r%d\r\nTo: <sip:%s@%s>\r\n", x.user, domain, x.nth, x.user, domain)
	fmt.Fprintf(&b, "Call-ID: reg-%s-%d\r\nCSeq: %d REGISTER\r\nContact: <sip:%s@%s>\r\nExpires: %d\r\n", x.user, x.nth, r.cseq, x.user, x.d.at, seconds)
	finish(&b, authorization, "")
	x.d.ask("REGISTER", branch, b.String(), func(m *message) { x.registered(seconds, m) })
}

func (x *extension) registered(seconds int, m *message) {
	r := &x.reg
	switch {
	case m == nil:
		x.w.problem("", "REGISTER of %s was never answered", x.user)
	case m.code == 401 && r.tries < 3:
		r.tries++
		x.sendRegister(seconds, digestOf(m.get("www-authenticate"), x.user, password(x.user)))
	case m.code == 200:
		r.done, r.tries = true, 0
	case m.code >= 300:
		x.w.problem("", "REGISTER of %s was refused with %d", x.user, m.code)
	}
}

func password(user string) string { return "secret-" + user }

// digestOf answers a challenge: RFC 2617 3.2.2 with qop=auth.
func digestOf(challenge, user, secret string) string {
	field := func(name string) string {
		_, rest, _ := strings.Cut(challenge, name+"=\"")
		value, _, _ := strings.Cut(rest, "\"")
		return value
	}
	realm, nonce, uri := field("realm"), field("nonce"), "sip:"+domain
	ha1, ha2 := sum(user+":"+realm+":"+secret), sum("REGISTER:"+uri)
	const nc, cnonce = "00000001", "0a4f113b"
	response := sum(strings.Join([]string{ha1, nonce, nc, cnonce, "auth", ha2}, ":"))
	return fmt.Sprintf("Authorization: Digest username=%q, realm=%q, nonce=%q, uri=%q, response=%q, algorithm=MD5, cnonce=%q, qop=auth, nc=%s\r\n",
		user, realm, nonce, uri, response, cnonce, nc)
}

func sum(s string) string {
	h := md5.Sum([]byte(s))
	return hex.EncodeToString(h[:])
}
