package sipua

import (
	"github.com/emiago/sipgo/sip"

	"github.com/offhook/offhook/edge/sipua/refer"
)

// Dialog is one leg on the wire, inbound or outbound. Its methods are safe from any goroutine and never block:
// they post to the worker that owns the Call-ID. After its Ended event they do nothing.
type Dialog struct {
	// Context is the handler's own, set before the first event or in OnInvite.
	Context any

	w         *worker
	callID    string
	localTag  string
	tenant    string
	user      string // whose phone it is, if a user's
	inbound   bool
	remoteTag string
	state     dialogState
	peer      peer
	in        *uasInvite // until our final response
	out       *uacInvite // until the final response
	okay      *okay      // a 2xx of ours that waits for its ACK
	offer     offers
	session   session
	transfer  transfer
	end       *EndCause // what the BYE under way will be told as
	endReason string    // its Reason header
	awaited   *awaited  // requests that wait for its page; nil: none did
	next      *Dialog   // another one with the same Call-ID
}

type dialogState int

const (
	early     dialogState = iota // no final response yet
	confirmed                    // 2xx; ours may still wait for its ACK
	closing                      // our BYE is under way
	over                         // Ended is told
)

// peer is the other side of a dialog: RFC 3261 12.
type peer struct {
	local, remote string       // From and To of our requests, tags included
	target        string       // remote target URI
	routes        []string     // route set, as URIs
	path          path         // where requests go
	cseq          uint32       // of our last request
	heard         uint32       // CSeq of their last request
	invite        inviteID     // of the INVITE that made an inbound dialog
	update        bool         // they allow UPDATE
	gateway       string       // whose credentials answer a challenge
	proof         []sip.Header // those that our INVITE had
}

// inviteID tells a copy of an INVITE from another one.
type inviteID struct {
	cseq   uint32
	branch string
}

// ID is our tag: unique, and opaque to others.
func (d *Dialog) ID() string { return d.localTag }

// CallID is the Call-ID on the wire.
func (d *Dialog) CallID() string { return d.callID }

// Inbound tells who called.
func (d *Dialog) Inbound() bool { return d.inbound }

// do runs fn on the dialog's worker, unless the dialog is over by then.
func (d *Dialog) do(fn func()) {
	d.w.put(job{fn: fn, of: d})
}

// Progress sends a provisional response (101-199) to an unanswered inbound INVITE. sdp may be nil; empty phrase: the code's.
func (d *Dialog) Progress(code int, phrase string, sdp []byte, h []Header) {
	d.do(func() { d.progress(code, phrase, sdp, h) })
}

// Accept answers an inbound INVITE with 200. sdp is the answer, or the offer when the INVITE had none.
func (d *Dialog) Accept(sdp []byte, h []Header) { d.do(func() { d.accept(sdp, h) }) }

// End ends the dialog as its state asks: final response, CANCEL or BYE. Ended follows.
func (d *Dialog) End(e End) { d.do(func() { d.terminate(e) }) }

// AnswerOffer answers an Offer event, or the offer in an Answered event whose INVITE had none.
func (d *Dialog) AnswerOffer(sdp []byte) { d.do(func() { d.answerOffer(sdp) }) }

// RefuseOffer refuses an Offer event; the session stays as it was. Default 488.
func (d *Dialog) RefuseOffer(code int) { d.do(func() { d.refuseOffer(code) }) }

// Reoffer offers a changed session by re-INVITE; OfferAnswered follows. A nil sdp asks the other side to offer.
// While another offer is under way it waits; only the newest waits.
func (d *Dialog) Reoffer(sdp []byte) { d.do(func() { d.queueOffer(sdp) }) }

// SendInfo sends an INFO (RFC 6086) in a confirmed dialog.
func (d *Dialog) SendInfo(contentType string, body []byte) {
	d.do(func() { d.sendInfo(contentType, body) })
}

// Refer asks the other side of a confirmed dialog to call uri itself (RFC 3515); Notified tells how that goes. by is a SIP URI
// for Referred-By, or empty.
func (d *Dialog) Refer(uri, by string) { d.do(func() { d.sendRefer(uri, by) }) }

// NotifyRefer tells the other side how what it asked for in Referred goes; code 200 and above is the last. Empty phrase: the
// code's.
func (d *Dialog) NotifyRefer(code int, phrase string) {
	d.do(func() {
		if r := d.transfer.theirs; r != nil && code < 200 && code == r.last.Code {
			return // told: the first 100 goes with the 202
		}
		d.notifyRefer(refer.Status{Code: code, Phrase: phrase})
	})
}

// add makes the dialog known under its Call-ID.
func (w *worker) add(d *Dialog) {
	d.next = w.calls[d.callID]
	w.calls[d.callID] = d
	w.u.live.Add(1)
}

func (w *worker) remove(d *Dialog) {
	for p, at := (*Dialog)(nil), w.calls[d.callID]; at != nil; p, at = at, at.next {
		if at != d {
			continue
		}
		switch {
		case p != nil:
			p.next = d.next
		case d.next != nil:
			w.calls[d.callID] = d.next
		default:
			delete(w.calls, d.callID)
		}
		w.u.live.Add(-1)
		return
	}
}

// find gives the dialog with our tag.
func (w *worker) find(callID, localTag string) *Dialog {
	for d := w.calls[callID]; d != nil; d = d.next {
		if d.localTag == localTag {
			return d
		}
	}
	return nil
}

// match gives the dialog that a request inside one belongs to (RFC 3261 12.2.2). Before the answer any branch of a
// fork may speak, so only our tag counts then.
func (w *worker) match(req *sip.Request) *Dialog {
	d := w.find(req.CallID().Value(), tagOf(req.To().Params))
	if d == nil || d.remoteTag != tagOf(req.From().Params) && (d.inbound || d.state != early) {
		return nil
	}
	return d
}

// tell gives an event to the handler.
func (d *Dialog) tell(ev DialogEvent) {
	d.w.busy = d
	d.w.u.handler.OnDialog(d, ev)
}

// finish tells Ended, once, and leaves a tombstone.
func (d *Dialog) finish(cause EndCause) {
	if d.state == over {
		return
	}
	told := d.in == nil || !d.in.unseen
	d.state = over
	d.release()
	d.w.remove(d)
	stone := tomb{cseq: d.peer.heard, until: d.w.now() + tombstone}
	if d.inbound {
		d.w.tombs.add(tombKey{d.callID, d.remoteTag, true}, stone)
	} else {
		d.w.tombs.add(tombKey{d.callID, d.localTag, false}, stone)
	}
	if told {
		d.tell(DialogEvent{Kind: Ended, Code: cause.Code, Phrase: cause.Phrase, End: cause})
	}
}

// release stops all timers and lets go of what only a living dialog needs.
func (d *Dialog) release() {
	q := &d.w.timers
	q.stop(&d.session.timer)
	q.stop(&d.offer.retry)
	q.stop(&d.transfer.limit)
	if d.in != nil {
		q.stop(&d.in.again)
	}
	if d.out != nil {
		q.stop(&d.out.limit)
	}
	d.settle()
	d.dropTheirs(487)
	d.forgetReferral()
	d.in, d.out, d.offer = nil, nil, offers{}
}

func (d *Dialog) expire(t *timer) {
	d.w.busy = d
	switch {
	case t == &d.session.timer:
		d.sessionDue()
	case t == &d.offer.retry:
		d.offerDue()
	case t == &d.transfer.limit:
		d.outcome(408, "No Outcome")
	case d.in != nil && t == &d.in.again:
		d.progressAgain()
	case d.out != nil && t == &d.out.limit:
		d.inviteDue()
	}
}
