package phone

import (
	"time"

	"github.com/emiago/sipgo/sip"
)

// dial sends the INVITE.
func (p *phone) dial() {
	target := p.o.targetURI()
	req := p.newRequest(sip.INVITE, target, target, p.tag+"-call")
	req.AppendHeader(sip.NewHeader("Allow", allowed))
	p.setSDP(req, p.call.media.offer("sendrecv", false))
	p.call.stage, p.call.began = calling, time.Now()
	p.tl.tell(KindCalling, Out, 0, "calling %s through %s", target.String(), p.o.Server)
	p.call.invite = p.transact(req, p.o.Server, p.onInvite)
	p.clock.after(p.o.Patience, p.tooLong)
}

func (p *phone) tooLong() {
	if p.call.stage == calling && p.report.Outcome == "" {
		p.tl.tell(KindProblem, Here, 0, "no answer for %s", p.o.Patience)
		p.report.Outcome = NoAnswer
		p.cancel()
	}
}

func (p *phone) onInvite(res *sip.Response) {
	switch {
	case p.call.stage != calling:
		p.lateAnswer(res)
	case res.StatusCode == 100:
	case res.IsProvisional():
		p.progress(res)
	case res.IsSuccess():
		p.accepted(res)
	default:
		p.refused(res)
	}
}

// progress is ringing, perhaps with sound.
func (p *phone) progress(res *sip.Response) {
	if p.report.Outcome != "" { // we gave up already: RFC 3261 section 9.1 lets CANCEL out only now
		p.sendCancel()
		return
	}
	if len(res.Body()) > 0 {
		if err := p.call.media.answered(res.Body()); err != nil {
			p.tl.tell(KindProblem, In, res.StatusCode, "early sound cannot be heard: %v", err)
		}
	}
	if res.StatusCode == 180 {
		p.tl.tell(KindRinging, In, 180, "ringing")
		return
	}
	p.tl.tell(KindProgress, In, res.StatusCode, "%d %s", res.StatusCode, res.Reason)
}

// accepted is the first 2xx.
func (p *phone) accepted(res *sip.Response) {
	p.call.dialog = dialogOfCaller(p.call.invite.latest().req, res)
	p.ack(p.call.dialog, p.call.invite.latest().req, res)
	if p.report.Outcome != "" { // the answer crossed our CANCEL
		p.call.stage = up
		p.bye()
		return
	}
	p.report.Code, p.report.Reason = res.StatusCode, res.Reason
	if len(res.Body()) > 0 {
		if err := p.call.media.answered(res.Body()); err != nil {
			p.tl.tell(KindProblem, In, 0, "their answer has no sound we know: %v", err)
			p.begun(In)
			p.bye()
			return
		}
	}
	p.begun(In)
}

// lateAnswer is a 2xx that came again (our ACK was lost), or from another branch of a fork: that one is ended (RFC 3261 section
// 13.2.2.4).
func (p *phone) lateAnswer(res *sip.Response) {
	if !res.IsSuccess() || p.call.dialog == nil {
		return
	}
	d := dialogOfCaller(p.call.invite.latest().req, res)
	if d.remoteTag == p.call.dialog.remoteTag {
		d = p.call.dialog
	}
	p.ack(d, p.call.invite.latest().req, res)
	if d != p.call.dialog {
		p.transact(p.inDialog(d, sip.BYE), d.next(), func(*sip.Response) {})
	}
}

// refused is a final response that is no 2xx.
func (p *phone) refused(res *sip.Response) {
	p.report.Code, p.report.Reason, p.report.Why = res.StatusCode, res.Reason, reasonOf(res)
	p.report.Rang = Seconds(time.Since(p.call.began))
	p.tl.tell(KindRefused, In, res.StatusCode, "%s", p.refusal(res))
	switch p.report.Outcome {
	case Cancelled:
	case NoAnswer:
		p.failure = &Failed{"call", res.StatusCode, "No answer"}
	default:
		p.report.Outcome = Refused
		p.failure = &Failed{"call", res.StatusCode, res.Reason}
	}
	p.leave()
}

// cancel gives the call up; the final response ends it.
func (p *phone) cancel() {
	if p.report.Outcome == "" {
		p.report.Outcome = Cancelled
	}
	p.tl.tell(KindHangup, Out, 0, "giving up")
	if p.call.invite.latest().early {
		p.sendCancel()
	}
}

// sendCancel is the INVITE's twin, in the same branch (RFC 3261 section 9.1).
func (p *phone) sendCancel() {
	invite := p.call.invite.latest()
	if p.call.cancelled {
		return
	}
	p.call.cancelled = true
	req := sip.NewRequest(sip.CANCEL, invite.req.Recipient)
	req.AppendHeader(invite.req.Via().Clone())
	sip.CopyHeaders("Route", invite.req, req)
	req.AppendHeader(sip.HeaderClone(invite.req.From()))
	req.AppendHeader(sip.HeaderClone(invite.req.To()))
	req.AppendHeader(sip.HeaderClone(invite.req.CallID()))
	req.AppendHeader(&sip.CSeqHeader{SeqNo: invite.req.CSeq().SeqNo, MethodName: sip.CANCEL})
	forwards := sip.MaxForwardsHeader(70)
	req.AppendHeader(&forwards)
	req.SetBody(nil)
	p.transact(req, invite.to, func(*sip.Response) {})
}

// begun: the call is up, in either direction.
func (p *phone) begun(way Way) {
	p.call.stage, p.call.answered = up, time.Now()
	p.report.Outcome = Answered
	p.report.Rang = Seconds(p.call.answered.Sub(p.call.began))
	p.tl.tell(KindAnswered, way, 200, "answered, %s", p.call.media.codec())
	p.startScript()
}
