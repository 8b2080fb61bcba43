package sipua

import (
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/offhook/offhook/edge/sipua/refer"
)

const (
	referralLife = 5 * time.Minute // how long a REFER of the other side may be under way
	firstNotify  = timerB          // RFC 6665 4.1.2.4, Timer N
	outcomeLimit = 3 * time.Minute // how long the outcome of a REFER of ours is waited for
)

// transfer is what REFER has begun in a dialog: RFC 3515.
type transfer struct {
	theirs *referral // they asked us
	before bool      // not for the first time
	ours   bool      // we asked them, and the outcome is not known
	heard  bool      // a NOTIFY of theirs came; there is a subscription until it says that it ends
	limit  timer     // of ours
}

// referral is a REFER of the other side, and the subscription that it made (RFC 3515 2.4.4).
type referral struct {
	d       *Dialog
	id      string       // the Event that its NOTIFYs have
	silent  bool         // Refer-Sub: false, RFC 4488: no NOTIFYs
	last    refer.Status // as told
	waiting bool         // a NOTIFY has no response yet: the next one waits, so that they come in order
	next    *refer.Status
	until   time.Duration
	limit   timer
}

// referred takes a REFER. One at a time: a second one while the first is under way meets what RFC 3261 21.4.27 is for.
func (d *Dialog) referred(req *sip.Request, tx *serverTx) {
	switch {
	case d.state == closing || d.end != nil:
		tx.respond(req, 487, nil)
		return
	case d.state == early || d.transfer.theirs != nil:
		tx.respond(req, 491, nil)
		return
	}
	all := req.GetHeaders("refer-to")
	if len(all) != 1 { // RFC 3515 2.4.1
		tx.respond(req, 400, nil)
		return
	}
	target, err := refer.ParseTarget(all[0].Value())
	if err != nil {
		d.w.log.Debug("refer not understood", "call_id", d.callID, "error", err)
		tx.respond(req, 400, nil)
		return
	}
	d.followReferral(req, tx, target)
}

func (d *Dialog) followReferral(req *sip.Request, tx *serverTx, target refer.Target) {
	r := &referral{d: d, id: "refer", silent: strings.EqualFold(headerOf(req, "refer-sub"), "false"), until: d.w.now() + referralLife}
	if d.transfer.before { // RFC 3515 2.4.6: phones expect none with the first
		r.id += ";id=" + strconv.FormatUint(uint64(req.CSeq().SeqNo), 10)
	}
	d.transfer.theirs, d.transfer.before = r, true
	d.w.after(&r.limit, r, referralLife)
	h := []Header{{"Contact", d.contact(d.peer.path)}}
	if r.silent {
		h = append(h, Header{"Refer-Sub", "false"})
	}
	tx.respond(req, 202, nil, h...)
	d.notifyRefer(refer.Status{Code: 100}) // at once: RFC 3515 2.4.4
	asked := &Refer{URI: target.URI.String(), User: numberOf(&target.URI), Host: target.URI.Host, Local: d.local(&target.URI), By: referrer(req)}
	if target.Replaces == nil {
		d.tell(DialogEvent{Kind: Referred, Refer: asked})
		return
	}
	d.w.named(*target.Replaces, d.tenant, func(other *Dialog, code int) {
		switch {
		case d.state == over:
		case other == nil || other == d:
			d.notifyRefer(refer.Status{Code: max(code, 481)})
		default:
			asked.Replaces = other
			d.tell(DialogEvent{Kind: Referred, Refer: asked})
		}
	})
}

// local: the URI's host is what this dialog shows to be ours, our Contact or how the caller named us.
func (d *Dialog) local(uri *sip.Uri) bool {
	host, port := d.peer.path.link.local()
	if strings.EqualFold(strings.Trim(uri.Host, "[]"), strings.Trim(host, "[]")) {
		return uri.Port == 0 || uri.Port == port
	}
	var own sip.Uri
	if _, err := sip.ParseAddressValue(d.peer.local, &own, &sip.HeaderParams{}); err != nil || !d.inbound {
		return false
	}
	return strings.EqualFold(uri.Host, own.Host) && (uri.Port == 0 || uri.Port == own.Port)
}

// notifyRefer tells how far it has come. What comes while a NOTIFY is under way waits; only the newest waits.
func (d *Dialog) notifyRefer(s refer.Status) {
	r := d.transfer.theirs
	if r == nil || d.state != confirmed || s.Code < 100 || s.Code > 699 {
		return
	}
	if s.Phrase == "" {
		s.Phrase = phrase(s.Code)
	}
	switch {
	case r.silent:
		if s.Code >= 200 {
			d.forgetReferral()
		}
	case r.waiting:
		r.next = &s
	default:
		state := "active;expires=" + strconv.Itoa(int(max(r.until-d.w.now(), 0)/time.Second))
		if s.Code >= 200 {
			state = "terminated;reason=noresource"
		}
		d.sendNotify(r, s, state)
	}
}

// sendNotify: RFC 3515 2.4.5. One that terminates is the last, whatever the response.
func (d *Dialog) sendNotify(r *referral, s refer.Status, state string) {
	r.last = s
	if strings.HasPrefix(state, "terminated") {
		d.forgetReferral()
	}
	req, way, err := d.request(sip.NOTIFY, 0, Header{"Event", r.id}, Header{"Subscription-State", state}, Header{"Allow", allow})
	if err != nil {
		d.forgetReferral()
		return
	}
	setBody(req, refer.ContentType, s.Fragment())
	r.waiting = true
	d.ask(req, way, func(res *sip.Response) { d.notifyAnswered(r, res) })
}

// notifyAnswered: who refuses a NOTIFY wants no more of them (RFC 6665 4.2.2). The call is another matter (RFC 5057 5.1).
func (d *Dialog) notifyAnswered(r *referral, res *sip.Response) {
	r.waiting = false
	if d.transfer.theirs != r {
		return
	}
	if res == nil || res.StatusCode >= 300 {
		r.silent = true
	}
	if next := r.next; next != nil {
		r.next = nil
		d.notifyRefer(*next)
	}
}

// lastNotify sends what waits, before the BYE.
func (d *Dialog) lastNotify() {
	r := d.transfer.theirs
	if r == nil || r.silent || r.next == nil {
		return
	}
	d.sendNotify(r, *r.next, "terminated;reason=noresource")
}

func (d *Dialog) forgetReferral() {
	if r := d.transfer.theirs; r != nil {
		d.w.timers.stop(&r.limit)
		d.transfer.theirs = nil
	}
}

// expire: nobody told the outcome in time.
func (r *referral) expire(*timer) {
	r.d.w.busy = r.d
	if r.silent || r.d.state != confirmed {
		r.d.forgetReferral()
		return
	}
	r.d.sendNotify(r, r.last, "terminated;reason=timeout")
}

// resubscribed takes a SUBSCRIBE inside the dialog: the referrer refreshes or ends its subscription (RFC 3515 2.4.4).
func (d *Dialog) resubscribed(req *sip.Request, tx *serverTx) {
	r := d.transfer.theirs
	switch {
	case eventOf(req) != "refer":
		tx.respond(req, 489, nil, Header{"Allow-Events", allowEvents})
		return
	case r == nil || r.silent || d.state != confirmed:
		tx.respond(req, 481, nil)
		return
	}
	life := min(parseExpires(headerOf(req, "expires"), referralLife), referralLife)
	tx.respond(req, 200, nil, Header{"Expires", strconv.Itoa(int(life / time.Second))}, Header{"Contact", d.contact(d.peer.path)})
	if life == 0 {
		d.sendNotify(r, r.last, "terminated;reason=timeout")
		return
	}
	r.until = d.w.now() + life
	d.w.after(&r.limit, r, life)
	if !r.waiting {
		d.notifyRefer(r.last)
	}
}

// eventOf is the event package of a SUBSCRIBE or NOTIFY.
func eventOf(req *sip.Request) string {
	name, _, _ := strings.Cut(headerOf(req, "event", "o"), ";")
	return strings.ToLower(strings.TrimSpace(name))
}
