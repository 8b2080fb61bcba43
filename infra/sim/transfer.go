package sim

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/offhook/offhook/schemas/event"
)

// sending is the REFER that a phone is to send once it is in a conversation.
type sending struct {
	at       time.Duration // after the answer; 0: none
	to       string        // a URI
	attended bool          // to another call of the same phone, if it has one
	leaves   time.Duration // after it was told of success; 0: the edge's turn
}

// referral is what a phone was told of its REFER.
type referral struct {
	sent, over bool
	code       int // of the response
	told       int // the last status
	heard      int // CSeq of the newest NOTIFY
}

// elsewhere are the places that phones send their parties to.
var elsewhere = []string{"sip:103@" + domain, "sip:101@" + domain, "sip:203@" + domain, "sip:209@" + domain, "sip:+15550001@" + domain, "sip:999@" + domain,
	"sip:104@elsewhere.sim"}

func (w *world) sending(is string, share float64) (s sending) {
	d := w.dice
	if !d.chance(share, "refers", is) {
		return s
	}
	s = sending{at: d.span(300*time.Millisecond, 6*time.Second, "refer", is), to: elsewhere[d.pick(len(elsewhere), "elsewhere", is)], attended: d.chance(0.4, "attended", is)}
	if w.opts.To != "" {
		s.to, s.attended = w.opts.To, false
	}
	if d.chance(0.5, "leaves", is) {
		s.leaves = d.span(time.Millisecond, 300*time.Millisecond, "leave", is)
	}
	return s
}

// refer sends the other party away: RFC 3515.
func (p *party) refer() {
	if p.stage != up || p.referral.sent {
		return
	}
	to := p.manner.refer.to
	if q := p.other(); q != nil && p.manner.refer.attended {
		p.w.meets(p.name, q.name)
		to = uriOf(q.remote) + "?Replaces=" + url.QueryEscape(q.replaces())
	}
	p.referral.sent = true
	branch, raw := p.request("REFER", "Contact: <"+p.contact()+">\r\nRefer-To: <"+to+">\r\n", "")
	p.d.ask("REFER", branch, raw, func(m *message) {
		if m != nil && m.code >= 200 {
			p.referral.code = m.code
		}
	})
}

// other is another conversation of the same phone.
func (p *party) other() *party {
	for _, q := range p.w.parties {
		if q != p && q.d == p.d && q.stage == up {
			return q
		}
	}
	return nil
}

// replaces names the party's dialog for whoever is to take its place: RFC 3891.
func (p *party) replaces() string {
	return p.callID + ";to-tag=" + tag(p.remote) + ";from-tag=" + tag(p.local)
}

// inPlaceOf is the header of a call that takes the place of a phone in another: of the first that is in a conversation.
func (w *world) inPlaceOf(is string) string {
	i := slices.IndexFunc(w.parties, func(p *party) bool { return !p.caller && p.stage == up })
	if i < 0 {
		return "Replaces: nobody;to-tag=a;from-tag=b\r\n"
	}
	w.meets(is, w.parties[i].name)
	return "Replaces: " + w.parties[i].replaces() + "\r\n"
}

// meets notes that two parties' calls may meet.
func (w *world) meets(a, b string) {
	a, _, _ = strings.Cut(a, "-")
	b, _, _ = strings.Cut(b, "-")
	w.note.Lock()
	defer w.note.Unlock()
	w.met[a], w.met[b] = append(w.met[a], b), append(w.met[b], a)
}

// notified takes a NOTIFY inside a call.
func (p *party) notified(m *message) {
	r, state := &p.referral, m.get("subscription-state")
	n, _ := m.cseq()
	if n < r.heard { // RFC 3261 12.2.2
		p.d.answer(m, reply(m, 500, "", p.contact(), "", ""))
		return
	}
	r.heard = n
	first, _, _ := strings.Cut(m.body, "\r\n")
	word, _, _ := strings.Cut(strings.TrimPrefix(first, "SIP/2.0 "), " ")
	code, err := strconv.Atoi(word)
	last := strings.HasPrefix(state, "terminated")
	switch {
	case !r.sent || !strings.HasPrefix(m.get("event"), "refer"):
		p.w.problem(p.name, "a NOTIFY that was not asked for: %s", m.get("event"))
	case r.over:
		p.w.problem(p.name, "a NOTIFY after the last: %s", first)
	case err != nil || !last && (code >= 200 || !strings.HasPrefix(state, "active")):
		p.w.problem(p.name, "a NOTIFY says %q, and that it is %q", first, state)
	}
	r.told, r.over = code, last
	p.d.answer(m, reply(m, 200, "", p.contact(), "", ""))
	if wait := p.manner.refer.leaves; last && code == 200 && wait > 0 {
		p.w.after(wait, p.hangUp)
	}
}

// outcome of a REFER, for the counts.
func (r referral) outcome() string {
	switch {
	case !r.over:
		return fmt.Sprintf("phone refers, %d, never told", r.code)
	case r.told < 200:
		return "phone refers, no outcome"
	}
	return fmt.Sprintf("phone refers, told %d", r.told)
}

// transfers are all that were told, in no order.
func (w *world) transfers() (all []event.Transfer) {
	for _, list := range w.ledger.calls {
		for _, e := range distinct(list) {
			if e.kind == event.CallTransferred {
				all = append(all, decode[event.Transfer](e.data))
			}
		}
	}
	return all
}

// watch subscribes to the user's lamp: RFC 3842. The phone is known where it is registered.
func (x *extension) watch(seconds int) {
	x.lamp.cseq++
	x.lamp.on = seconds > 0
	x.d.branch++
	branch := fmt.Sprintf("z9hG4bKlamp%s%d-%d", x.user, x.nth, x.d.branch)
	to, target := fmt.Sprintf("<sip:%s@%s>", x.user, domain), "sip:"+x.user+"@"+domain
	if x.lamp.remote != "" {
		to, target = x.lamp.remote, x.lamp.target
	}
	var b strings.Builder
	fmt.Fprintf(&b, "SUBSCRIBE %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=%s;rport\r\nMax-Forwards: 70\r\n", target, x.d.at, branch)
	fmt.Fprintf(&b, "From: <sip:%s@%s>;tag=l%d\r\nTo: %s\r\nCall-ID: lamp-%s-%d\r\nCSeq: %d SUBSCRIBE\r\n", x.user, domain, x.nth, to, x.user, x.nth, x.lamp.cseq)
	fmt.Fprintf(&b, "Contact: <sip:%s@%s>\r\nEvent: message-summary\r\nExpires: %d\r\n", x.user, x.d.at, seconds)
	finish(&b, "", "")
	x.d.ask("SUBSCRIBE", branch, b.String(), func(m *message) {
		if m == nil || m.code != 200 {
			x.w.problem("", "the SUBSCRIBE of %s was answered %+v", x.user, m)
			return
		}
		x.lamp.remote, x.lamp.target = m.get("to"), uriOf(m.get("contact"))
	})
}

// lamp is a phone's subscription to its message lamp.
type lamp struct {
	cseq           int
	remote, target string
	told           string // the newest
	order          int    // its CSeq
	on, over       bool   // wanted, and ended
}

// watches: the NOTIFY is of this phone's subscription.
func (x *extension) watches(m *message) bool {
	return m.get("call-id") == fmt.Sprintf("lamp-%s-%d", x.user, x.nth)
}

func (x *extension) lit(m *message) {
	x.d.answer(m, reply(m, 200, "", fmt.Sprintf("sip:%s@%s", x.user, x.d.at), "", ""))
	if x.lamp.remote != "" && x.lamp.on && !x.watches(m) {
		x.w.problem("", "%s watches its lamp and is told without being asked", x.user)
	}
	n, _ := m.cseq()
	if n < x.lamp.order || !x.watches(m) {
		return
	}
	x.lamp.order, x.lamp.over = n, strings.HasPrefix(m.get("subscription-state"), "terminated")
	for line := range strings.Lines(m.body) {
		if said, ok := strings.CutPrefix(line, "Voice-Message: "); ok {
			x.lamp.told, _, _ = strings.Cut(said, " ")
		}
	}
}

// judgeLamps: each phone was told of the last count, and that its subscription is over.
func (w *world) judgeLamps(calls map[string][]entry) {
	last := map[string]entry{}
	for _, list := range calls {
		for _, e := range list {
			if e.kind != event.UserMessages {
				continue
			}
			if user := decode[event.MessageCount](e.data).User; !e.at.Before(last[user].at) {
				last[user] = e
			}
		}
	}
	for _, x := range w.phones {
		if x.user == "" {
			continue
		}
		want := "0/0"
		if e, ok := last[x.user]; ok {
			c := decode[event.MessageCount](e.data)
			want = fmt.Sprintf("%d/%d", c.New, c.Old)
		}
		if x.lamp.told != want || !x.lamp.over {
			w.problem("", "the lamp of %s.%d shows %q, over %v; last set was %s", x.user, x.nth, x.lamp.told, x.lamp.over, want)
		}
	}
}
