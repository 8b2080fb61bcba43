package sim

import (
	"fmt"
	"net/netip"
	"strings"
)

// extension is a phone that is called: a user's or the far side of a gateway.
type extension struct {
	w       *world
	d       *device
	user    string
	nth     int // device of the user
	parties []*party
	ears    int
	reg     registration
	lamp    lamp
}

func (w *world) newExtension(user string, nth int, at netip.AddrPort) *extension {
	x := &extension{w: w, user: user, nth: nth}
	x.d = w.device(at, x.asked)
	return x
}

func (x *extension) asked(m *message) {
	switch {
	case m.method == "CANCEL":
		x.cancelled(m)
	case m.method == "ACK":
		x.acknowledged(m)
	case m.method == "NOTIFY" && m.get("event") == "message-summary":
		x.lit(m)
	case m.method == "INVITE" && tag(m.get("to")) == "":
		x.invited(m)
	default:
		x.w.toDialog(x.d, x.parties, m)
	}
}

func (x *extension) invited(m *message) {
	call := x.w.nameOf(m.get("call-id"))
	name := call + "/" + x.user + "." + text(x.nth)
	p := &party{w: x.w, d: x.d, name: name, manner: x.w.calleeManner(name), invite: m, ids: ids{callID: m.get("call-id"),
		local: m.get("to") + ";tag=" + x.localTag(m, ""), remote: m.get("from"), target: uriOf(m.get("contact")), cseq: 100}}
	if p.manner.dead {
		return
	}
	p.ear = x.w.newEar(earAddr(x.d, x.ears), p.manner.payload, p.manner.every)
	x.ears++
	x.parties = append(x.parties, p)
	x.w.join(p)
	if m.body != "" {
		p.w.after(p.manner.ring, func() { x.ring(p) })
	}
	if p.manner.refuse > 0 {
		p.w.after(p.manner.answer, func() { x.refuse(p, p.manner.refuse, howRefused) })
	} else if p.manner.answer > 0 {
		p.w.after(p.manner.answer, func() { x.answer(p) })
	}
}

func (x *extension) localTag(m *message, more string) string {
	return fmt.Sprintf("x%s%d%s%s", x.user, x.nth, strings.ReplaceAll(x.w.nameOf(m.get("call-id")), "+", ""), more)
}

func (x *extension) ring(p *party) {
	if p.stage != early {
		return
	}
	if p.manner.early {
		x.d.answer(p.invite, reply(p.invite, 183, tag(p.local), p.contact(), "", p.say("sendrecv")))
		p.ear.speak(p.invite.body)
		return
	}
	x.d.answer(p.invite, reply(p.invite, 180, tag(p.local), p.contact(), "", ""))
}

func (x *extension) answer(p *party) {
	if p.stage != early {
		return
	}
	p.stage, p.bridged = up, true
	p.ear.speak(p.invite.body)
	p.ok = x.d.repeat(p.invite, reply(p.invite, 200, tag(p.local), p.contact(), "", p.say("sendrecv")), func() {
		if p.stage == up { // RFC 3261 13.3.1.4: no ACK, so BYE
			p.hangUp()
		}
	})
	if p.manner.fork {
		x.fork(p)
	}
	p.stand()
}

// fork answers from a second branch too. The edge must take whichever it hears first, acknowledge both and hang up one.
func (x *extension) fork(p *party) {
	twin := &party{w: x.w, d: x.d, name: p.name + "-twin", invite: p.invite, stage: up, bridged: true, manner: p.manner,
		ids: ids{callID: p.callID, remote: p.remote, target: p.target, cseq: 200,
			local: p.invite.get("to") + ";tag=" + x.localTag(p.invite, "twin")}}
	twin.ear = x.w.newEar(earAddr(x.d, x.ears), p.manner.payload, p.manner.every)
	x.ears++
	x.parties = append(x.parties, twin)
	x.w.join(twin)
	raw := reply(p.invite, 200, tag(twin.local), twin.contact(), "", twin.say("sendrecv"))
	twin.ear.speak(p.invite.body)
	twin.stand()
	x.w.after(x.w.dice.span(1e6, 400e6, "twin", p.name), func() {
		if twin.stage != up {
			return
		}
		twin.ok = &repeated{raw: raw, gap: t1}
		x.d.write(raw)
		x.d.once(twin.ok)
		twin.ok.limit = x.w.after(timeout, func() {
			twin.ok.stop()
			twin.hangUp()
			x.w.problem(twin.name, "the 2xx of a second branch was never acknowledged")
		})
	})
}

// refuse sends a final response and waits for its ACK.
func (x *extension) refuse(p *party, code int, how string) {
	if p.stage != early {
		return
	}
	p.code = code
	ok := x.d.repeat(p.invite, reply(p.invite, code, tag(p.local), "", "", ""), func() {
		x.w.unacknowledged = append(x.w.unacknowledged, p.name)
	})
	p.end(how)
	p.ok = ok
}

func (x *extension) cancelled(m *message) {
	for _, p := range x.parties {
		if p.callID == m.get("call-id") && param(p.invite.get("via"), "branch") == param(m.get("via"), "branch") {
			x.d.answer(m, reply(m, 200, tag(p.local), "", "", ""))
			x.refuse(p, 487, howElsewhere)
			return
		}
	}
	x.d.answer(m, reply(m, 481, "x", "", "", ""))
}

// acknowledged: the ACK of a refusal has the INVITE's branch, that of a 2xx the dialog's tags.
func (x *extension) acknowledged(m *message) {
	for _, p := range x.parties {
		if p.callID == m.get("call-id") && tag(p.local) == tag(m.get("to")) && p.ok != nil {
			p.ok.stop()
		}
	}
}
