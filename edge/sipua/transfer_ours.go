package sipua

import (
	"strings"

	"github.com/emiago/sipgo/sip"

	"github.com/offhook/offhook/edge/sipua/guard"
	"github.com/offhook/offhook/edge/sipua/refer"
)

// sendRefer asks the other side to call uri: RFC 3515 2.4.1. One at a time.
func (d *Dialog) sendRefer(uri, by string) {
	target, err := refer.ParseTarget("<" + uri + ">")
	switch {
	case err != nil || target.Replaces != nil || len(by) > 256 || !guard.Clean(by) || strings.ContainsAny(by, "<>\" "):
		d.tell(DialogEvent{Kind: Notified, Code: 400, Phrase: phrase(400)})
		return
	case d.state != confirmed || d.end != nil || d.transfer.ours:
		d.tell(DialogEvent{Kind: Notified, Code: 491, Phrase: phrase(491)})
		return
	}
	h := []Header{{"Refer-To", "<" + uri + ">"}, {"Allow", allow}, {"Supported", supported}}
	if by != "" {
		h = append(h, Header{"Referred-By", "<" + by + ">"})
	}
	req, way, err := d.request(sip.REFER, 0, h...)
	if err != nil {
		d.tell(DialogEvent{Kind: Notified, Code: 503, Phrase: phrase(503)})
		return
	}
	d.transfer.ours, d.transfer.heard = true, false
	d.w.timers.stop(&d.transfer.limit)
	d.ask(req, way, d.referAnswered)
}

func (d *Dialog) referAnswered(res *sip.Response) {
	t := &d.transfer
	switch {
	case d.state == over || !t.ours: // the outcome may come before the 202
	case res == nil:
		d.outcome(408, "")
		if !d.ofPage() {
			d.lost(res)
		}
	case res.StatusCode >= 300:
		d.outcome(res.StatusCode, cleanPhrase(res.Reason))
		if gone(res) {
			d.lost(res)
		}
	case strings.EqualFold(headerOf(res, "refer-sub"), "false"): // RFC 4488: this is all that we are told
		d.outcome(res.StatusCode, cleanPhrase(res.Reason))
	case t.heard:
		d.w.after(&t.limit, d, outcomeLimit)
	default:
		d.w.after(&t.limit, d, firstNotify)
	}
}

// outcome is the last that is told of our REFER.
func (d *Dialog) outcome(code int, text string) {
	t := &d.transfer
	d.w.timers.stop(&t.limit)
	if !t.ours {
		return
	}
	t.ours = false
	if text == "" {
		text = phrase(code)
	}
	d.tell(DialogEvent{Kind: Notified, Code: code, Phrase: text})
}

// notified takes a NOTIFY inside the dialog: how our REFER goes (RFC 3515 2.4.5).
func (d *Dialog) notified(req *sip.Request, tx *serverTx) {
	t := &d.transfer
	state, reason := subscriptionState(req)
	status, err := refer.ParseFragment(headerOf(req, "content-type", "c"), req.Body())
	last := state == "terminated"
	switch {
	case eventOf(req) != "refer":
		tx.respond(req, 489, nil, Header{"Allow-Events", allowEvents})
		return
	case !t.ours && !t.heard: // RFC 6665 4.1.3
		tx.respond(req, 481, nil)
		return
	case state == "" || err != nil && !last:
		tx.respond(req, 400, nil)
		return
	}
	t.heard = !last
	tx.respond(req, 200, nil)
	switch {
	case !t.ours: // told already
	case err == nil && status.Code >= 200:
		d.outcome(status.Code, status.Phrase)
	case last: // it ends without an outcome
		d.outcome(unknownOutcome(reason))
	default:
		d.w.after(&t.limit, d, outcomeLimit)
		d.tell(DialogEvent{Kind: Notified, Code: status.Code, Phrase: status.Phrase})
	}
}

// unknownOutcome stands for an end that does not say how the call went.
func unknownOutcome(reason string) (code int, phrase string) {
	if reason == "rejected" { // RFC 6665 4.1.3: the one who was to follow did not want to
		return 603, "Decline"
	}
	return 408, "No Outcome"
}

// subscriptionState gives state and reason of a NOTIFY (RFC 6665 8.2.3).
func subscriptionState(req *sip.Request) (state, reason string) {
	state, params, _ := strings.Cut(headerOf(req, "subscription-state"), ";")
	for p := range strings.SplitSeq(params, ";") {
		if k, v, _ := strings.Cut(p, "="); strings.EqualFold(strings.TrimSpace(k), "reason") {
			reason = strings.ToLower(strings.TrimSpace(v))
		}
	}
	return strings.ToLower(strings.TrimSpace(state)), reason
}
