package sipua

import (
	"cmp"
	"errors"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
)

// learn takes the remote target and, when the dialog is made, the route set from a message of the other side.
func (p *peer) learn(m sip.Message, contact *sip.ContactHeader) {
	if contact != nil && !contact.Address.Wildcard {
		contact.Address.Headers = nil // no Request-URI has them (RFC 3261 19.1.1)
		if target := textOf(&contact.Address); checkText(target) == nil {
			p.target = target
		}
	}
	if listed(m, "UPDATE", "allow") {
		p.update = true
	}
}

// routesOf gives the Record-Route of a message as URIs, in its order.
func routesOf(m sip.Message) []string {
	var all []string
	for _, h := range m.GetHeaders("record-route") {
		if rr, ok := h.(*sip.RecordRouteHeader); ok {
			all = append(all, rr.Address.String())
		}
	}
	return all
}

// follow decides where requests go: to the first route or the target, seen from where the last message came.
func (d *Dialog) follow(from path) {
	hop := d.peer.target
	if len(d.peer.routes) > 0 {
		hop = d.peer.routes[0]
	}
	d.peer.path = d.w.u.net.toward(hop, from)
}

// toward gives the path to a URI's host. A name stays with the neighbour it came through, who knows it; so does
// a private address that is not the neighbour's own, which is what NAT leaves of a Contact.
func (t *transports) toward(uri string, from path) path {
	var hop sip.Uri
	if sip.ParseUri(uri, &hop) != nil {
		return from
	}
	to, ok := literal(hop)
	if !ok || natted(to.Addr(), from.to.Addr()) {
		return from
	}
	network := param(hop.UriParams, "transport")
	if from.reliable() && from.link.alive() && (network == "" || from.link.network() != overTCP || strings.EqualFold(network, overTCP)) {
		return from // RFC 5923: the stream is there already, and what is encrypted stays so
	}
	streamed := strings.EqualFold(network, overTCP) || strings.EqualFold(network, overTLS)
	if !from.reliable() && !streamed {
		return path{from.link, to}
	}
	p, err := t.route(network, to, trust{name: to.Addr().String()})
	if err != nil {
		return from
	}
	return p
}

// literal gives host and port of a URI whose host is an address.
func literal(uri sip.Uri) (netip.AddrPort, bool) {
	ip, err := netip.ParseAddr(strings.Trim(uri.Host, "[]"))
	port := cmp.Or(uri.Port, defaultPortOf(param(uri.UriParams, "transport")))
	if err != nil || port < 0 || port > 65535 {
		return netip.AddrPort{}, false
	}
	return netip.AddrPortFrom(ip.Unmap(), uint16(port)), true
}

// inside are addresses that mean somebody else elsewhere, beside those that netip knows: of carriers that translate (RFC 6598),
// and of phones whose network has IPv6 alone (RFC 7335).
var inside = [...]netip.Prefix{netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/29")}

func natted(contact, src netip.Addr) bool {
	if contact == src {
		return false
	}
	return contact.IsPrivate() || contact.IsLoopback() || contact.IsLinkLocalUnicast() || contact.IsUnspecified() ||
		inside[0].Contains(contact) || inside[1].Contains(contact)
}

// way is where the next request goes; a stream that is gone is opened anew, but for a page's, which is waited for.
func (d *Dialog) way() (path, error) {
	if p, ok := d.reached(); ok || d.ofPage() {
		return p, nil
	}
	hop := d.peer.target
	if len(d.peer.routes) > 0 {
		hop = d.peer.routes[0]
	}
	var uri sip.Uri
	to := d.peer.path.to
	if sip.ParseUri(hop, &uri) == nil {
		if a, ok := literal(uri); ok && !natted(a.Addr(), to.Addr()) {
			to = a
		}
	}
	p, err := d.w.u.net.reopen(d.peer.path.link, to)
	if err == nil {
		d.peer.path = p
	}
	return p, err
}

// request builds a request inside the dialog: RFC 3261 12.2.1.1. cseq 0: the next one.
func (d *Dialog) request(method sip.RequestMethod, cseq uint32, h ...Header) (*sip.Request, path, error) {
	way, err := d.way()
	if err != nil {
		return nil, path{}, err
	}
	if cseq == 0 {
		d.peer.cseq++
		cseq = d.peer.cseq
	}
	req, err := d.w.compose(method, d.peer.target, d.peer.routes, way)
	if err != nil {
		return nil, path{}, err
	}
	from, to := &sip.FromHeader{}, &sip.ToHeader{}
	if from.DisplayName, err = sip.ParseAddressValue(d.peer.local, &from.Address, &from.Params); err != nil {
		return nil, path{}, err
	}
	if to.DisplayName, err = sip.ParseAddressValue(d.peer.remote, &to.Address, &to.Params); err != nil {
		return nil, path{}, err
	}
	d.w.identify(req, from, to, d.callID, cseq)
	if method != sip.BYE && method != sip.ACK {
		req.AppendHeader(sip.NewHeader("Contact", d.contact(way)))
	}
	for _, x := range h {
		req.AppendHeader(sip.NewHeader(x.Name, x.Value))
	}
	return req, way, nil
}

// compose starts a request: request line, Via, Max-Forwards and Route. A first route without lr is a strict
// router's (12.2.1.1): it takes the place of the Request-URI, which goes to the end.
func (w *worker) compose(method sip.RequestMethod, target string, routes []string, way path) (*sip.Request, error) {
	if len(routes) > 0 && !loose(routes[0]) {
		target, routes = routes[0], append(append([]string(nil), routes[1:]...), target)
	}
	var uri sip.Uri
	if err := sip.ParseUri(target, &uri); err != nil {
		return nil, err
	}
	req := sip.NewRequest(method, uri)
	req.AppendHeader(&sip.ViaHeader{}) // completed by identify, which knows the Call-ID
	w.stamp(req.Via(), way, "")
	hops := sip.MaxForwardsHeader(70)
	req.AppendHeader(&hops)
	for _, r := range routes {
		h := &sip.RouteHeader{}
		if err := sip.ParseUri(r, &h.Address); err != nil {
			return nil, err
		}
		req.AppendHeader(h)
	}
	return req, nil
}

// stamp fills a Via: our address on that path, and a branch.
func (w *worker) stamp(via *sip.ViaHeader, way path, branch string) {
	via.ProtocolName, via.ProtocolVersion, via.Transport = "SIP", "2.0", way.link.network()
	via.Host, via.Port = way.link.local()
	via.Params = sip.HeaderParams{{K: "branch", V: branch}, {K: "rport"}} // RFC 3581
}

// identify adds who speaks with whom, and the branch.
func (w *worker) identify(req *sip.Request, from *sip.FromHeader, to *sip.ToHeader, callID string, cseq uint32) {
	req.Via().Params.Add("branch", w.ids.branch(callID))
	id := sip.CallIDHeader(callID)
	req.AppendHeader(from)
	req.AppendHeader(to)
	req.AppendHeader(&id)
	req.AppendHeader(&sip.CSeqHeader{SeqNo: cseq, MethodName: req.Method})
	req.AppendHeader(sip.NewHeader("User-Agent", w.u.cfg.UserAgent))
}

func loose(route string) bool {
	var uri sip.Uri
	if sip.ParseUri(route, &uri) != nil {
		return true
	}
	for _, kv := range uri.UriParams {
		if strings.EqualFold(kv.K, "lr") {
			return true
		}
	}
	return false
}

// contact is where the other side reaches this dialog: our tag names node and session.
func (d *Dialog) contact(way path) string { return contactURI(d.localTag, way) }

func contactURI(user string, way path) string {
	return "<sip:" + user + "@" + way.hostPort() + transportParam(way.link.network()) + ">"
}

// again copies a request for another try: the next CSeq and a new branch.
func (d *Dialog) again(req *sip.Request) *sip.Request {
	d.peer.cseq++
	next := req.Clone()
	next.CSeq().SeqNo = d.peer.cseq
	next.Via().Params.Add("branch", d.w.ids.branch(d.callID))
	return next
}

// authorized answers a challenge with the gateway's credentials, or gives nil.
func (d *Dialog) authorized(req *sip.Request, res *sip.Response, tries int) *sip.Request {
	if res.StatusCode != 401 && res.StatusCode != 407 || d.peer.gateway == "" || tries > 1 {
		return nil
	}
	next := d.again(req)
	if err := d.w.u.authorize(next, res, d.peer.gateway); err != nil {
		d.w.log.Warn("challenge not answered", "gateway", d.peer.gateway, "error", err)
		return nil
	}
	if next.Method == sip.INVITE {
		d.peer.proof = append(next.GetHeaders("Authorization"), next.GetHeaders("Proxy-Authorization")...)
	}
	return next
}

// demand is a request of ours inside the dialog that waits for its response.
type demand struct {
	d     *Dialog
	req   *sip.Request
	sent  bool // it may have come
	tries int
	then  func(res *sip.Response) // the final response; nil: none came
	until time.Duration           // so long it waits for a page that is away; zero: it has not waited
}

// ask sends a request of the dialog. then gets the final response, or nil when none came.
func (d *Dialog) ask(req *sip.Request, way path, then func(*sip.Response)) {
	a := &demand{d: d, req: req, then: then, sent: way.link.alive()}
	if _, err := d.w.send(req, way, a); err != nil {
		d.w.log.Warn("request not sent", "method", string(req.Method), "error", err)
		d.w.soon = append(d.w.soon, func() { then(nil) })
	}
}

func (a *demand) response(tx *clientTx, res *sip.Response) {
	a.d.w.busy = a.d
	if res.StatusCode < 200 {
		if tx.invite() {
			a.d.w.after(&tx.limit, tx, timerC)
		}
		return
	}
	if next := a.d.authorized(tx.req, res, a.tries); next != nil && a.d.state != over {
		a.tries, a.req = a.tries+1, next
		if _, err := a.d.w.send(next, tx.path, a); err == nil {
			return
		}
	}
	a.then(res)
}

func (a *demand) failed(_ *clientTx, err error) {
	a.d.w.busy = a.d
	a.d.w.log.Debug("request failed", "call_id", a.d.callID, "error", err)
	if errors.Is(err, errTransport) && a.await() {
		return
	}
	a.then(nil)
}

// sendInfo: RFC 6086, and the usual DTMF bodies.
func (d *Dialog) sendInfo(contentType string, body []byte) {
	if d.state != confirmed || checkText(contentType) != nil {
		return
	}
	req, way, err := d.request(sip.INFO, 0)
	if err != nil {
		d.lost(nil)
		return
	}
	setBody(req, contentType, body)
	d.ask(req, way, func(res *sip.Response) {
		if gone(res) && (res != nil || !d.ofPage()) { // a page outlives its WebSocket
			d.lost(res)
		}
	})
}

// gone: RFC 3261 12.2.1.2, the other side no longer has the dialog.
func gone(res *sip.Response) bool {
	return res == nil || res.StatusCode == 408 || res.StatusCode == 481
}

// lost ends a dialog whose other side is gone.
func (d *Dialog) lost(res *sip.Response) {
	if d.state != confirmed {
		return
	}
	cause := EndCause{Why: EndLost, Code: 408, Phrase: phrase(408)}
	if res != nil {
		cause = ended(EndLost, res.StatusCode, res)
	}
	cause.Remote = true
	d.orphanBye("SIP;cause=" + strconv.Itoa(cause.Code))
	d.finish(cause)
}

func setBody(req *sip.Request, contentType string, body []byte) {
	if len(body) == 0 {
		return
	}
	ct := sip.ContentTypeHeader(contentType)
	req.AppendHeader(&ct)
	req.SetBody(body)
}
