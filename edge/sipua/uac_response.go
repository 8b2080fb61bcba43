package sipua

import (
	"errors"
	"slices"
	"time"

	"github.com/emiago/sipgo/sip"
)

// response finds the transaction of a response (RFC 3261 17.1.3). A 2xx to an INVITE may outlive it.
func (w *worker) response(res *sip.Response, from path) {
	method := res.CSeq().MethodName
	tx := w.clients[clientKey{param(res.Via().Params, "branch"), method}]
	switch {
	case tx != nil:
		tx.receive(res)
	case method == sip.INVITE && res.StatusCode >= 200 && res.StatusCode < 300:
		w.stray(res, from)
	}
}

// inviteSink is told what becomes of a dialog's first INVITE.
type inviteSink struct{ d *Dialog }

func (s inviteSink) response(tx *clientTx, res *sip.Response) {
	d := s.d
	d.w.busy = d
	switch {
	case d.out == nil || d.out.tx != tx:
		if res.StatusCode >= 200 && res.StatusCode < 300 {
			d.w.stray(res, tx.path)
		}
	case res.StatusCode < 200:
		d.progressed(res)
	case res.StatusCode < 300:
		d.answered(tx, res)
	default:
		d.refused(tx, res)
	}
}

func (s inviteSink) failed(tx *clientTx, err error) {
	d := s.d
	d.w.busy = d
	switch {
	case d.out == nil || d.out.tx != tx:
	case d.out.cancel != nil:
		d.finish(*d.out.cancel)
	case len(d.out.ways) > 0:
		d.tryNext()
	case errors.Is(err, errTimeout):
		d.finish(EndCause{Why: EndTimeout, Code: 408, Phrase: phrase(408)})
	default:
		d.unreachable(err)
	}
}

// progressed: RFC 3261 13.2.2.1.
func (d *Dialog) progressed(res *sip.Response) {
	o := d.out
	o.heard = true
	if o.cancel != nil {
		return
	}
	d.w.after(&o.limit, d, timerC)
	if res.StatusCode == 100 {
		return
	}
	tag := tagOf(res.To().Params)
	forked := o.branch != "" && tag != o.branch
	if tag != "" {
		o.branch = tag
	}
	d.peer.learn(res, nil)
	d.tell(DialogEvent{Kind: Progress, Code: res.StatusCode, Phrase: cleanPhrase(res.Reason), SDP: sdpOf(res), Forked: forked})
}

// answered makes the dialog: RFC 3261 12.1.2 and 13.2.2.4.
func (d *Dialog) answered(tx *clientTx, res *sip.Response) {
	o := d.out
	d.w.timers.stop(&o.limit)
	d.remoteTag = tagOf(res.To().Params)
	forked := o.branch != "" && o.branch != d.remoteTag
	if forked {
		d.peer.heard = 0 // the branch heard before counted for itself
	}
	d.peer.remote = res.To().Value()
	d.peer.routes = routesOf(res)
	slices.Reverse(d.peer.routes)
	d.peer.learn(res, res.Contact())
	d.follow(tx.path)
	d.out, d.state = nil, confirmed
	d.sessionFrom(res)
	if o.ask.SDP == nil && o.cancel == nil {
		d.offer.owed = res // their offer: the ACK has our answer
	} else {
		d.sendAck(res, nil)
	}
	if o.cancel != nil { // the 2xx crossed our CANCEL
		cause := *o.cancel
		cause.Code, cause.Phrase = res.StatusCode, cleanPhrase(res.Reason)
		d.hangup(cause, o.reason)
		return
	}
	d.tell(DialogEvent{Kind: Answered, Code: res.StatusCode, Phrase: cleanPhrase(res.Reason), SDP: sdpOf(res), Forked: forked})
	d.offerDue()
}

// refused: credentials, a longer session interval or another address may help; otherwise it is over.
func (d *Dialog) refused(tx *clientTx, res *sip.Response) {
	o := d.out
	if o.cancel != nil {
		d.finish(cancelledBy(*o.cancel, res))
		return
	}
	next := d.authorized(o.req, res, o.tries)
	if next != nil {
		o.tries++
	} else if res.StatusCode == 422 && !o.raised && d.raise(res) {
		o.raised = true
		next = d.longer()
	}
	switch {
	case next != nil:
		if err := d.sendInvite(next, tx.path); err != nil {
			d.unreachable(err)
		}
	case res.StatusCode == 503 && len(o.ways) > 0: // RFC 3263 4.3
		d.tryNext()
	default:
		d.finish(refused(res))
	}
}

// longer repeats the INVITE with the interval that a 422 asked for: RFC 4028 7.3.
func (d *Dialog) longer() *sip.Request {
	next := d.again(d.out.req)
	for _, name := range []string{"Supported", "Session-Expires", "Min-SE"} {
		next.RemoveHeader(name)
	}
	d.sessionHeaders(next)
	return next
}

// cancelledBy: whatever refusal follows a CANCEL, the call ended because we wanted it, unless the callee was busy first.
func cancelledBy(cause EndCause, res *sip.Response) EndCause {
	if res.StatusCode == 486 || res.StatusCode >= 600 {
		return refused(res)
	}
	cause.Code, cause.Phrase = res.StatusCode, cleanPhrase(res.Reason)
	return cause
}

// stray takes a 2xx without a transaction: a copy, whose ACK was lost, or another branch of a fork, which is
// acknowledged and hung up (RFC 3261 13.2.2.4). It must be to a call of ours.
func (w *worker) stray(res *sip.Response, from path) {
	callID, local := res.CallID().Value(), tagOf(res.From().Params)
	d := w.find(callID, local)
	if d != nil && d.remoteTag == tagOf(res.To().Params) {
		w.busy = d
		d.ackAgain(res)
		return
	}
	if d != nil && d.inbound { // only an INVITE that makes a dialog forks
		return
	}
	_, ended := w.tombs.find(tombKey{callID, local, false})
	if d == nil && !ended {
		return
	}
	var proof []sip.Header
	if d != nil {
		proof = d.peer.proof
	}
	w.sever(res, from, proof, `SIP;cause=200;text="Call completed elsewhere"`)
}

// sever acknowledges a 2xx that nobody waits for, and hangs its dialog up.
func (w *worker) sever(res *sip.Response, from path, proof []sip.Header, reason string) {
	branch := &Dialog{w: w, callID: res.CallID().Value(), localTag: tagOf(res.From().Params), remoteTag: tagOf(res.To().Params), state: confirmed}
	branch.peer = peer{
		local: res.From().Value(), remote: res.To().Value(), routes: routesOf(res), cseq: res.CSeq().SeqNo,
		target: res.To().Address.String(), proof: proof,
	}
	slices.Reverse(branch.peer.routes)
	branch.peer.learn(res, res.Contact())
	branch.follow(from)
	branch.sendAck(res, nil)
	branch.orphanBye(reason)
}

// forsaken is the sink of an INVITE whose call was over before anything came.
type forsaken struct {
	req    *sip.Request
	reason string
	proof  []sip.Header
	until  time.Duration // how long the final response may take once the CANCEL is out; 0: it is not
}

func (f *forsaken) response(tx *clientTx, res *sip.Response) {
	switch w := tx.w; {
	case res.StatusCode >= 300:
	case res.StatusCode >= 200:
		w.sever(res, tx.path, f.proof, f.reason)
	default:
		if f.until == 0 {
			f.until = w.now() + timerB
			w.sendCancel(tx, f.req, f.reason)
		}
		w.after(&tx.limit, tx, max(0, f.until-w.now()))
	}
}

func (*forsaken) failed(*clientTx, error) {}
