package sipua

import (
	"cmp"
	"strconv"
	"time"

	"github.com/emiago/sipgo/sip"
)

// progressEvery: proxies give a call up that is silent for three minutes (RFC 3261 13.3.1.1).
const progressEvery = time.Minute

// uasInvite is an inbound INVITE without a final response.
type uasInvite struct {
	req   *sip.Request
	tx    *serverTx
	offer bool // it had an SDP
	again timer

	unseen bool // the handler does not know of it yet
}

// invited takes an INVITE outside a dialog: known already, refused, or a new dialog.
func (w *worker) invited(req *sip.Request, from path) {
	tag := w.tagFor(req)
	if code := w.seen(req); code != 0 {
		if code > 0 {
			w.turnAway(req, refuse(req, code, ""), from)
		}
		return
	}
	if res := w.overloaded(req); res != nil {
		w.turnAway(req, res, from)
		return
	}
	in, res := w.u.admit(req, from.to, from.link.network())
	if res == nil {
		res = w.tooBrief(req)
	}
	if res != nil {
		w.turnAway(req, res, from)
		return
	}
	takes, err := replacesIn(req)
	if err != nil {
		w.turnAway(req, refuse(req, 400, "Bad Replaces"), from)
		return
	}
	in.CallID, in.SDP, in.Source, in.Heard = req.CallID().Value(), sdpOf(req), from.to, w.heard
	d := w.open(req, from, tag, in)
	if takes != nil {
		d.takePlace(*takes, in)
		return
	}
	w.u.handler.OnInvite(d, in)
}

// seen tells whether an INVITE is a copy of one that made a dialog: -1 to keep silent, a code to refuse it with
// (482: it came another way, RFC 3261 8.2.2.2), 0: it is new.
func (w *worker) seen(req *sip.Request) int {
	callID, from, cseq := req.CallID().Value(), tagOf(req.From().Params), req.CSeq().SeqNo
	for d := w.calls[callID]; d != nil; d = d.next {
		switch {
		case !d.inbound || d.remoteTag != from || cseq > d.peer.invite.cseq:
		case cseq == d.peer.invite.cseq && d.peer.invite.branch == param(req.Via().Params, "branch"):
			return -1
		default:
			return 482
		}
	}
	if stone, ok := w.tombs.find(tombKey{callID, from, true}); ok && cseq <= stone.cseq {
		return -1 // late, and its dialog is over
	}
	return 0
}

// open makes the dialog of an admitted INVITE: RFC 3261 12.1.1.
func (w *worker) open(req *sip.Request, from path, tag string, in Invite) *Dialog {
	for w.find(in.CallID, tag) != nil { // a second call from the same Call-ID and tag, with a higher CSeq
		tag = w.ids.tag(in.CallID, tag)
	}
	tx := w.serve(req, replyPath(req, from), tag)
	d := w.answering(req, in.CallID, tag, in.Tenant)
	d.user = in.User
	tx.dialog = d
	d.in = &uasInvite{req: req, tx: tx, offer: in.SDP != nil}
	d.peer.invite = inviteID{req.CSeq().SeqNo, param(req.Via().Params, "branch")}
	d.follow(from)
	w.add(d)
	w.busy = d
	if raw, err := respond(req, 100, phrase(100), "").body("", nil); err == nil {
		tx.reply(100, raw)
	}
	return d
}

// answering is a dialog that a request of the other side makes (RFC 3261 12.1.1).
func (w *worker) answering(req *sip.Request, callID, tag, tenant string) *Dialog {
	d := &Dialog{w: w, callID: callID, localTag: tag, tenant: tenant, inbound: true, remoteTag: tagOf(req.From().Params)}
	d.peer = peer{local: textOf(req.To(), ";tag=", tag)[len("To: "):], remote: textOf(req.From())[len("From: "):], routes: routesOf(req), heard: req.CSeq().SeqNo}
	if d.peer.learn(req, req.Contact()); d.peer.target == "" { // it has no Contact
		d.peer.target = req.From().Address.String()
	}
	return d
}

// dialogHeaders go into every response that makes or keeps a dialog.
func (d *Dialog) dialogHeaders(m *writer) {
	m.header("Contact", d.contact(d.peer.path))
	m.header("Allow", allow)
	m.header("Supported", supported)
	m.header("Server", d.w.u.cfg.UserAgent)
}

func (d *Dialog) progress(code int, text string, sdp []byte, h []Header) {
	if d.in == nil || code <= 100 || code >= 200 {
		return
	}
	if checkText(text) != nil {
		text = ""
	}
	if !d.in.offer {
		sdp = nil // it would be an offer, and may not be in a response that can get lost (RFC 3261 13.2.1)
	}
	m := respond(d.in.req, code, cmp.Or(text, phrase(code)), d.localTag)
	d.dialogHeaders(m)
	m.headers(d.w.clean(h))
	raw, err := m.body(typeSDP, sdp)
	if err != nil {
		d.w.log.Warn("response not sent", "call_id", d.callID, "code", code, "error", err)
		return
	}
	d.in.tx.reply(code, raw)
	d.w.after(&d.in.again, d, progressEvery)
}

func (d *Dialog) progressAgain() {
	d.in.tx.send()
	d.w.after(&d.in.again, d, progressEvery)
}

func (d *Dialog) accept(sdp []byte, h []Header) {
	if d.in == nil {
		return
	}
	in := d.in
	m := respond(in.req, 200, phrase(200), d.localTag)
	d.dialogHeaders(m)
	m.headers(d.agree(in.req))
	m.headers(d.w.clean(h))
	raw, err := m.body(typeSDP, sdp)
	if err != nil {
		d.w.log.Error("call not answered", "call_id", d.callID, "error", err)
		d.reject(End{Code: 500})
		return
	}
	d.w.timers.stop(&d.in.again)
	d.in, d.state, d.offer.sdp = nil, confirmed, sdp
	in.tx.reply(200, raw)
	d.w.u.answered(d)
	d.repeat(&okay{raw: raw, path: in.tx.path, cseq: in.req.CSeq().SeqNo, first: true, ours: !in.offer})
}

// reject answers the INVITE with a final response of the handler's choice.
func (d *Dialog) reject(e End) {
	code := e.Code
	if code < 300 || code > 699 {
		code = 480
	}
	text := cmp.Or(e.Phrase, phrase(code), "Refused")
	m := respond(d.in.req, code, text, d.localTag)
	m.header("Server", d.w.u.cfg.UserAgent)
	m.headers(reasonHeader(e.Reason))
	m.headers(e.Headers)
	raw, err := m.body("", nil)
	if err != nil {
		d.w.log.Error("call not refused", "call_id", d.callID, "error", err)
		d.in.tx.drop()
	} else {
		d.in.tx.reply(code, raw)
		d.w.u.answered(d)
	}
	d.finish(EndCause{Why: EndRefused, Code: code, Phrase: text})
}

// okay is a 2xx to an INVITE, repeated until its ACK comes: RFC 3261 13.3.1.4.
type okay struct {
	d     *Dialog
	raw   []byte
	path  path
	cseq  uint32
	first bool // it answered the call; otherwise a re-INVITE
	ours  bool // it had our offer: the ACK has the answer
	again timer
	limit timer
	gap   time.Duration
}

func (d *Dialog) repeat(o *okay) {
	d.settle()
	o.d, o.gap, d.okay = d, timerT1, o
	d.w.after(&o.limit, o, timerB)
	d.w.after(&o.again, o, o.gap) // over TCP too: it may have been lost behind a proxy
}

// settle ends the repetition.
func (d *Dialog) settle() {
	if d.okay != nil {
		d.w.timers.stop(&d.okay.again)
		d.w.timers.stop(&d.okay.limit)
		d.okay = nil
	}
}

func (o *okay) expire(t *timer) {
	d := o.d
	d.w.busy = d
	if t == &o.again {
		d.w.write(o.path, o.raw)
		o.gap = later(o.gap)
		d.w.after(&o.again, o, o.gap)
		return
	}
	d.settle()
	d.orphanBye("")
	cause := EndCause{Why: EndNoAck, Remote: true}
	if d.end != nil {
		cause = *d.end
	}
	d.finish(cause)
}

// acknowledge takes the ACK of a 2xx, whichever branch it has.
func (w *worker) acknowledge(req *sip.Request) {
	d := w.match(req)
	if d == nil || d.okay == nil || d.okay.cseq != req.CSeq().SeqNo {
		return
	}
	w.busy = d
	o := d.okay
	d.settle()
	switch {
	case d.end != nil && d.state == confirmed: // End came while the ACK was awaited
		d.sendBye()
	case o.first:
		d.tell(DialogEvent{Kind: Answered, Code: 200, SDP: d.answerIn(req, o)})
	case o.ours:
		d.tell(DialogEvent{Kind: OfferAnswered, Code: 200, SDP: d.answerIn(req, o)})
	}
	d.offerDue()
}

func (d *Dialog) answerIn(ack *sip.Request, o *okay) []byte {
	if !o.ours {
		return nil
	}
	return sdpOf(ack)
}

// retryAfter of a request that must wait: RFC 3261 14.2.
func (w *worker) retryAfter(callID string) Header {
	return Header{"Retry-After", strconv.FormatUint(w.ids.below(10, callID), 10)}
}
