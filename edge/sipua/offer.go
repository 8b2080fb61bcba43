package sipua

import (
	"time"

	"github.com/emiago/sipgo/sip"
)

// answerWithin is how long the handler may take over a re-INVITE or UPDATE of the other side.
const answerWithin = 20 * time.Second

// offers keeps offer and answer (RFC 3264) apart from each other: one at a time, whoever began.
type offers struct {
	theirs *theirOffer   // a re-INVITE or UPDATE that waits for the handler
	ours   *sip.Request  // a re-INVITE or UPDATE of ours that waits for its response
	next   *[]byte       // an offer of ours that waits its turn; nil in it: they shall offer
	retry  timer         // after 491
	owed   *sip.Response // a 2xx with their offer, whose ACK has our answer
	acked  []byte        // that answer, should the 2xx come again
	sdp    []byte        // what we said last, for a refresh by re-INVITE
}

type theirOffer struct {
	d     *Dialog
	req   *sip.Request
	tx    *serverTx
	limit timer
}

// busy tells that an offer of ours is under way.
func (o *offers) busy() bool { return o.ours != nil || o.owed != nil }

// offered hands the other side's offer to the handler.
func (d *Dialog) offered(req *sip.Request, tx *serverTx) {
	t := &theirOffer{d: d, req: req, tx: tx}
	d.offer.theirs = t
	d.w.after(&t.limit, t, answerWithin)
	d.tell(DialogEvent{Kind: Offer, SDP: sdpOf(req)})
}

func (t *theirOffer) expire(*timer) {
	t.d.w.busy = t.d
	t.d.w.log.Error("an offer was left unanswered", "call_id", t.d.callID)
	t.d.dropTheirs(500)
	t.d.offerDue()
}

// dropTheirs refuses a waiting offer.
func (d *Dialog) dropTheirs(code int) {
	t := d.offer.theirs
	if t == nil {
		return
	}
	d.offer.theirs = nil
	d.w.timers.stop(&t.limit)
	t.tx.respond(t.req, code, nil)
}

func (d *Dialog) answerOffer(sdp []byte) {
	if d.offer.owed != nil {
		d.payAck(sdp)
		d.offerDue()
		return
	}
	t := d.offer.theirs
	if t == nil {
		return
	}
	d.offer.theirs = nil
	d.w.timers.stop(&t.limit)
	m := respond(t.req, 200, phrase(200), d.localTag)
	d.dialogHeaders(m)
	m.headers(d.agree(t.req))
	raw, err := m.body(typeSDP, sdp)
	if err != nil {
		d.w.log.Error("offer not answered", "call_id", d.callID, "error", err)
		t.tx.respond(t.req, 500, nil)
		return
	}
	d.offer.sdp = sdp
	t.tx.reply(200, raw)
	if t.req.Method == sip.INVITE {
		d.repeat(&okay{raw: raw, path: t.tx.path, cseq: t.req.CSeq().SeqNo, ours: sdpOf(t.req) == nil})
	} else {
		d.offerDue()
	}
}

func (d *Dialog) refuseOffer(code int) {
	if code < 300 || code > 699 {
		code = 488
	}
	if d.offer.owed != nil { // a 2xx cannot be refused any more: ACK and BYE (RFC 3261 13.2.2.4)
		d.payAck(nil)
		d.hangup(EndCause{Why: EndBye, Code: code, Phrase: phrase(code)}, "")
		return
	}
	d.dropTheirs(code)
	d.offerDue()
}

// queueOffer makes an offer, now or when it is possible.
func (d *Dialog) queueOffer(sdp []byte) {
	d.offer.next = &sdp
	d.offerDue()
}

// offerDue makes the waiting offer if nothing is in its way (RFC 3261 14.1).
func (d *Dialog) offerDue() {
	o := &d.offer
	if o.next == nil || d.state != confirmed || d.end != nil || d.okay != nil || o.theirs != nil || o.busy() || o.retry.running() {
		return
	}
	sdp := *o.next
	o.next = nil
	d.reinvite(sdp, false)
}

// reinvite sends a re-INVITE. refresh: it only keeps the session alive, and nobody is told.
func (d *Dialog) reinvite(sdp []byte, refresh bool) {
	req, way, err := d.request(sip.INVITE, 0, d.refreshHeaders()...)
	if err != nil {
		d.lost(nil)
		return
	}
	req.AppendHeader(sip.NewHeader("Allow", allow))
	setBody(req, typeSDP, sdp)
	d.offer.ours, d.peer.proof = req, nil
	d.ask(req, way, func(res *sip.Response) { d.reinviteAnswered(req, sdp, res, refresh) })
}

func (d *Dialog) reinviteAnswered(req *sip.Request, sdp []byte, res *sip.Response, refresh bool) {
	if d.offer.ours != req { // settled: a copy of the 2xx
		if res != nil && res.StatusCode < 300 {
			d.ackAgain(res)
		}
		return
	}
	d.offer.ours = nil
	switch {
	case d.state == over:
		return
	case res != nil && res.StatusCode < 300:
		d.reinviteAccepted(req, sdp, res, refresh)
	case gone(res):
		d.lost(res)
		return
	case res.StatusCode == 491:
		d.glare(sdp, refresh)
	case res.StatusCode == 422 && d.raise(res):
		d.reinvite(sdp, refresh)
	case !refresh:
		d.tell(DialogEvent{Kind: OfferAnswered, Code: res.StatusCode, Phrase: cleanPhrase(res.Reason)})
	}
	d.offerDue()
}

func (d *Dialog) reinviteAccepted(req *sip.Request, sdp []byte, res *sip.Response, refresh bool) {
	d.peer.learn(res, res.Contact())
	d.follow(d.peer.path)
	if d.state != confirmed { // our BYE has overtaken it
		d.sendAck(res, nil)
		return
	}
	d.sessionFrom(res)
	if sdp == nil { // they offer; the ACK waits for our answer
		d.offer.owed = res
		d.tell(DialogEvent{Kind: Offer, SDP: sdpOf(res)})
		return
	}
	d.offer.sdp, d.offer.acked = sdp, nil
	d.sendAck(res, nil)
	if !refresh {
		d.tell(DialogEvent{Kind: OfferAnswered, Code: res.StatusCode, SDP: sdpOf(res)})
	}
}

// glare waits its turn after a 491: the one who made the Call-ID longer (RFC 3261 14.1).
func (d *Dialog) glare(sdp []byte, refresh bool) {
	if refresh {
		return // theirs refreshes as well; the session timer sees to it otherwise
	}
	if d.offer.next == nil {
		d.offer.next = &sdp
	}
	wait := time.Duration(d.w.ids.below(200, d.callID)) * 10 * time.Millisecond
	if !d.inbound {
		wait = 2100*time.Millisecond + time.Duration(d.w.ids.below(191, d.callID))*10*time.Millisecond
	}
	d.w.after(&d.offer.retry, d, wait)
}

// payAck sends the ACK that an offer in a 2xx waits for.
func (d *Dialog) payAck(sdp []byte) {
	res := d.offer.owed
	if res == nil {
		return
	}
	d.offer.owed, d.offer.acked, d.offer.sdp = nil, sdp, sdp
	d.sendAck(res, sdp)
}

// sendAck acknowledges a 2xx: RFC 3261 13.2.2.4. It is a request of its own, repeated with each copy of the 2xx, and has the
// credentials of the INVITE.
func (d *Dialog) sendAck(res *sip.Response, sdp []byte) {
	req, way, err := d.request(sip.ACK, res.CSeq().SeqNo)
	if err != nil {
		d.w.log.Debug("ack not sent", "call_id", d.callID, "error", err)
		return
	}
	for _, h := range d.peer.proof {
		req.AppendHeader(h)
	}
	setBody(req, typeSDP, sdp)
	raw, err := renderRequest(req)
	if err != nil {
		d.w.log.Warn("ack not sent", "call_id", d.callID, "error", err)
		return
	}
	d.w.write(way, raw)
}

// ackAgain answers a repeated 2xx.
func (d *Dialog) ackAgain(res *sip.Response) {
	if d.offer.owed == nil && d.state != over {
		d.sendAck(res, d.offer.acked)
	}
}
