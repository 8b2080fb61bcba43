package sipua

import (
	"github.com/emiago/sipgo/sip"
)

// terminate ends the dialog as its state asks.
func (d *Dialog) terminate(e End) {
	e.Headers = d.w.clean(e.Headers)
	if checkText(e.Reason, e.Phrase) != nil {
		d.w.log.Warn("reason with control characters left out", "call_id", d.callID)
		e.Reason, e.Phrase = "", ""
	}
	switch {
	case d.in != nil:
		d.reject(e)
	case d.out != nil:
		d.cancel(EndCause{Why: EndCancel}, e.Reason)
	case d.state == confirmed:
		d.hangup(EndCause{Why: EndBye}, e.Reason)
	}
}

// hangup sends BYE, and tells cause once it is answered or given up. A callee waits for the ACK first (RFC 3261 15).
func (d *Dialog) hangup(cause EndCause, reason string) {
	d.end, d.endReason = &cause, reason
	if d.okay != nil && d.okay.first {
		return
	}
	d.sendBye()
}

func (d *Dialog) sendBye() {
	d.state = closing
	d.w.timers.stop(&d.session.timer)
	d.w.timers.stop(&d.offer.retry)
	d.dropTheirs(487)
	d.payAck(nil)
	d.lastNotify()
	req, way, err := d.request(sip.BYE, 0, reasonHeader(d.endReason)...)
	if err != nil {
		d.w.log.Debug("bye not sent", "call_id", d.callID, "error", err)
		d.finish(*d.end)
		return
	}
	d.ask(req, way, func(res *sip.Response) {
		cause := *d.end
		if cause.Code == 0 && res == nil {
			cause.Code, cause.Phrase = 408, phrase(408)
		}
		d.finish(cause)
	})
}

// orphanBye sends a BYE that nobody waits for.
func (d *Dialog) orphanBye(reason string) {
	req, way, err := d.request(sip.BYE, 0, reasonHeader(reason)...)
	if err == nil {
		_, err = d.w.send(req, way, nil)
	}
	if err != nil {
		d.w.log.Debug("bye not sent", "call_id", d.callID, "error", err)
	}
}

func reasonHeader(reason string) []Header {
	if reason == "" {
		return nil
	}
	return []Header{{"Reason", reason}}
}

// abandon ends the dialog at once, with one good-bye and no waiting.
func (d *Dialog) abandon(code int, cause EndCause) {
	switch {
	case d.in != nil:
		if raw, err := respond(d.in.req, code, phrase(code), d.localTag).body("", nil); err == nil {
			d.in.tx.reply(code, raw)
		}
	case d.out != nil && d.out.heard:
		if d.out.cancel == nil {
			d.w.sendCancel(d.out.tx, d.out.req, "")
		}
	case d.out != nil && d.out.tx != nil:
		d.out.tx.drop()
	case d.state == confirmed:
		d.orphanBye("")
	}
	if cause.Phrase == "" && cause.Code != 0 {
		cause.Phrase = phrase(cause.Code)
	}
	if d.end != nil {
		cause = *d.end
	}
	d.finish(cause)
}

// clean leaves out headers that may not be sent.
func (w *worker) clean(list []Header) []Header {
	if checkHeaders(list) == nil {
		return list
	}
	var good []Header
	for _, h := range list {
		if err := checkHeaders([]Header{h}); err != nil {
			w.log.Warn("header left out", "error", err)
			continue
		}
		good = append(good, h)
	}
	return good
}
