package sim

import (
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// stage of a party's dialog.
type stage int

const (
	early stage = iota
	up
	closing
	over
)

// Ways in which a dialog ended, as the phone saw it.
const (
	howHungUp    = "hung up"       // by this phone
	howWasHungUp = "was hung up"   // by the edge
	howBoth      = "both hung up"  // the two crossed
	howCancelled = "cancelled"     // CANCEL, and 487 came back
	howRefused   = "refused"       // another final response
	howElsewhere = "was cancelled" // a callee got CANCEL
	howLost      = "lost"          // the edge did not answer, or knew nothing of it
	howVanished  = "vanished"      // the phone went away without a word
)

// party is a phone's side of one call. Its methods are called with world.mu held.
type party struct {
	w      *world
	d      *device
	name   string // the same in every run of the seed
	manner manner
	caller bool

	ids
	stage            stage
	how              string
	ended, confirmed time.Time // confirmed: the CANCEL was answered
	code             int       // of a refusal
	ear              *ear
	offers
	bridged bool // it heard an answer or gave one
	ok      *repeated
	invite  *message // a callee's
	onOver  func()
	asking
	referral referral
}

// ids are what makes the dialog.
type ids struct {
	callID, local, remote, target string
	cseq                          int
}

// offers is where the party's session stands.
type offers struct {
	version  int
	holding  bool
	changing bool // a re-INVITE or UPDATE is under way
}

// asking is a caller's own.
type asking struct {
	ask                    *request // its INVITE
	wantCancel, cancelSent bool
	accepted               *message // the first 2xx
}

func (p *party) alive() bool { return p.stage != over }

// end is the last of a party.
func (p *party) end(how string) {
	if p.stage == over {
		return
	}
	p.stage, p.how, p.ended = over, how, time.Now()
	if p.ok != nil {
		p.ok.stop()
	}
	if p.ear != nil {
		p.ear.close()
	}
	if p.onOver != nil {
		p.onOver()
	}
}

// vanish: the phone's battery is empty.
func (p *party) vanish() {
	if !p.alive() {
		return
	}
	p.end(howVanished)
	if p.caller {
		p.d.close()
	}
}

// request renders a request in the dialog.
func (p *party) request(method, headers, body string) (branch, raw string) {
	if method != "ACK" && method != "CANCEL" {
		p.cseq++
	}
	p.d.branch++
	branch = fmt.Sprintf("z9hG4bK%s-%d", strings.ReplaceAll(p.d.at.String(), ":", "-"), p.d.branch)
	return branch, p.render(method, p.cseq, branch, headers, body)
}

func (p *party) render(method string, cseq int, branch, headers, body string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=%s;rport\r\nMax-Forwards: 70\r\n", method, p.target, p.d.at, branch)
	fmt.Fprintf(&b, "From: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %d %s\r\n", p.local, p.remote, p.callID, cseq, method)
	if method == "INVITE" || method == "UPDATE" {
		fmt.Fprintf(&b, "Contact: <%s>\r\n", p.contact())
	}
	finish(&b, headers, body)
	return b.String()
}

func (p *party) contact() string { return "sip:phone@" + p.d.at.String() }

// hangUp sends BYE; a callee does once its 2xx is acknowledged (RFC 3261 15).
func (p *party) hangUp() {
	if p.stage != up {
		return
	}
	if !p.caller && p.ok != nil && !p.ok.over {
		p.w.after(50*time.Millisecond, p.hangUp)
		return
	}
	p.stage = closing
	if p.ear != nil {
		p.ear.listen(false)
	}
	branch, raw := p.request("BYE", "", "")
	p.d.ask("BYE", branch, raw, func(m *message) {
		switch {
		case m == nil:
			p.end(howLost)
		case m.code == 481 && p.how == "":
			p.end(howBoth)
		case m.code >= 200:
			p.end(howHungUp)
		}
	})
}

// asked takes a request inside the dialog.
func (p *party) asked(m *message) {
	switch m.method {
	case "ACK":
		if p.ok != nil {
			p.ok.stop()
		}
	case "BYE":
		p.d.answer(m, reply(m, 200, "", "", "", ""))
		if p.stage == closing {
			p.end(howBoth)
		} else {
			p.end(howWasHungUp)
		}
	case "NOTIFY":
		p.notified(m)
	case "INVITE":
		p.ok = p.d.repeat(m, reply(m, 200, "", p.contact(), "", p.say("sendrecv")), func() {})
	case "UPDATE":
		p.d.answer(m, reply(m, 200, "", p.contact(), "", p.say("sendrecv")))
	default:
		p.d.answer(m, reply(m, 200, "", p.contact(), "", ""))
	}
}

func (p *party) say(direction string) string {
	p.version++
	return p.ear.description(direction, p.version)
}

// change holds or resumes: by re-INVITE or UPDATE.
func (p *party) change(method, direction string) {
	if p.stage != up || p.changing {
		return
	}
	hold := direction != "sendrecv"
	p.changing = true
	if hold {
		p.ear.listen(false)
	}
	branch, raw := p.request(method, "", p.say(direction))
	cseq := p.cseq
	p.d.ask(method, branch, raw, func(m *message) { p.changed(method, branch, cseq, hold, m) })
}

func (p *party) changed(method, branch string, cseq int, hold bool, m *message) {
	switch {
	case m == nil:
		p.changing = false
	case m.code < 200:
	case m.code < 300:
		if method == "INVITE" {
			p.d.branch++
			p.d.write(p.render("ACK", cseq, fmt.Sprintf("z9hG4bKack-%s-%d", strings.ReplaceAll(p.d.at.String(), ":", "-"), p.d.branch), "", ""))
		}
		if p.changing && p.stage == up {
			p.holding = hold
			p.ear.listen(!hold)
		}
		p.changing = false
	default:
		if method == "INVITE" {
			p.d.write(p.render("ACK", cseq, branch, "", ""))
		}
		p.changing = false
		if p.stage == up {
			p.ear.listen(!p.holding)
		}
	}
}

// press sends a digit.
func (p *party) press(k keypress) {
	if p.stage != up {
		return
	}
	if !k.info {
		p.ear.press(k.digit)
		return
	}
	branch, raw := p.request("INFO", "Content-Type: application/dtmf-relay\r\n", fmt.Sprintf("Signal=%c\r\nDuration=120\r\n", k.digit))
	p.d.ask("INFO", branch, raw, func(*message) {})
}

// stand begins what a phone does once it is in a conversation.
func (p *party) stand() {
	m := p.manner
	p.ear.listen(true)
	p.ear.muted = m.mute
	for _, k := range m.keys {
		p.w.after(k.at, func() { p.press(k) })
	}
	for _, h := range m.holds {
		p.w.after(h.at, func() { p.change(h.method, h.direction) })
		p.w.after(h.at+h.lasts, func() { p.change(h.method, "sendrecv") })
	}
	if m.refer.at > 0 {
		p.w.after(m.refer.at, p.refer)
	}
	if m.vanish > 0 {
		p.w.after(m.vanish, p.vanish)
	}
	if m.hangUp > 0 {
		p.w.after(m.hangUp, p.hangUp)
	}
}

func earAddr(d *device, n int) netip.AddrPort {
	return netip.AddrPortFrom(d.at.Addr(), uint16(30000+2*n))
}

// manner is what a phone does in a call.
type manner struct {
	payload byte
	every   time.Duration // between frames
	hangUp  time.Duration // after the answer; 0: the other side's turn
	keys    []keypress
	holds   []hold
	mute    bool
	vanish  time.Duration // after the answer
	noAck   bool
	refer   sending

	// of a caller
	cancel  time.Duration // gives up unanswered
	noOffer bool          // INVITE without SDP

	// of a callee
	ring, answer time.Duration // after the INVITE; answer 0: never
	refuse       int           // in place of an answer
	early        bool          // 183 with sound
	dead         bool          // does not react at all
	fork         bool          // a second 2xx from another branch
}

type keypress struct {
	at    time.Duration
	digit byte
	info  bool
}

type hold struct {
	at, lasts         time.Duration
	method, direction string
}
