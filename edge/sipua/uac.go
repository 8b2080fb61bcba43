package sipua

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
)

// uacInvite is an outbound INVITE without a final response.
type uacInvite struct {
	ask    InviteRequest
	req    *sip.Request // as sent last
	tx     *clientTx
	ways   []path // where else it could be sent
	heard  bool   // a provisional response came
	branch string // To tag of the last provisional response that had one
	tries  int    // of credentials
	raised bool   // a 422 was met
	cancel *EndCause
	reason string // its Reason
	limit  timer  // Timer C, then how long we wait after a CANCEL
}

// Invite calls. The error is about the request only; trouble on the wire comes as Ended.
func (u *UA) Invite(r InviteRequest) (*Dialog, error) {
	r.Route = bare(r.Route)
	if err := r.check(); err != nil {
		return nil, fmt.Errorf("sipua: invite: %w", err)
	}
	if u.closed.Load() {
		return nil, ErrClosed
	}
	w := u.worker(r.CallID)
	d := &Dialog{Context: r.Context, w: w, callID: r.CallID, tenant: r.Tenant, user: r.User, localTag: u.ids.tag(r.CallID, "uac")}
	d.peer.gateway, d.peer.target, d.offer.sdp = r.Gateway, r.URI, r.SDP
	d.out = &uacInvite{ask: r}
	if !w.post(d.begin) {
		return nil, ErrClosed
	}
	return d, nil
}

// bare takes a route's URI out of its brackets: a Path is kept as it came (RFC 3327), with parameters behind it perhaps.
func bare(routes []string) []string {
	out := make([]string, len(routes))
	for i, r := range routes {
		out[i] = r
		if _, inner, ok := strings.Cut(r, "<"); ok {
			out[i], _, _ = strings.Cut(inner, ">")
		}
	}
	return out
}

func (r *InviteRequest) check() error {
	var uri sip.Uri
	if err := sip.ParseUri(r.URI, &uri); err != nil {
		return fmt.Errorf("uri %.60q: %w", r.URI, err)
	}
	if uri.Scheme != "sip" || uri.Host == "" {
		return fmt.Errorf("uri %.60q is not a sip: URI", r.URI)
	}
	if r.CallID == "" || strings.ContainsAny(r.CallID, " \t") {
		return errors.New("no Call-ID")
	}
	for _, route := range r.Route {
		var hop sip.Uri
		if err := sip.ParseUri(route, &hop); err != nil {
			return fmt.Errorf("route %.60q: %w", route, err)
		}
	}
	return errors.Join(
		checkText(append([]string{r.CallID, r.URI, r.FromName}, r.Route...)...), checkHeaders(r.Headers),
		userPart(r.FromUser), userPart(r.ToUser), hostPart(r.FromHost),
	)
}

// begin finds the way and sends the INVITE.
func (d *Dialog) begin() {
	d.w.busy = d
	known := d.w.find(d.callID, d.localTag) != nil
	d.w.add(d)
	if known {
		d.finish(EndCause{Why: EndTransport, Phrase: "Call-ID in use"})
		return
	}
	hop := d.out.ask.URI
	if len(d.out.ask.Route) > 0 {
		hop = d.out.ask.Route[0]
	}
	d.w.waysTo(d.out.ask, hop, func(ways []path, err error) {
		if d.state == over || d.out == nil {
			return
		}
		d.w.busy = d
		if err != nil || len(ways) == 0 {
			d.unreachable(err)
			return
		}
		d.out.ways = ways
		d.tryNext()
	})
}

func (d *Dialog) unreachable(err error) {
	d.w.log.Debug("no way to the callee", "call_id", d.callID, "error", err)
	d.finish(EndCause{Why: EndTransport, Code: 503, Phrase: phrase(503)})
}

// tryNext sends the INVITE the next way there is.
func (d *Dialog) tryNext() {
	way := d.out.ways[0]
	d.out.ways = d.out.ways[1:]
	req, err := d.invitation(way)
	if err == nil {
		err = d.sendInvite(req, way)
	}
	if err != nil {
		d.unreachable(err)
	}
}

func (d *Dialog) sendInvite(req *sip.Request, way path) error {
	tx, err := d.w.send(req, way, inviteSink{d})
	if err != nil {
		return err
	}
	d.out.req, d.out.tx, d.out.heard = req, tx, false
	d.peer.path = way
	if patience := d.out.ask.Patience; patience > 0 {
		d.w.after(&d.out.limit, d, patience)
	}
	return nil
}

// invitation builds the INVITE: RFC 3261 8.1.1 and 12.1.2.
func (d *Dialog) invitation(way path) (*sip.Request, error) {
	r := d.out.ask
	req, err := d.w.compose(sip.INVITE, r.URI, r.Route, way)
	if err != nil {
		return nil, err
	}
	from, to := &sip.FromHeader{}, &sip.ToHeader{}
	if from.DisplayName, err = sip.ParseAddressValue(r.caller(d.hostName(way)), &from.Address, &from.Params); err != nil {
		return nil, err
	}
	if err = sip.ParseUri(r.URI, &to.Address); err != nil {
		return nil, err
	}
	to.Address.User, to.Address.UriParams, to.Address.Headers = cmp.Or(r.ToUser, to.Address.User), nil, nil
	from.Params.Add("tag", d.localTag)
	d.peer.local, d.peer.remote = from.Value(), to.Value()
	d.peer.cseq++
	d.w.identify(req, from, to, d.callID, d.peer.cseq)
	req.AppendHeader(sip.NewHeader("Contact", d.contact(way)))
	req.AppendHeader(sip.NewHeader("Allow", allow))
	if d.session.interval == 0 {
		d.session.interval = d.w.u.cfg.SessionExpires
	}
	d.sessionHeaders(req)
	for _, h := range append(r.privacy(), r.Headers...) {
		req.AppendHeader(sip.NewHeader(h.Name, h.Value))
	}
	if r.Hops > 0 {
		hops := sip.MaxForwardsHeader(min(r.Hops, 255))
		req.ReplaceHeader(&hops)
	}
	setBody(req, typeSDP, r.SDP)
	return req, nil
}

// sessionHeaders ask for a session timer and leave it open who refreshes.
func (d *Dialog) sessionHeaders(req *sip.Request) {
	req.AppendHeader(sip.NewHeader("Supported", supported))
	req.AppendHeader(sip.NewHeader("Session-Expires", strconv.Itoa(int(d.session.interval/time.Second))))
	least := d.w.u.cfg.MinSE
	if d.out.raised {
		least = d.session.interval
	}
	req.AppendHeader(sip.NewHeader("Min-SE", strconv.Itoa(int(least/time.Second))))
}

func (d *Dialog) hostName(way path) string {
	host, _ := way.link.local()
	if strings.Contains(host, ":") {
		return "[" + strings.Trim(host, "[]") + "]"
	}
	return host
}

func named(name, user, host string) string {
	uri := "<sip:" + host + ">"
	if user != "" {
		uri = "<sip:" + user + "@" + host + ">"
	}
	if name == "" {
		return uri
	}
	return quote(name) + " " + uri
}

// cancel ends an unanswered outbound call: by CANCEL once a provisional response came. Until one comes none may be sent
// (RFC 3261 9.1): then the call is over here, and what still comes is seen to behind it.
func (d *Dialog) cancel(cause EndCause, reason string) {
	o := d.out
	if o.cancel != nil {
		return
	}
	o.cancel, o.reason = &cause, reason
	if o.heard {
		d.w.sendCancel(o.tx, o.req, reason)
		d.w.after(&o.limit, d, timerB) // RFC 3261 9.1: it may have no answer
		return
	}
	if o.tx != nil {
		o.tx.sink = &forsaken{req: o.req, reason: reason, proof: d.peer.proof}
	}
	d.finish(cause)
}

func (w *worker) sendCancel(tx *clientTx, invite *sip.Request, reason string) {
	req := sameHop(invite, sip.CANCEL)
	for _, h := range reasonHeader(reason) {
		req.AppendHeader(sip.NewHeader(h.Name, h.Value))
	}
	if _, err := w.send(req, tx.path, nil); err != nil {
		w.log.Warn("cancel not sent", "call_id", invite.CallID().Value(), "error", err)
	}
}

// inviteDue: Timer C, our patience, or nothing came after a CANCEL.
func (d *Dialog) inviteDue() {
	if d.out.cancel == nil && !d.out.heard { // nobody is there: the next way, if there is one
		d.out.tx.drop()
		inviteSink{d}.failed(d.out.tx, errTimeout)
		return
	}
	if d.out.cancel == nil {
		d.cancel(EndCause{Why: EndTimeout, Code: 408, Phrase: phrase(408)}, "")
		return
	}
	d.out.tx.drop()
	d.finish(*d.out.cancel)
}

// waysTo gives the ways to a hop: a flow, a given address, or what the name resolves to. It may call then later.
func (w *worker) waysTo(r InviteRequest, next string, then func([]path, error)) {
	if r.Flow != "" {
		f, ok := w.u.net.flow(r.Flow)
		if !ok || r.Via != "" && r.Via != viaOf(f.to.network, f.to.addr) { // since a restart somebody else's may be called so
			then(nil, fmt.Errorf("stream %s is gone: %w", r.Flow, errTransport))
			return
		}
		then([]path{{f, f.to.addr}}, nil)
		return
	}
	to, err := destination(r.Via, next)
	if err != nil {
		then(nil, err)
		return
	}
	if to.network == "tls" && r.Gateway != "" {
		if g, ok := w.u.gateway(r.Gateway); ok {
			to.trust = g.trust()
		}
	}
	w.u.resolve(w, to, then)
}

// hop is where a request goes next.
type hop struct {
	network string // udp, tcp, tls
	host    string
	port    int
	trust   trust
}

// destination reads "udp:host:port", or failing that the URI of a hop.
func destination(via, next string) (to hop, err error) {
	if via != "" {
		var service string
		to.network, via, _ = strings.Cut(via, ":")
		if to.host, service, err = net.SplitHostPort(via); err != nil {
			return to, err
		}
		to.port, err = strconv.Atoi(service)
	} else {
		var uri sip.Uri
		if err = sip.ParseUri(next, &uri); err != nil {
			return to, err
		}
		to.network = strings.ToLower(cmp.Or(param(uri.UriParams, "transport"), "udp"))
		to.host, to.port = strings.Trim(cmp.Or(param(uri.UriParams, "maddr"), uri.Host), "[]"), cmp.Or(uri.Port, defaultPortOf(to.network))
	}
	if err == nil && (to.port < 1 || to.port > 65535 || to.network != "udp" && to.network != "tcp" && to.network != "tls") {
		err = fmt.Errorf("no way to %s %s port %d: %w", to.network, to.host, to.port, errTransport)
	}
	to.trust.name = to.host
	return to, err
}
