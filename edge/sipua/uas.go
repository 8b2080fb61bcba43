package sipua

import (
	"cmp"
	"maps"
	"net/netip"
	"strconv"

	"github.com/emiago/sipgo/sip"

	"github.com/offhook/offhook/edge/sipua/guard"
)

// parser leaves Refer-To as it came: sipgo's own repeats a URI's headers after a last parameter without value.
var parser = sip.NewParser(sip.WithHeadersParsers(func() map[string]sip.HeaderParser {
	known := maps.Clone(sip.DefaultHeadersParser())
	delete(known, "refer-to")
	return known
}()))

// parse takes bytes from the wire: guard, canonical form, sipgo's parser.
func (w *worker) parse(raw []byte, from path) {
	if w.unawaited(raw) {
		return
	}
	reply, ok := guard.Check(raw)
	if !ok {
		w.answerRaw(raw, reply, from)
		return
	}
	if w.shed(raw, from) {
		return
	}
	msg, err := parser.ParseSIP(guard.Canonical(raw))
	if err != nil {
		w.log.Debug("message not understood", "from", from.to.String(), "error", err)
		w.answerRaw(raw, 400, from)
		return
	}
	w.handle(msg, from)
}

// answerRaw answers what cannot be parsed, to where it came from; 0: nothing can be said.
func (w *worker) answerRaw(raw []byte, status int, from path) {
	if status == 0 {
		return
	}
	if res := guard.Answer(w.scrap(from), raw, from.to, status, phrase(status), w.ids.rawTag(string(guard.CallID(raw)), "")); res != nil {
		w.write(from, res)
	}
}

// write sends what nobody repeats.
func (w *worker) write(to path, raw []byte) {
	if err := to.send(raw); err != nil {
		w.log.Debug("message not sent", "to", to.to.String(), "error", err)
	}
}

// handle checks a message and gives it to its transaction, on the worker of its Call-ID.
func (w *worker) handle(msg sip.Message, from path) {
	status, reason := guard.Normalise(msg)
	if msg.CallID() == nil || msg.Via() == nil {
		return
	}
	if owner := w.u.worker(msg.CallID().Value()); owner != w {
		owner.receive(job{msg: msg, from: from, at: w.heard})
		return
	}
	switch m := msg.(type) {
	case *sip.Response:
		if status == 0 {
			w.response(m, from)
		}
	case *sip.Request:
		m.SetTransport(from.link.network())
		if status != 0 {
			w.turnAway(m, guard.Rejection(m, status, cmp.Or(reason, phrase(status))), from)
			return
		}
		w.request(m, from)
	}
}

// turnAway answers without a transaction, so that a stranger costs no memory: he repeats, and is told again.
func (w *worker) turnAway(req *sip.Request, res *sip.Response, from path) {
	if req.Method == sip.ACK || req.From() == nil || req.To() == nil || req.CSeq() == nil {
		return
	}
	to := replyPath(req, from) // before rendering: it completes the Via
	raw, err := renderResponse(res, req, w.tagFor(req))
	if err != nil {
		w.log.Debug("answer not sent", "error", err)
		return
	}
	w.write(to, raw)
}

// tagFor is our To tag for a request outside a dialog: the same for each copy of it.
func (w *worker) tagFor(req *sip.Request) string {
	return w.ids.tag(req.CallID().Value(), tagOf(req.From().Params))
}

// request takes a good request (RFC 3261 8.2, 17.2.3).
func (w *worker) request(req *sip.Request, from path) {
	method := req.Method
	if method == sip.ACK {
		method = sip.INVITE
	}
	tx := w.servers[w.keyOf(req, method)]
	switch {
	case req.Method == sip.ACK:
		if tx != nil && tx.final >= 300 {
			tx.again(req)
		} else {
			w.acknowledge(req)
		}
	case tx != nil:
		tx.again(req)
	case req.Method == sip.CANCEL:
		w.cancelled(req, from)
	case req.MaxForwards() != nil && req.MaxForwards().Val() == 0 && tagOf(req.To().Params) == "":
		w.turnAway(req, refuse(req, 483, ""), from) // RFC 3261 16.3: whoever asks wants to see the way
	case tagOf(req.To().Params) != "":
		w.inDialog(req, from)
	default:
		w.outside(req, from)
	}
}

// outside takes a request that belongs to no dialog.
func (w *worker) outside(req *sip.Request, from path) {
	switch req.Method {
	case sip.INVITE:
		w.invited(req, from)
	case sip.OPTIONS:
		w.probed(req, from)
	case sip.REGISTER:
		w.register(req, from)
	case sip.SUBSCRIBE:
		w.subscribed(req, from)
	case sip.REFER: // nobody is there to be sent anywhere, and a call of ours it may not make (RFC 3515 2.4.2)
		w.answer(req, from, 403)
	case sip.BYE, sip.INFO, sip.UPDATE, sip.PRACK, sip.NOTIFY:
		w.answer(req, from, 481)
	default: // RFC 3261 8.2.1
		w.answer(req, from, 405, Header{"Allow", allow})
	}
}

// probed answers as an INVITE would be (RFC 3261 11.2), so that who distributes calls learns that this edge takes none.
func (w *worker) probed(req *sip.Request, from path) {
	if wait := w.u.draining.Load(); wait > 0 {
		w.answer(req, from, 503, Header{"Retry-After", strconv.FormatInt(wait, 10)})
		return
	}
	w.answer(req, from, 200, abilities...)
}

func (w *worker) register(req *sip.Request, from path) {
	src := netip.AddrPortFrom(from.to.Addr().Unmap(), from.to.Port())
	if req.GetHeader("authorization") == nil { // it will be challenged
		w.turnAway(req, w.u.handleRegister(req, src, from.link.network(), from.link.token()), from)
		return
	}
	tx := w.serve(req, replyPath(req, from), w.tagFor(req))
	res := w.u.handleRegister(req, src, from.link.network(), from.link.token())
	raw, err := renderResponse(res, req, tx.tag)
	if err != nil {
		w.log.Warn("answer to REGISTER not sent", "error", err)
		tx.drop()
		return
	}
	tx.reply(res.StatusCode, raw)
}

// answer gives the final response to a request that needs nothing more; a copy of it is answered again.
func (w *worker) answer(req *sip.Request, from path, code int, h ...Header) {
	to := replyPath(req, from)
	m := respond(req, code, phrase(code), w.tagFor(req))
	m.header("Server", w.u.cfg.UserAgent)
	m.headers(h)
	raw, err := m.body("", nil)
	if err != nil {
		w.log.Debug("answer not sent", "error", err)
		return
	}
	w.write(to, raw)
}

// respond renders and sends a response to the transaction's request.
func (tx *serverTx) respond(req *sip.Request, code int, sdp []byte, h ...Header) {
	m := respond(req, code, phrase(code), tx.tag)
	m.header("Server", tx.w.u.cfg.UserAgent)
	m.headers(h)
	raw, err := m.body(typeSDP, sdp)
	if err != nil {
		tx.w.log.Warn("response not sent", "code", code, "error", err)
		tx.drop()
		return
	}
	tx.reply(code, raw)
}

// cancelled answers a CANCEL (RFC 3261 9.2): 200 with the tag of the INVITE, whatever becomes of that.
func (w *worker) cancelled(req *sip.Request, from path) {
	invite := w.servers[w.keyOf(req, sip.INVITE)]
	if invite == nil {
		w.answer(req, from, 481)
		return
	}
	w.serve(req, replyPath(req, from), invite.tag).respond(req, 200, nil)
	d := invite.dialog
	if invite.final != 0 || d == nil || d.state == over {
		return
	}
	w.busy = d
	d.remoteCancel(req, invite)
}

// remoteCancel ends an unanswered INVITE with 487, the first one or one inside the dialog.
func (d *Dialog) remoteCancel(req *sip.Request, invite *serverTx) {
	if d.in == nil || d.in.tx != invite {
		d.dropTheirs(487)
		d.offerDue()
		return
	}
	invite.respond(d.in.req, 487, nil)
	cause := ended(EndCancel, 487, req)
	cause.Phrase = phrase(487)
	d.finish(cause)
}
