package phone

import (
	"fmt"
	"time"

	"github.com/emiago/sipgo/sip"
)

// lifetime asked for in a registration; it is refreshed at half of what was granted.
const lifetime = 300 * time.Second

// contact is where we are reached.
func (p *phone) contact() *sip.ContactHeader {
	host, port := p.wire.local()
	u := sip.Uri{Scheme: "sip", User: p.o.user(), Host: host, Port: port}
	if p.wire.reliable() {
		u.UriParams.Add("transport", "tcp")
	}
	return &sip.ContactHeader{Address: u}
}

// newRequest is a request outside a dialog.
func (p *phone) newRequest(method sip.RequestMethod, to sip.Uri, toHeader sip.Uri, callID string) *sip.Request {
	from := &sip.FromHeader{DisplayName: p.o.Name, Address: p.o.uri(p.o.user())}
	from.Params.Add("tag", p.tag)
	id := sip.CallIDHeader(callID)
	forwards := sip.MaxForwardsHeader(70)
	req := sip.NewRequest(method, to)
	req.AppendHeader(from)
	req.AppendHeader(&sip.ToHeader{Address: toHeader})
	req.AppendHeader(&id)
	req.AppendHeader(&sip.CSeqHeader{SeqNo: p.sequence(), MethodName: method})
	req.AppendHeader(&forwards)
	req.AppendHeader(p.contact())
	req.AppendHeader(sip.NewHeader("User-Agent", userAgent))
	req.SetBody(nil)
	return req
}

const userAgent = "offhook-phone"

func (p *phone) registration(expires time.Duration) *sip.Request {
	registrar := p.o.uri("")
	req := p.newRequest(sip.REGISTER, registrar, p.o.uri(p.o.As), p.tag+"-register")
	e := sip.ExpiresHeader(uint32(expires / time.Second))
	req.AppendHeader(&e)
	return req
}

func (p *phone) register() {
	if !p.registered {
		p.tl.tell(KindRegistering, Out, 0, "registering as %s at %s", p.o.As, p.o.Server)
	}
	p.transact(p.registration(lifetime), p.o.Server, p.onRegister)
}

func (p *phone) onRegister(res *sip.Response) {
	switch {
	case res.IsProvisional() || p.leaving:
	case res.IsSuccess():
		first := !p.registered
		p.registered = true
		granted := grantedTo(res, p.contact().Address)
		p.clock.after(granted/2, p.refresh)
		if first {
			p.tl.tell(KindRegistered, In, res.StatusCode, "registered for %s", granted)
			p.ready()
		}
	default:
		p.tl.tell(KindRefused, In, res.StatusCode, "registration %s", p.refusal(res))
		p.registered = false
		if p.call.stage == unused {
			p.unreachable("registration", res)
		}
	}
}

func (p *phone) refresh() {
	if p.registered && !p.leaving {
		p.register()
	}
}

// grantedTo reads the expiry of our binding: its own parameter, else the Expires header (RFC 3261 section 10.3).
func grantedTo(res *sip.Response, ours sip.Uri) time.Duration {
	granted := lifetime
	if h := res.GetHeader("Expires"); h != nil {
		granted = secondsOf(h.Value(), granted)
	}
	for _, h := range res.GetHeaders("Contact") {
		c, ok := h.(*sip.ContactHeader)
		if !ok || c.Address.User != ours.User || c.Address.Host != ours.Host || c.Address.Port != ours.Port {
			continue
		}
		if v, ok := c.Params.Get("expires"); ok {
			granted = secondsOf(v, granted)
		}
	}
	return max(granted, 2*time.Second)
}

func secondsOf(s string, otherwise time.Duration) time.Duration {
	var n uint32
	if _, err := fmt.Sscanf(s, "%d", &n); err != nil || n == 0 {
		return otherwise
	}
	return time.Duration(n) * time.Second
}

func (p *phone) unregister() {
	p.transact(p.registration(0), p.o.Server, func(res *sip.Response) {
		if !res.IsProvisional() {
			p.registered = false
		}
	})
}

// unreachable ends a run before there was a call.
func (p *phone) unreachable(doing string, res *sip.Response) {
	p.report.Outcome, p.report.Code, p.report.Reason = Unreachable, res.StatusCode, res.Reason
	p.failure = &Failed{doing, res.StatusCode, res.Reason}
	p.leave()
}
