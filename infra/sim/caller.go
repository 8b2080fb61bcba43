package sim

import (
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// dial begins a call of a caller.
func (w *world) dial(c *callPlan) {
	at := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, byte(c.n >> 8), byte(c.n)}), 5060)
	p := &party{w: w, name: c.number, manner: c.manner, caller: true, ids: ids{callID: "sim-" + c.number,
		local:  fmt.Sprintf("\"Caller\" <sip:%s@%s>;tag=t%s", c.number, at.Addr(), c.number),
		remote: fmt.Sprintf("<sip:%s@%s>", c.to, edgeSIP.Addr()), target: fmt.Sprintf("sip:%s@%s", c.to, edgeSIP)}}
	p.d = w.device(at, func(m *message) { w.toDialog(p.d, []*party{p}, m) })
	p.ear = w.newEar(earAddr(p.d, 0), p.manner.payload, p.manner.every)
	c.caller = p
	w.join(p)
	body := ""
	if !p.manner.noOffer {
		body = p.say("sendrecv")
	}
	headers := "Allow: INVITE, ACK, BYE, CANCEL, UPDATE, INFO\r\n"
	if c.kind.replaces {
		headers += w.inPlaceOf(c.number)
	}
	branch, raw := p.request("INVITE", headers, body)
	p.ask = p.d.ask("INVITE", branch, raw, func(m *message) { p.inviteAnswered(branch, m) })
	if p.manner.cancel > 0 {
		w.after(p.manner.cancel, p.giveUp)
	}
	w.after(3*time.Minute, p.giveUp) // nobody waits for ever
}

// toDialog gives a request to the party whose dialog it is in.
func (w *world) toDialog(d *device, parties []*party, m *message) {
	for _, p := range parties {
		if p.callID == m.get("call-id") && tag(m.get("to")) != "" && tag(p.local) == tag(m.get("to")) && p.alive() {
			p.asked(m)
			return
		}
	}
	if m.method != "ACK" {
		d.answer(m, reply(m, 481, "", "", "", ""))
	}
}

// giveUp sends CANCEL, once a provisional response is there (RFC 3261 9.1).
func (p *party) giveUp() {
	if p.stage != early {
		return
	}
	p.wantCancel = true
	if p.ask.heard {
		p.cancelNow()
	}
}

func (p *party) cancelNow() {
	if p.cancelSent || p.stage != early {
		return
	}
	p.cancelSent = true
	raw := p.render("CANCEL", p.cseq, p.ask.branch, "", "")
	p.d.ask("CANCEL", p.ask.branch, raw, func(m *message) {
		if m != nil && m.code == 200 {
			p.confirmed = time.Now()
		}
	})
	p.w.after(40*time.Second, func() {
		if p.stage == early {
			p.end(howLost)
		}
	})
}

func (p *party) inviteAnswered(branch string, m *message) {
	switch {
	case p.how == howVanished:
	case m == nil:
		p.end(howLost)
	case m.code < 200:
		if m.body != "" && p.stage == early {
			p.ear.speak(m.body)
		}
		if p.wantCancel {
			p.cancelNow()
		}
	case m.code < 300:
		p.callAnswered(m)
	default:
		p.remote = m.get("to") // RFC 3261 17.1.1.3
		p.d.write(p.render("ACK", inviteCSeq, branch, "", ""))
		p.code = m.code
		if m.code == 487 && p.cancelSent {
			p.end(howCancelled)
		} else {
			p.end(howRefused)
		}
	}
}

// inviteCSeq is what a caller's INVITE has.
const inviteCSeq = 1

// callAnswered acknowledges every copy; the first one makes the dialog.
func (p *party) callAnswered(m *message) {
	if p.accepted == nil {
		p.accepted = m
		p.remote, p.target = m.get("to"), uriOf(m.get("contact"))
		p.stage, p.bridged = up, true
		p.ear.speak(m.body)
	} else if tag(m.get("to")) != tag(p.remote) {
		p.w.problem(p.name, "a second 2xx with another tag")
		return
	} else {
		p.ackOK()
		return
	}
	p.ackOK()
	if p.wantCancel {
		p.hangUp()
		return
	}
	p.stand()
}

func (p *party) ackOK() {
	if p.manner.noAck {
		return
	}
	body := ""
	if p.manner.noOffer {
		body = p.ear.description("sendrecv", 1)
	}
	p.d.branch++
	branch := fmt.Sprintf("z9hG4bK%s-%d", strings.ReplaceAll(p.d.at.String(), ":", "-"), p.d.branch)
	p.d.write(p.render("ACK", inviteCSeq, branch, "", body))
}
