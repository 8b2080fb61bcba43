package sipua

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/offhook/offhook/edge/sipua/digest"
	"github.com/offhook/offhook/edge/sipua/guard"
)

// admit decides on an INVITE outside a dialog: an Invite, or the response that challenges or refuses it.
// Credentials for our realm are looked at first, wherever they come from. Without them a trunk's address is enough; its
// calls are the trunk's even when From names one of our users, unless they come from where that user's phone is
// registered. Everybody else is challenged.
func (u *UA) admit(req *sip.Request, src netip.AddrPort, transport string) (Invite, *sip.Response) {
	if in, res, ok := u.fromNode(req, src); ok {
		return in, res
	}
	now := time.Now()
	tenant, realm, known := u.tenantOf(req)
	who, result := digest.Identity{}, digest.Missing
	if known {
		who, result = u.bindings.auth.Check(req, tenant, realm, src.Addr(), now)
		u.bindings.counts.authentication(result)
	}
	byAddress := false
	if result == digest.Missing && !fromPage(transport) {
		var owner string
		if owner, who.Trunk, byAddress = u.dir.TrunkByAddress(src.Addr().Unmap(), req.Recipient.Host); byAddress {
			tenant, known = owner, true
		}
	}
	switch {
	case !known:
		return Invite{}, u.turnAway(refuse(req, 404, ""))
	case result == digest.Locked:
		return Invite{}, u.turnAway(refuse(req, 403, ""))
	case result != digest.Authenticated && !byAddress:
		return Invite{}, u.challenge(req, 407, realm, result, now)
	}
	if byAddress {
		who = u.registeredAt(req, tenant, who, viaOf(transport, src))
	}
	return u.invite(req, tenant, who, src)
}

// fromPage: what runs in a browser is none of the machines that a trunk is, though it may have the address of one.
func fromPage(transport string) bool { return transport == overWS || transport == overWSS }

// fromNode admits what another edge of the cluster sends.
func (u *UA) fromNode(req *sip.Request, src netip.AddrPort) (in Invite, res *sip.Response, ok bool) {
	h := req.GetHeader(TokenHeader)
	cluster, can := u.dir.(Cluster)
	if h == nil || !can {
		return in, nil, false
	}
	to, _ := calledNumber(req)
	tenant, trunk, ok := cluster.FromNode(src.Addr().Unmap(), req.CallID().Value(), to, h.Value())
	if !ok {
		return in, nil, false
	}
	in, res = u.invite(req, tenant, digest.Identity{Trunk: trunk}, src)
	in.Token, in.ReferredBy = h.Value(), referrer(req)
	return in, res, true
}

func (u *UA) turnAway(res *sip.Response) *sip.Response {
	u.bindings.counts.refused.Add(1)
	return res
}

// registeredAt takes a call from a trusted address for a user's when it comes from the very place where that user's phone
// has registered with its password.
func (u *UA) registeredAt(req *sip.Request, tenant string, who digest.Identity, via string) digest.Identity {
	from := unescape(req.From().Address.User)
	if from == "" || !u.dir.IsUser(tenant, from) {
		return who
	}
	if u.atHome(aor{tenant, from}, via) {
		return digest.Identity{User: from}
	}
	return who
}

// atHome: this very address is registered for the user.
func (u *UA) atHome(who aor, via string) bool {
	return slices.ContainsFunc(u.Bindings(who.tenant, who.user), func(b Binding) bool { return b.Via == via })
}

// invite reads an admitted INVITE; what is no good in it refuses the call.
func (u *UA) invite(req *sip.Request, tenant string, who digest.Identity, src netip.AddrPort) (Invite, *sip.Response) {
	to, ok := calledNumber(req)
	if !ok {
		return Invite{}, u.turnAway(refuse(req, 484, ""))
	}
	from, name := u.caller(req, tenant, who)
	if from == "" {
		return Invite{}, u.turnAway(refuse(req, 403, "From Is Another User"))
	}
	u.bindings.counts.admitted.Add(1)
	return Invite{
		CallID: string(*req.CallID()), Tenant: tenant, Trunk: who.Trunk, User: who.User,
		From: from, FromName: name, To: to, ToHost: req.Recipient.Host, ReferredBy: believedReferrer(req, who),
		Headers: extraHeaders(req), SDP: sdpOf(req), Source: src, UserAgent: field(req, "User-Agent", maxName),
		Hops: hopsOf(req),
	}, nil
}

// caller gives who calls: the authenticated user; or what a trunk asserts (RFC 3325) or says in From; "anonymous" when it
// is to be withheld; "" when a user claims to be another.
func (u *UA) caller(req *sip.Request, tenant string, who digest.Identity) (number, name string) {
	from := req.From()
	number, name = numberOf(&from.Address), displayName(from.DisplayName)
	if who.User != "" {
		if number != who.User && u.dir.IsUser(tenant, number) {
			return "", ""
		}
		number = who.User
	} else if asserted, ok := assertedIdentity(req); ok {
		number = numberOf(&asserted.Address)
		if said := displayName(asserted.DisplayName); said != "" {
			name = said
		}
	}
	if withheld(req) || number == "" {
		return "anonymous", ""
	}
	return number, name
}

// withheld: RFC 3323 4.2 and 4.1.1.3.
func withheld(req *sip.Request) bool {
	for _, h := range req.GetHeaders("Privacy") {
		for level := range strings.FieldsFuncSeq(strings.ToLower(h.Value()), func(r rune) bool { return r == ';' || r == ',' || r == ' ' }) {
			if level == "id" || level == "user" || level == "header" {
				return true
			}
		}
	}
	a := req.From().Address
	return strings.EqualFold(a.User, "anonymous") || strings.EqualFold(a.Host, "anonymous.invalid")
}

// assertedIdentity is the first SIP or tel URI of P-Asserted-Identity.
func assertedIdentity(req *sip.Request) (sip.FromHeader, bool) {
	for _, h := range req.GetHeaders("P-Asserted-Identity") {
		if len(h.Value()) > 1024 || !guard.Clean(h.Value()) {
			continue
		}
		for value := []byte(h.Value()); len(value) > 0; {
			var one []byte
			one, value = guard.CutRoute(value)
			var asserted sip.FromHeader
			name, err := sip.ParseAddressValue(string(one), &asserted.Address, &asserted.Params)
			if asserted.DisplayName = name; err == nil && numberOf(&asserted.Address) != "" {
				return asserted, true
			}
			if value == nil {
				break
			}
		}
	}
	return sip.FromHeader{}, false
}

// calledNumber is the user part of the Request-URI, or of To when there is none.
func calledNumber(req *sip.Request) (string, bool) {
	if to := numberOf(&req.Recipient); to != "" {
		return to, true
	}
	if req.Recipient.User != "" { // it was there, and is no good
		return "", false
	}
	to := numberOf(&req.To().Address)
	return to, to != ""
}

// believedReferrer is what a user's phone says. What comes by a trunk anybody outside may have written, and it opens numbers
// that take transferred calls alone.
func believedReferrer(req *sip.Request, who digest.Identity) string {
	if who.User == "" {
		return ""
	}
	return referrer(req)
}

func referrer(req *sip.Request) string {
	h := req.ReferredBy()
	if h == nil {
		return ""
	}
	uri := h.Address.String()
	if len(uri) > 256 || !guard.Clean(uri) {
		return ""
	}
	return uri
}
