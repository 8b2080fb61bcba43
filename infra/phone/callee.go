package phone

import (
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
)

// request takes a request of the other side.
func (p *phone) request(req *sip.Request) {
	if req.IsAck() {
		p.onACK(req)
		return
	}
	s, again := p.serve(req)
	switch {
	case again:
	case req.IsCancel():
		p.onCancel(s)
	case len(req.GetHeaders("Require")) > 0: // RFC 3261 section 8.2.2.3: we know no extension
		p.respond(s, 420, "Bad Extension", nil, sip.NewHeader("Unsupported", req.GetHeaders("Require")[0].Value()))
	case req.To().Params.Has("tag"):
		p.inside(s)
	default:
		p.outside(s)
	}
}

// outside is a request without a dialog.
func (p *phone) outside(s *served) {
	switch s.req.Method {
	case sip.INVITE:
		p.incoming(s)
	case sip.OPTIONS:
		p.respond(s, 200, "OK", nil, sip.NewHeader("Allow", allowed), sip.NewHeader("Accept", "application/sdp"))
	case sip.NOTIFY: // message waiting and the like need no subscription of ours to be welcome
		p.respond(s, 200, "OK", nil)
	case sip.BYE, sip.UPDATE, sip.INFO:
		p.respond(s, 481, "Call/Transaction Does Not Exist", nil)
	default:
		p.respond(s, 405, "Method Not Allowed", nil, sip.NewHeader("Allow", allowed))
	}
}

// incoming is a new call.
func (p *phone) incoming(s *served) {
	if !p.o.Wait || p.call.stage != unused || p.leaving {
		p.respond(s, 486, "Busy Here", nil)
		return
	}
	p.call.stage, p.call.began, p.call.incoming = ringing, time.Now(), s
	p.call.dialog = dialogOfCallee(s.req, p.tag)
	p.noteCaller(s.req)
	p.tl.tell(KindIncoming, In, 0, "call from %s", strings.TrimSpace(p.report.From+" "+p.report.FromName))
	if body := s.req.Body(); len(body) > 0 {
		if err := p.call.media.offered(body); err != nil {
			p.tl.tell(KindProblem, Here, 0, "their offer has no sound we know: %v", err)
			p.refuse(488, "Not Acceptable Here")
			return
		}
	}
	if p.o.Answer.Reject == 0 && !p.o.Answer.Quiet {
		p.respond(s, 180, "Ringing", nil, p.contact())
		p.tl.tell(KindRinging, Out, 180, "ringing")
	}
	p.clock.after(p.o.Answer.After, p.decide)
}

func (p *phone) noteCaller(req *sip.Request) {
	from := req.From()
	p.report.From, p.report.FromName = from.Address.User, from.DisplayName
	for _, h := range req.Headers() {
		if n := strings.ToUpper(h.Name()); strings.HasPrefix(n, "X-") || strings.HasPrefix(n, "P-") {
			if p.report.Headers == nil {
				p.report.Headers = Headers{}
			}
			p.report.Headers[h.Name()] = h.Value()
		}
	}
}

// decide answers or refuses, as Options say.
func (p *phone) decide() {
	if p.call.stage != ringing {
		return
	}
	if code := p.o.Answer.Reject; code != 0 {
		p.refuse(code, phrase(code))
		return
	}
	p.answer()
}

func (p *phone) answer() {
	s := p.call.incoming
	if len(s.req.Body()) > 0 {
		p.acceptInvite(s, p.call.media.answer(""), false)
	} else {
		p.acceptInvite(s, p.call.media.offer("sendrecv", false), true)
	}
	p.report.Code, p.report.Reason = 200, "OK"
	p.begun(Out)
	p.tellHeldBy()
}

// refuse ends a call that rings here.
func (p *phone) refuse(code int, reason string) {
	p.respond(p.call.incoming, code, reason, nil)
	p.tl.tell(KindRefused, Out, code, "refused: %d %s", code, reason)
	p.report.Outcome, p.report.Code, p.report.Reason = Rejected, code, reason
	p.report.Rang = Seconds(time.Since(p.call.began))
	p.leave()
}

var phrases = map[int]string{
	302: "Moved Temporarily", 403: "Forbidden", 404: "Not Found", 480: "Temporarily Unavailable", 486: "Busy Here",
	488: "Not Acceptable Here", 500: "Server Internal Error", 503: "Service Unavailable", 600: "Busy Everywhere", 603: "Decline",
}

func phrase(code int) string {
	if s := phrases[code]; s != "" {
		return s
	}
	return "Refused"
}

// onCancel: the 200 is for the CANCEL, the 487 for its INVITE (RFC 3261 section 9.2).
func (p *phone) onCancel(s *served) {
	in := p.call.incoming
	if in == nil || branchOf(in.req) != branchOf(s.req) || in.req.CallID().Value() != s.req.CallID().Value() {
		p.respond(s, 481, "Call/Transaction Does Not Exist", nil)
		return
	}
	p.respond(s, 200, "OK", nil)
	if p.call.stage == ringing {
		p.missed(s.req)
	}
}

// missed: the caller gave up, or another phone was faster.
func (p *phone) missed(req *sip.Request) {
	p.respond(p.call.incoming, 487, "Request Terminated", nil)
	p.report.Outcome, p.report.Code, p.report.Reason, p.report.Why = Missed, 487, "Request Terminated", reasonOf(req)
	p.report.Rang = Seconds(time.Since(p.call.began))
	p.tl.tell(KindMissed, In, 0, "%s", strings.TrimSuffix("they gave up; "+p.report.Why, "; "))
	p.leave()
}

// inside is a request in our dialog.
func (p *phone) inside(s *served) {
	d := p.call.dialog
	if d == nil || !d.has(s.req) || p.call.stage == over {
		p.respond(s, 481, "Call/Transaction Does Not Exist", nil)
		return
	}
	if n := s.req.CSeq().SeqNo; n < d.theirs { // RFC 3261 section 12.2.2
		p.respond(s, 500, "CSeq Out Of Order", nil)
		return
	}
	d.theirs = s.req.CSeq().SeqNo
	switch s.req.Method {
	case sip.BYE:
		p.onBye(s)
	case sip.INVITE, sip.UPDATE:
		p.onChange(s)
	case sip.INFO:
		p.onInfo(s)
	case sip.OPTIONS, sip.NOTIFY:
		p.respond(s, 200, "OK", nil, sip.NewHeader("Allow", allowed))
	case sip.REFER:
		p.respond(s, 603, "Decline", nil)
	default:
		p.respond(s, 405, "Method Not Allowed", nil, sip.NewHeader("Allow", allowed))
	}
}

func (p *phone) onBye(s *served) {
	p.respond(s, 200, "OK", nil)
	switch p.call.stage {
	case ringing:
		p.missed(s.req)
	case up:
		p.report.Why = reasonOf(s.req)
		p.tl.tell(KindHangup, In, 0, "they hung up")
		p.ended("them")
	}
}
