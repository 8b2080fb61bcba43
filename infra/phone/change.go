package phone

import (
	"math/rand/v2"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
)

// onChange is their re-INVITE or UPDATE: hold, resume, another address, or a sign of life.
func (p *phone) onChange(s *served) {
	switch {
	case p.call.change != nil: // both sides at once: RFC 3261 section 14.2
		p.respond(s, 491, "Request Pending", nil)
		return
	case p.call.stage != up && s.req.Method == sip.INVITE:
		p.respond(s, 481, "Call/Transaction Does Not Exist", nil)
		return
	}
	if c := s.req.Contact(); c != nil {
		p.call.dialog.target = c.Address
	}
	if len(s.req.Body()) == 0 {
		p.changeWithoutOffer(s)
		return
	}
	if err := p.call.media.offered(s.req.Body()); err != nil {
		p.respond(s, 488, "Not Acceptable Here", nil)
		return
	}
	body := p.call.media.answer(p.heldDirection())
	if s.req.Method == sip.UPDATE {
		p.respond(s, 200, "OK", body, p.contact())
	} else {
		p.acceptInvite(s, body, false)
	}
	p.tellHeldBy()
}

func (p *phone) changeWithoutOffer(s *served) {
	if s.req.Method == sip.UPDATE {
		p.respond(s, 200, "OK", nil, p.contact())
		return
	}
	direction := p.heldDirection()
	if direction == "" {
		direction = "sendrecv"
	}
	p.acceptInvite(s, p.call.media.offer(direction, false), true)
}

// tellHeldBy tells when the other side began or ended holding us.
func (p *phone) tellHeldBy() {
	held := p.call.media.heldBy()
	if held == p.call.heldBy {
		return
	}
	p.call.heldBy = held
	if held {
		p.tl.tell(KindHeldBy, In, 0, "put on hold by them")
	} else {
		p.tl.tell(KindResumedBy, In, 0, "resumed by them")
	}
}

// heldDirection is the direction of our SDP while we hold them; empty: we don't.
func (p *phone) heldDirection() string {
	switch {
	case p.call.held == nil:
		return ""
	case p.call.held.How == "inactive":
		return "inactive"
	}
	return "sendonly"
}

// hold puts them on hold.
func (p *phone) hold(h Hold) {
	p.change(&h, h.How == "update", func() {
		p.tl.tell(KindHolding, Out, 0, "put on hold for %s", h.For)
		p.clock.after(h.For, func() { p.resume(h) })
	})
}

func (p *phone) resume(h Hold) {
	p.change(nil, h.How == "update", func() { p.tl.tell(KindResumed, Out, 0, "resumed") })
}

// change negotiates anew and calls done when they agreed. It waits for a change that is under way, of either side.
func (p *phone) change(h *Hold, update bool, done func()) {
	if p.call.stage != up {
		return
	}
	if p.call.change != nil || p.call.accept != nil {
		p.clock.after(50*time.Millisecond, func() { p.change(h, update, done) })
		return
	}
	before := p.call.held
	p.call.held = h
	direction := p.heldDirection()
	if direction == "" {
		direction = "sendrecv"
	}
	method := sip.INVITE
	if update {
		method = sip.UPDATE
	}
	req := p.inDialog(p.call.dialog, method)
	p.setSDP(req, p.call.media.offer(direction, h != nil && h.How == "zero"))
	p.call.change = p.transact(req, p.call.dialog.next(), func(res *sip.Response) {
		p.changed(res, before, func() { p.change(h, update, done) }, done)
	})
}

// changed is the answer to our change.
func (p *phone) changed(res *sip.Response, before *Hold, again, done func()) {
	change := p.call.change
	if res.IsSuccess() && res.CSeq().MethodName == sip.INVITE {
		p.ack(p.call.dialog, p.invite(change), res)
	}
	if res.IsProvisional() || change == nil { // or a 2xx that came again
		return
	}
	p.call.change = nil
	switch {
	case res.IsSuccess():
		if len(res.Body()) > 0 {
			if err := p.call.media.answered(res.Body()); err != nil {
				p.tl.tell(KindProblem, In, 0, "their answer has no sound we know: %v", err)
			}
		}
		done()
	case res.StatusCode == 491:
		p.call.held = before
		p.call.media.restore(p.heldDirection())
		p.clock.after(p.glare(), again)
	default:
		p.call.held = before
		p.call.media.restore(p.heldDirection())
		p.tl.tell(KindProblem, In, res.StatusCode, "hold or resume refused: %d %s", res.StatusCode, res.Reason)
		if res.StatusCode == 481 || res.StatusCode == 408 { // RFC 3261 section 12.2.1.2: the dialog is gone
			p.bye()
		}
	}
}

// invite is the request whose 2xx is acknowledged.
func (p *phone) invite(change *exchange) *sip.Request {
	if change != nil {
		return change.latest().req
	}
	return p.inDialog(p.call.dialog, sip.ACK) // a repetition: no credentials at hand
}

// glare is the wait of RFC 3261 section 14.1: who made the Call-ID waits longer.
func (p *phone) glare() time.Duration {
	if p.o.Wait {
		return rand.N(2 * time.Second)
	}
	return 2100*time.Millisecond + rand.N(1900*time.Millisecond)
}

// onInfo hears digits of application/dtmf-relay and application/dtmf.
func (p *phone) onInfo(s *served) {
	p.respond(s, 200, "OK", nil)
	kind := s.req.ContentType()
	if kind == nil {
		return
	}
	switch strings.ToLower(strings.TrimSpace(kind.Value())) {
	case "application/dtmf-relay":
		for line := range strings.Lines(string(s.req.Body())) {
			name, value, _ := strings.Cut(line, "=")
			if strings.EqualFold(strings.TrimSpace(name), "signal") {
				p.digitHeard(strings.TrimSpace(value), "INFO")
			}
		}
	case "application/dtmf":
		p.digitHeard(strings.TrimSpace(string(s.req.Body())), "INFO")
	}
}

const digitNames = "0123456789*#ABCD"

func (p *phone) digitHeard(digit, how string) {
	if len(digit) != 1 || !strings.Contains(digitNames, digit) || len(p.report.Digits) > 1000 {
		return
	}
	p.report.Digits += digit
	p.tl.tell(KindDigitHeard, In, 0, "digit %s heard (%s)", digit, how)
}
