package sipua

import (
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/offhook/offhook/edge/sipua/digest"
	"github.com/offhook/offhook/edge/sipua/guard"
)

// registration is a REGISTER whose sender is known.
type registration struct {
	req       *sip.Request
	aor       aor
	path      []string
	via, flow string
	now       time.Time
}

// handleRegister answers a REGISTER (RFC 3261 10.3). flow is the connection's token, empty over UDP.
func (u *UA) handleRegister(req *sip.Request, src netip.AddrPort, transport, flow string) *sip.Response {
	b, now := u.bindings, time.Now()
	tenant, realm, ok := u.tenantOf(req)
	if !ok {
		return refuse(req, 404, "Not Our Domain")
	}
	user := unescape(req.To().Address.User)
	if s := req.To().Address.Scheme; s != "sip" && s != "sips" || user == "" {
		return refuse(req, 400, "Bad To")
	}
	who, outcome := b.auth.Check(req, tenant, realm, src.Addr(), now)
	b.counts.authentication(outcome)
	switch {
	case outcome == digest.Locked:
		return refuse(req, 403, "")
	case outcome != digest.Authenticated:
		return u.challenge(req, 401, realm, outcome, now)
	case who.User != user || !u.dir.IsUser(tenant, user): // RFC 3261 10.3 step 4
		return refuse(req, 403, "")
	}
	return b.register(registration{
		req: req, aor: aor{tenant, user}, path: readPath(req), via: viaOf(transport, src), flow: flow, now: now,
	})
}

// tenantOf finds whose domain a request is for.
func (u *UA) tenantOf(req *sip.Request) (tenant, realm string, ok bool) {
	if tenant, realm, ok = u.dir.Tenant(req.Recipient.Host); ok {
		return tenant, realm, true
	}
	return u.dir.Tenant(req.To().Address.Host)
}

func viaOf(transport string, src netip.AddrPort) string {
	return strings.ToLower(transport) + ":" + netip.AddrPortFrom(src.Addr().Unmap(), src.Port()).String()
}

// refuse is a final response without more to say.
func refuse(req *sip.Request, status int, reason string) *sip.Response {
	if reason == "" {
		reason = phrase(status)
	}
	return sip.NewResponseFromRequest(req, status, reason, nil)
}

// challenge asks for credentials, again where those that came were no good.
func (u *UA) challenge(req *sip.Request, status int, realm string, found digest.Outcome, now time.Time) *sip.Response {
	res := refuse(req, status, "")
	u.bindings.auth.Challenge(res, realm, found == digest.Stale, now)
	return res
}

// change of one binding, decided before any is made: all of a REGISTER's or none (RFC 3261 10.3 step 7).
type change struct {
	binding Binding
	what    BindingChange
}

func (b *bindings) register(r registration) *sip.Response {
	contacts, all, err := b.contacts(r.req)
	if err != nil {
		return refuse(r.req, 400, err.Error())
	}
	if len(contacts) > maxDevices {
		return refuse(r.req, 413, "")
	}
	b.order.Lock()
	defer b.order.Unlock()
	if b.closed(b.binding(r, contact{})) {
		return refuse(r.req, 480, "")
	}
	changes, status := b.plan(r, contacts, all)
	if status != 0 {
		return b.refused(r.req, status)
	}
	for _, c := range changes {
		b.apply(c)
	}
	b.counts.registers.Add(1)
	return b.registered(r)
}

func (b *bindings) refused(req *sip.Request, status int) *sip.Response {
	res := refuse(req, status, "")
	if status == 423 { // RFC 3261 20.23
		res.AppendHeader(sip.NewHeader("Min-Expires", strconv.Itoa(int(b.u.cfg.MinExpires/time.Second))))
	}
	return res
}

// plan decides what a REGISTER changes; status: why it can't.
func (b *bindings) plan(r registration, contacts []contact, all bool) (changes []change, status int) {
	have := b.list(r.aor, r.now)
	if all {
		for _, old := range have {
			if outdated(r.req, old) {
				return nil, 500
			}
			changes = append(changes, change{old, BindingRemoved})
		}
		return changes, 0
	}
	added := 0
	for _, c := range contacts {
		if c.expires > 0 && c.expires < b.u.cfg.MinExpires {
			return nil, 423
		}
		one := b.binding(r, c)
		old, known := b.get(one)
		known = known && old.Expires.After(r.now)
		switch {
		case known && outdated(r.req, old):
			return nil, 500
		case known && c.expires == 0:
			changes = append(changes, change{old, BindingRemoved})
		case known:
			changes = append(changes, change{one, BindingRefreshed})
		case c.expires > 0:
			changes = append(changes, change{one, BindingAdded})
			added++
		}
	}
	return append(evict(have, changes, added), changes...), 0
}

// evict makes room: a phone that restarted on another port leaves old bindings behind.
func evict(have []Binding, changes []change, added int) (evicted []change) {
	touched := map[string]bool{}
	for _, c := range changes {
		touched[bindingKey(c.binding)] = true
	}
	for room := maxDevices - len(have); added > room; room++ {
		oldest := -1
		for i, one := range have {
			if !touched[bindingKey(one)] && (oldest < 0 || one.Expires.Before(have[oldest].Expires)) {
				oldest = i
			}
		}
		if oldest < 0 {
			break
		}
		touched[bindingKey(have[oldest])] = true
		evicted = append(evicted, change{have[oldest], BindingRemoved})
	}
	return evicted
}

// outdated: an older request of the same client must not undo a newer one.
func outdated(req *sip.Request, old Binding) bool {
	return string(*req.CallID()) == old.CallID && req.CSeq().SeqNo <= old.CSeq
}

func (b *bindings) binding(r registration, c contact) Binding {
	one := Binding{
		Tenant: r.aor.tenant, User: r.aor.user, Contact: c.uri, Via: r.via, Flow: r.flow, Path: r.path,
		CallID: string(*r.req.CallID()), CSeq: r.req.CSeq().SeqNo, Node: b.u.cfg.Node, Q: c.q, Instance: c.instance,
		Expires: r.now.Add(min(c.expires, b.u.cfg.MaxExpires)),
	}
	one.UserAgent = field(r.req, "User-Agent", maxName)
	return one
}

func (b *bindings) apply(c change) {
	if c.what == BindingRemoved {
		b.remove(c.binding)
	} else {
		b.put(c.binding)
	}
	b.u.handler.OnBinding(c.binding, c.what)
}

// registered is the 200 with all bindings (RFC 3261 10.3 step 8).
func (b *bindings) registered(r registration) *sip.Response {
	res := refuse(r.req, 200, "")
	for _, one := range b.list(r.aor, r.now) {
		left := (one.Expires.Sub(r.now) + time.Second - 1) / time.Second
		value := "<" + one.Contact + ">;expires=" + strconv.Itoa(int(left))
		if one.Q != 1000 {
			value += ";q=" + strconv.FormatFloat(float64(one.Q)/1000, 'g', 3, 64)
		}
		res.AppendHeader(sip.NewHeader("Contact", value))
	}
	for _, p := range r.path { // RFC 3327 5.3
		res.AppendHeader(sip.NewHeader("Path", p))
	}
	if listed(r.req, "outbound", "supported", "k") && len(r.path) == 0 { // RFC 5626 6
		res.AppendHeader(sip.NewHeader("Supported", "outbound, path"))
	}
	res.AppendHeader(sip.NewHeader("Date", r.now.UTC().Format(http.TimeFormat)))
	return res
}

// readPath gives the Path values (RFC 3327) that are clean.
func readPath(req *sip.Request) (path []string) {
	for _, h := range req.GetHeaders("Path") {
		value := []byte(h.Value())
		for len(value) > 0 && len(path) < 8 {
			var one []byte
			one, value = guard.CutRoute(value)
			if s := string(one); guard.Clean(s) && len(s) <= 512 && strings.HasPrefix(s, "<sip") && strings.HasSuffix(s, ">") {
				path = append(path, s)
			}
			if value == nil {
				break
			}
		}
	}
	return path
}
