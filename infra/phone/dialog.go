package phone

import (
	"slices"
	"time"

	"github.com/emiago/sipgo/sip"
)

// allowed methods, for Allow.
const allowed = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, NOTIFY"

// dialog of RFC 3261 section 12.
type dialog struct {
	callID    string
	localTag  string
	remoteTag string
	local     *sip.FromHeader
	remote    *sip.ToHeader
	target    sip.Uri
	routes    []sip.Uri
	theirs    uint32 // their latest CSeq
}

func dialogOfCaller(invite *sip.Request, res *sip.Response) *dialog {
	d := &dialog{callID: invite.CallID().Value(), target: invite.Recipient, routes: recordRoutes(res)}
	d.local = sip.HeaderClone(invite.From()).(*sip.FromHeader)
	d.remote = sip.HeaderClone(res.To()).(*sip.ToHeader)
	if c := res.Contact(); c != nil {
		d.target = c.Address
	}
	slices.Reverse(d.routes) // the caller sees the proxies from the far end
	return d.tags()
}

func dialogOfCallee(invite *sip.Request, tag string) *dialog {
	d := &dialog{callID: invite.CallID().Value(), routes: recordRoutes(invite), theirs: invite.CSeq().SeqNo}
	from, to := invite.From().AsTo(), sip.HeaderClone(invite.To()).(*sip.ToHeader)
	local := to.AsFrom()
	local.Params.Add("tag", tag)
	d.local, d.remote, d.target = &local, &from, invite.From().Address
	if c := invite.Contact(); c != nil {
		d.target = c.Address
	}
	return d.tags()
}

func (d *dialog) tags() *dialog {
	d.localTag, _ = d.local.Params.Get("tag")
	d.remoteTag, _ = d.remote.Params.Get("tag")
	return d
}

func recordRoutes(m sip.Message) (routes []sip.Uri) {
	for _, h := range m.GetHeaders("Record-Route") {
		if r, ok := h.(*sip.RecordRouteHeader); ok {
			routes = append(routes, r.Address)
		}
	}
	return routes
}

// next is where the dialog's requests are sent to.
func (d *dialog) next() string {
	if len(d.routes) > 0 {
		return hostPort(d.routes[0])
	}
	return hostPort(d.target)
}

// has tells whether a request of the other side belongs to the dialog.
func (d *dialog) has(req *sip.Request) bool {
	theirs, _ := req.From().Params.Get("tag")
	ours, _ := req.To().Params.Get("tag")
	return req.CallID().Value() == d.callID && ours == d.localTag && theirs == d.remoteTag
}

// inDialog is a request of ours; an ACK gets its CSeq by ack.
func (p *phone) inDialog(d *dialog, method sip.RequestMethod) *sip.Request {
	req := sip.NewRequest(method, d.target)
	for _, r := range d.routes {
		req.AppendHeader(&sip.RouteHeader{Address: r})
	}
	id, forwards := sip.CallIDHeader(d.callID), sip.MaxForwardsHeader(70)
	req.AppendHeader(sip.HeaderClone(d.local))
	req.AppendHeader(sip.HeaderClone(d.remote))
	req.AppendHeader(&id)
	req.AppendHeader(&sip.CSeqHeader{SeqNo: p.cseq, MethodName: method})
	req.AppendHeader(&forwards)
	if method != sip.ACK {
		req.ReplaceHeader(&sip.CSeqHeader{SeqNo: p.sequence(), MethodName: method})
		req.AppendHeader(p.contact())
	}
	req.AppendHeader(sip.NewHeader("User-Agent", userAgent))
	req.SetBody(nil)
	return req
}

// ack acknowledges a 2xx, end to end (RFC 3261 section 13.2.2.4), with the credentials of its INVITE.
func (p *phone) ack(d *dialog, invite *sip.Request, res *sip.Response) {
	req := p.inDialog(d, sip.ACK)
	req.ReplaceHeader(&sip.CSeqHeader{SeqNo: res.CSeq().SeqNo, MethodName: sip.ACK})
	sip.CopyHeaders("Authorization", invite, req)
	sip.CopyHeaders("Proxy-Authorization", invite, req)
	req.PrependHeader(p.newVia())
	p.put(d.next(), req)
}

// bye ends the call; what answers it, or nothing, does not matter.
func (p *phone) bye() {
	p.call.stage = ending
	p.call.media.stop()
	p.tl.tell(KindHangup, Out, 0, "hanging up")
	p.clock.after(patienceToLeave, func() { p.ended("us") }) // nobody waits 32 s for a phone to be put down
	p.transact(p.inDialog(p.call.dialog, sip.BYE), p.call.dialog.next(), func(res *sip.Response) {
		if !res.IsProvisional() {
			p.ended("us")
		}
	})
}

// accept is our 2xx to an INVITE: repeated until its ACK comes, whatever carried it (RFC 3261 section 13.3.1.4).
type accept struct {
	s       *served
	again   *alarm
	giveUp  *alarm
	every   time.Duration
	offered bool // the 2xx holds our offer: the ACK brings the answer
}

func (p *phone) acceptInvite(s *served, body []byte, offered bool) {
	if p.call.accept != nil {
		p.acceptOver()
	}
	p.respond(s, 200, "OK", body, p.contact(), sip.NewHeader("Allow", allowed))
	a := &accept{s: s, every: t1, offered: offered}
	a.again = p.clock.after(a.every, func() { p.acceptAgain(a) })
	a.giveUp = p.clock.after(64*t1, p.noACK)
	p.call.accept = a
}

func (p *phone) acceptAgain(a *accept) {
	p.put(a.s.req.Source(), a.s.res)
	a.every = min(2*a.every, t2)
	a.again = p.clock.after(a.every, func() { p.acceptAgain(a) })
}

func (p *phone) acceptOver() {
	p.clock.stop(p.call.accept.again)
	p.clock.stop(p.call.accept.giveUp)
	p.call.accept = nil
}

func (p *phone) noACK() {
	p.acceptOver()
	if p.call.stage == up {
		p.tl.tell(KindProblem, Here, 0, "our answer was never acknowledged")
		p.bye()
	}
}

// onACK stops repetitions: of a refusal by its transaction, of a 2xx by dialog and CSeq.
func (p *phone) onACK(req *sip.Request) {
	if s := p.served[serverKey(req)]; s != nil && s.again != nil {
		p.acknowledged(s)
		return
	}
	a, d := p.call.accept, p.call.dialog
	if a == nil || d == nil || !d.has(req) || req.CSeq().SeqNo != a.s.req.CSeq().SeqNo {
		return
	}
	p.acceptOver()
	if a.offered && len(req.Body()) > 0 {
		if err := p.call.media.answered(req.Body()); err != nil {
			p.tl.tell(KindProblem, In, 0, "their answer has no sound we know: %v", err)
		}
		p.tellHeldBy()
	}
}

// setSDP gives a request its body.
func (p *phone) setSDP(req *sip.Request, body []byte) {
	kind := sip.ContentTypeHeader("application/sdp")
	req.AppendHeader(&kind)
	req.SetBody(body)
}

func reasonOf(m sip.Message) string {
	for _, h := range m.GetHeaders("Reason") {
		return h.Value()
	}
	return ""
}
