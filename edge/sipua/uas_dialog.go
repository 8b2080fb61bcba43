package sipua

import (
	"github.com/emiago/sipgo/sip"
)

// inDialog takes a request with a To tag.
func (w *worker) inDialog(req *sip.Request, from path) {
	d := w.match(req)
	switch {
	case d == nil && req.Method == sip.SUBSCRIBE:
		w.subscribed(req, from)
		return
	case d == nil:
		w.answer(req, from, 481)
		return
	}
	w.busy = d
	tx := w.serve(req, replyPath(req, from), d.localTag)
	tx.dialog = d
	if req.CSeq().SeqNo < d.peer.heard { // RFC 3261 12.2.2
		tx.respond(req, 500, nil)
		return
	}
	d.peer.heard = req.CSeq().SeqNo
	switch req.Method {
	case sip.BYE:
		d.byeReceived(req, tx)
	case sip.INVITE:
		d.reinvited(req, tx, from)
	case sip.UPDATE:
		d.updated(req, tx, from)
	case sip.INFO:
		tx.respond(req, 200, nil)
		d.tell(DialogEvent{Kind: Info, Body: req.Body(), ContentType: headerOf(req, "content-type")})
	case sip.OPTIONS:
		tx.respond(req, 200, nil, abilities...)
	case sip.REFER:
		d.referred(req, tx)
	case sip.NOTIFY:
		d.notified(req, tx)
	case sip.SUBSCRIBE:
		d.resubscribed(req, tx)
	default:
		tx.respond(req, 405, nil, Header{"Allow", allow})
	}
}

// byeReceived: RFC 3261 15.1.2. While ours is under way, theirs only gets its answer.
func (d *Dialog) byeReceived(req *sip.Request, tx *serverTx) {
	if d.out != nil { // a callee may not, before its final response (RFC 3261 15)
		tx.respond(req, 481, nil)
		return
	}
	tx.respond(req, 200, nil)
	if d.state == closing {
		return
	}
	if d.in != nil {
		d.in.tx.respond(d.in.req, 487, nil)
	}
	d.payAck(nil)
	d.finish(ended(EndBye, 0, req))
}

// reinvited: RFC 3261 14.2.
func (d *Dialog) reinvited(req *sip.Request, tx *serverTx, from path) {
	switch {
	case d.state == early, d.offer.theirs != nil, d.okay != nil && (d.okay.first && d.end != nil || d.okay.ours):
		tx.respond(req, 500, nil, d.w.retryAfter(d.callID))
		return
	case d.state == closing: // our BYE is on its way, and says more than a 481
		tx.respond(req, 487, nil)
		return
	case d.offer.busy():
		tx.respond(req, 491, nil)
		return
	}
	if d.okay != nil { // who sends the next one has our 2xx
		first := d.okay.first
		d.settle()
		if first {
			d.tell(DialogEvent{Kind: Answered, Code: 200})
		}
	}
	if res := d.w.tooBrief(req); res != nil {
		tx.respond(req, 422, nil, Header{"Min-SE", headerOf(res, "min-se")})
		return
	}
	d.refreshed(req, from)
	if raw, err := respond(req, 100, phrase(100), "").body("", nil); err == nil {
		tx.reply(100, raw)
	}
	d.offered(req, tx)
}

// updated: RFC 3311 5.2.
func (d *Dialog) updated(req *sip.Request, tx *serverTx, from path) {
	sdp := sdpOf(req)
	switch {
	case d.state == closing:
		tx.respond(req, 487, nil)
		return
	case sdp != nil && d.offer.busy():
		tx.respond(req, 491, nil)
		return
	case sdp != nil && (d.offer.theirs != nil || d.in != nil || d.okay != nil && d.okay.ours):
		tx.respond(req, 500, nil, d.w.retryAfter(d.callID)) // an offer of theirs is not answered yet
		return
	case sdp != nil && d.out != nil:
		tx.respond(req, 491, nil) // our first offer is not answered yet
		return
	}
	if res := d.w.tooBrief(req); res != nil {
		tx.respond(req, 422, nil, Header{"Min-SE", headerOf(res, "min-se")})
		return
	}
	d.refreshed(req, from)
	if sdp == nil {
		tx.respond(req, 200, nil, append(d.agree(req), Header{"Contact", d.contact(d.peer.path)})...)
		return
	}
	d.offered(req, tx)
}

// refreshed takes the new target of a target refresh request (RFC 3261 12.2.2).
func (d *Dialog) refreshed(req *sip.Request, from path) {
	d.peer.learn(req, req.Contact())
	d.follow(from)
}
