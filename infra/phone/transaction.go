package phone

import (
	"slices"
	"time"

	"github.com/emiago/sipgo/sip"
)

// Timers of RFC 3261 section 17, table 4.
const (
	t1 = 500 * time.Millisecond
	t2 = 4 * time.Second
)

// clock runs functions in the phone's one goroutine when their time has come.
type clock struct{ alarms []*alarm }

type alarm struct {
	at time.Time
	do func()
}

func (c *clock) after(d time.Duration, do func()) *alarm {
	a := &alarm{at: time.Now().Add(d), do: do}
	c.alarms = append(c.alarms, a)
	return a
}

func (c *clock) stop(a *alarm) {
	c.alarms = slices.DeleteFunc(c.alarms, func(o *alarm) bool { return o == a })
}

// next is the time to the next alarm.
func (c *clock) next() time.Duration {
	wait := time.Hour
	for _, a := range c.alarms {
		wait = min(wait, time.Until(a.at))
	}
	return max(0, wait)
}

// due runs what is due, in order of time.
func (c *clock) due() {
	for {
		var first *alarm
		for _, a := range c.alarms {
			if !a.at.After(time.Now()) && (first == nil || a.at.Before(first.at)) {
				first = a
			}
		}
		if first == nil {
			return
		}
		c.stop(first)
		first.do()
	}
}

// exchange is a client transaction.
type exchange struct {
	req      *sip.Request
	to       string
	done     func(*sip.Response)
	every    time.Duration // until the next repetition
	again    *alarm
	giveUp   *alarm
	answered bool // finally
	early    bool // a provisional response came
	tried    int  // with credentials
	ack      *sip.Request
	next     *exchange // the same request again, with credentials
}

// latest is the exchange that now stands for the request: what a CANCEL must name.
func (x *exchange) latest() *exchange {
	for x.next != nil {
		x = x.next
	}
	return x
}

// clientKey: a CANCEL shares the branch of its INVITE (RFC 3261 section 17.1.3).
func clientKey(m sip.Message) string { return branchOf(m) + " " + string(m.CSeq().MethodName) }

func (p *phone) newVia() *sip.ViaHeader {
	host, port := p.wire.local()
	via := &sip.ViaHeader{ProtocolName: "SIP", ProtocolVersion: "2.0", Transport: p.wire.protocol(), Host: host, Port: port}
	via.Params.Add("branch", sip.GenerateBranch())
	via.Params.Add("rport", "") // RFC 3581
	return via
}

func branchOf(m sip.Message) string {
	b, _ := m.Via().Params.Get("branch")
	return b
}

// transact sends a request, repeats it and hands its responses to done: all of them, and a 408 of our own when none comes.
func (p *phone) transact(req *sip.Request, to string, done func(*sip.Response)) *exchange {
	x := &exchange{req: req, to: to, done: done}
	p.send(x)
	return x
}

func (p *phone) send(x *exchange) {
	if x.req.Via() == nil { // a CANCEL has its INVITE's
		x.req.PrependHeader(p.newVia())
	}
	x.every = t1
	p.exchanges[clientKey(x.req)] = x
	p.put(x.to, x.req)
	if !p.wire.reliable() {
		x.again = p.clock.after(x.every, func() { p.repeat(x) })
	}
	x.giveUp = p.clock.after(64*t1, func() { p.conclude(x, sip.NewResponseFromRequest(x.req, 408, "No response", nil)) })
}

// repeat is timers A and E.
func (p *phone) repeat(x *exchange) {
	if x.early && x.req.IsInvite() {
		return
	}
	p.put(x.to, x.req)
	if x.every *= 2; !x.req.IsInvite() {
		x.every = min(x.every, t2)
	}
	x.again = p.clock.after(x.every, func() { p.repeat(x) })
}

// put sends a message; what cannot be sent is repeated or given up like what was lost.
func (p *phone) put(to string, m sip.Message) {
	if err := p.wire.send(to, m); err != nil {
		p.log.Debug("not sent", "to", to, "error", err)
	}
}

// response takes a response to its exchange.
func (p *phone) response(res *sip.Response) {
	x := p.exchanges[clientKey(res)]
	if x == nil {
		return
	}
	if res.IsProvisional() {
		p.provisional(x, res)
		return
	}
	if x.answered {
		p.repeated(x, res)
		return
	}
	p.conclude(x, res)
}

func (p *phone) provisional(x *exchange, res *sip.Response) {
	if x.answered {
		return
	}
	if x.early = true; x.req.IsInvite() {
		p.clock.stop(x.again)
		p.clock.stop(x.giveUp) // Options.Patience bounds it from here
	}
	x.done(res)
}

// conclude is the final response. The exchange stays for a while to answer repetitions of it.
func (p *phone) conclude(x *exchange, res *sip.Response) {
	x.answered = true
	p.clock.stop(x.again)
	p.clock.stop(x.giveUp)
	p.clock.after(64*t1, func() { delete(p.exchanges, clientKey(x.req)) })
	if x.req.IsInvite() && res.StatusCode >= 300 {
		x.ack = p.refusalACK(x.req, res)
		p.put(x.to, x.ack)
	}
	if p.retry(x, res) {
		return
	}
	x.done(res)
}

// repeated is a final response that came again, or a 2xx from another branch of a fork.
func (p *phone) repeated(x *exchange, res *sip.Response) {
	switch {
	case !x.req.IsInvite():
	case !res.IsSuccess() && x.ack != nil:
		p.put(x.to, x.ack)
	case res.IsSuccess():
		x.done(res)
	}
}

// refusalACK is hop by hop, in the INVITE's own transaction (RFC 3261 section 17.1.1.3).
func (p *phone) refusalACK(invite *sip.Request, res *sip.Response) *sip.Request {
	ack := sip.NewRequest(sip.ACK, invite.Recipient)
	ack.AppendHeader(invite.Via().Clone())
	sip.CopyHeaders("Route", invite, ack)
	ack.AppendHeader(sip.HeaderClone(invite.From()))
	ack.AppendHeader(sip.HeaderClone(res.To()))
	ack.AppendHeader(sip.HeaderClone(invite.CallID()))
	ack.AppendHeader(&sip.CSeqHeader{SeqNo: invite.CSeq().SeqNo, MethodName: sip.ACK})
	forwards := sip.MaxForwardsHeader(70)
	ack.AppendHeader(&forwards)
	ack.SetBody(nil)
	return ack
}

// idle: nothing that we sent still waits for its answer.
func (p *phone) idle() bool {
	for _, x := range p.exchanges {
		if !x.answered {
			return false
		}
	}
	for _, s := range p.served {
		if s.again != nil {
			return false
		}
	}
	return true
}

// served is a server transaction: a request we got and our last response to it.
type served struct {
	req   *sip.Request
	res   *sip.Response
	again *alarm // repeats the final response to an INVITE until its ACK
	every time.Duration
}

const maxServed = 500

// serverKey: the ACK of a refusal has its INVITE's branch.
func serverKey(req *sip.Request) string {
	method := req.Method
	if method == sip.ACK {
		method = sip.INVITE
	}
	return branchOf(req) + " " + req.Via().SentBy() + " " + string(method)
}

// serve finds a request's transaction, or begins one; again tells that it is a repetition, which was dealt with.
func (p *phone) serve(req *sip.Request) (s *served, again bool) {
	key := serverKey(req)
	if s := p.served[key]; s != nil {
		if s.res != nil {
			p.put(s.req.Source(), s.res)
		}
		return s, true
	}
	s = &served{req: req}
	if len(p.served) < maxServed {
		p.served[key] = s
		p.clock.after(64*t1, func() { delete(p.served, key) })
	}
	return s, false
}

// respond answers a request. A refused INVITE is repeated until its ACK (timer G); a 2xx is repeated by the dialog.
func (p *phone) respond(s *served, code int, reason string, body []byte, headers ...sip.Header) *sip.Response {
	res := sip.NewResponseFromRequest(s.req, code, reason, nil)
	if !s.req.To().Params.Has("tag") && code > 100 {
		res.To().Params.Remove("tag")
		res.To().Params.Add("tag", p.tag)
	}
	for _, h := range headers {
		res.AppendHeader(h)
	}
	if body != nil {
		kind := sip.ContentTypeHeader("application/sdp")
		res.AppendHeader(&kind)
	}
	res.SetBody(body)
	s.res = res
	p.put(s.req.Source(), res)
	if s.req.IsInvite() && code >= 300 && !p.wire.reliable() {
		s.every = t1
		s.again = p.clock.after(s.every, func() { p.respondAgain(s) })
		p.clock.after(64*t1, func() { p.acknowledged(s) })
	}
	return res
}

func (p *phone) respondAgain(s *served) {
	p.put(s.req.Source(), s.res)
	s.every = min(2*s.every, t2)
	s.again = p.clock.after(s.every, func() { p.respondAgain(s) })
}

// acknowledged ends the repetitions.
func (p *phone) acknowledged(s *served) {
	p.clock.stop(s.again)
	s.again = nil
}
