package node

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/edge/load"
	"github.com/offhook/offhook/edge/media"
	"github.com/offhook/offhook/edge/sipua"
	"github.com/offhook/offhook/schemas/ask"
	"github.com/offhook/offhook/schemas/event"
)

var _ sipua.Handler = (*Node)(nil)

// OnInvite makes an inbound call of an admitted INVITE.
func (n *Node) OnInvite(d *sipua.Dialog, in sipua.Invite) {
	now := time.Now()
	s := n.newSession(newCallID(now), in.Tenant)
	if !in.Heard.IsZero() {
		s.watch = &stopwatch{mark: in.Heard}
		s.watch.lap(stageRead, now)
	}
	if retry, full := n.full(s.worker); full {
		n.metrics.refused.Inc()
		d.End(sipua.End{Code: 503, Headers: []sipua.Header{{Name: "Retry-After", Value: strconv.Itoa(retry)}}})
		return
	}
	said, ok := s.arrive(in)
	if !ok { // RFC 3261 16.3: it has been here already
		d.End(sipua.End{Code: 482})
		return
	}
	set := s.settingsFrom(in)
	l := &leg{id: 1, s: s, dialog: d, offer: in.SDP, profile: set.profile(in.Source.Addr().Unmap()), tones: set.tones()}
	d.Context = l
	s.legs = []*leg{l}
	about := ask.Call{
		ID: s.id, Tenant: in.Tenant, Direction: "inbound", Status: "ringing", From: in.From, FromName: in.FromName, To: in.To,
		Trunk: in.Trunk, User: in.User, Headers: filled(in.Headers), Params: filled(said.Params), CreatedAt: now,
	}
	if by := in.ReferredBy; by != "" {
		about.ReferredBy = &by
	}
	n.begin(s, call.Begin{Call: about, Leg: true, Start: n.start(said), Replaces: place(in.Replaces)})
}

// filled is never nil, so that a script sees {} where nothing came.
func filled(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}

func (n *Node) begin(s *session, in call.Begin) {
	in.Settings, in.Router = n.dir.Load().settings(s.tenant), n.cfg.Router
	s.view.Store(newView(in.Call))
	s.worker.add(s)
	n.metrics.started.Inc()
	n.post(s, in)
}

// full tells whether a new call must be refused now, and after how many seconds it may come again.
func (n *Node) full(w *worker) (retryAfter int, full bool) {
	if n.draining.Load() {
		return 30, true
	}
	return 5, w.full() || w.waiting() > n.cfg.Queue || n.live.Load() >= int64(n.cfg.Calls)
}

var _ sipua.LoadHandler = (*Node)(nil)

// Load is that of the worker that is furthest behind: whom a new call would fall to does not show yet.
func (n *Node) Load() load.Level {
	most := int32(load.InTime)
	for _, w := range n.workers {
		most = max(most, w.load.Load())
	}
	return load.Level(most)
}

// OnDialog hands what happened in a dialog to the worker of its call.
func (n *Node) OnDialog(d *sipua.Dialog, ev sipua.DialogEvent) {
	l, ok := d.Context.(*leg)
	if !ok {
		return
	}
	l.s.worker.put(message{s: l.s, do: func() { l.on(d, ev) }})
}

// adriftFor is how long a page may be silent whose signalling is gone too: most likely it was closed.
const adriftFor = 10 * time.Second

func (l *leg) on(d *sipua.Dialog, ev sipua.DialogEvent) {
	if l.dialog = d; l.lost {
		if ev.Kind == sipua.Offer {
			d.RefuseOffer(488)
		}
		return
	}
	switch ev.Kind {
	case sipua.Progress:
		l.onProgress(ev)
	case sipua.Answered:
		l.onAnswered(d, ev)
	case sipua.Offer:
		l.onOffer(d, ev)
	case sipua.OfferAnswered:
		l.onOfferAnswered(ev)
	case sipua.Info:
		l.onInfo(ev)
	case sipua.Referred:
		l.onReferred(ev.Refer)
	case sipua.Notified:
		l.input(call.LegNotified{Leg: l.id, Code: ev.Code, Phrase: ev.Phrase})
	case sipua.Adrift:
		if l.rtp != nil {
			l.rtp.Hurry(adriftFor)
		}
	case sipua.Ended:
		l.onEnded(ev)
	}
}

func (l *leg) onProgress(ev sipua.DialogEvent) {
	early := false
	if len(ev.SDP) > 0 && l.rtp != nil {
		_, err := l.rtp.Accept(ev.SDP)
		early = err == nil
		l.agreed = l.agreed || early
	}
	l.input(call.LegProgress{Leg: l.id, Code: ev.Code, Phrase: ev.Phrase, EarlyMedia: early})
}

func (l *leg) onAnswered(d *sipua.Dialog, ev sipua.DialogEvent) {
	if l.rtp == nil { // already let go: the 2xx crossed our CANCEL
		return
	}
	if d.Inbound() { // our 2xx was acknowledged; the ACK has the answer when the offer was ours
		l.answered()
		if l.offer == nil {
			l.onOfferAnswered(ev)
		}
		return
	}
	held, err := l.accepted(ev.SDP)
	if err != nil {
		l.refuse(err)
		return
	}
	l.answered()
	l.input(call.LegAnswered{Leg: l.id})
	l.setHeld(held)
	l.flush()
}

var errNoAnswer = fmt.Errorf("%w: the INVITE's offer was never answered", media.ErrBadSDP)

// accepted takes the answer in a 2xx; one without may stand only when a 1xx has brought it (RFC 3261 13.2.1).
func (l *leg) accepted(sdp []byte) (held bool, err error) {
	if len(sdp) == 0 {
		if !l.agreed {
			err = errNoAnswer
		}
		return false, err
	}
	got, err := l.rtp.Accept(sdp)
	return got.Held, err
}

// onOffer answers a re-INVITE or UPDATE by itself: the two legs of a bridge negotiate apart, and hold is told to the core.
func (l *leg) onOffer(d *sipua.Dialog, ev sipua.DialogEvent) {
	if l.rtp == nil {
		d.RefuseOffer(488)
		return
	}
	if len(ev.SDP) == 0 {
		d.AnswerOffer(l.rtp.Offer())
		return
	}
	answer, got, err := l.rtp.Answer(ev.SDP)
	if err != nil {
		d.RefuseOffer(488)
		return
	}
	d.AnswerOffer(answer)
	l.setHeld(got.Held)
	l.flush()
}

func (l *leg) onOfferAnswered(ev sipua.DialogEvent) {
	if ev.Code >= 300 || l.rtp == nil {
		return
	}
	if len(ev.SDP) == 0 { // an ACK owes the answer to the offer of our 2xx (RFC 3261 13.2.2.4)
		l.refuse(errNoAnswer)
		return
	}
	got, err := l.rtp.Accept(ev.SDP)
	if err != nil {
		l.refuse(err)
		return
	}
	l.setHeld(got.Held)
	l.flush()
}

// onInfo takes a digit from application/dtmf-relay ("Signal=5\r\nDuration=160") or application/dtmf ("5").
func (l *leg) onInfo(ev sipua.DialogEvent) {
	digit, ms := infoDigit(ev.ContentType, string(ev.Body))
	if digit == "" {
		return
	}
	if l.rtp != nil {
		l.rtp.DigitsOtherwise()
	}
	l.pressed(digit, byInfo)
	l.input(call.Digit{Leg: l.id, Digit: digit, Method: byInfo, DurationMS: ms})
}

func infoDigit(contentType, body string) (digit string, ms int) {
	kind, _, _ := strings.Cut(strings.ToLower(contentType), ";")
	switch strings.TrimSpace(kind) {
	case "application/dtmf":
		digit = strings.TrimSpace(body)
	case "application/dtmf-relay":
		for line := range strings.Lines(body) {
			name, value, _ := strings.Cut(line, "=")
			switch strings.ToLower(strings.TrimSpace(name)) {
			case "signal":
				digit = strings.TrimSpace(value)
			case "duration":
				ms, _ = strconv.Atoi(strings.TrimSpace(value)) // a bad duration is none
			}
		}
	}
	digit = strings.ToUpper(digit)
	if len(digit) != 1 || !strings.ContainsAny(digit, "0123456789*#ABCD") {
		return "", 0
	}
	return digit, max(0, min(ms, 60_000))
}

// onEnded: the last of a dialog. The endpoint closes with it, and a call that dials again and again does not pile up legs.
func (l *leg) onEnded(ev sipua.DialogEvent) {
	l.close()
	l.s.forget(l)
	cause := causeOf(ev.End)
	if l.cause != nil && !ev.End.Remote {
		cause = *l.cause
	}
	l.input(call.LegEnded{Leg: l.id, Cause: cause, Remote: ev.End.Remote, Media: l.media, Moved: ev.End.Moved})
}

// lose ends a leg whose party is most likely gone. Its BYE is repeated for 32 s (Timer F, RFC 3261 section 17.1.2.2), in
// which the other party would hear nothing: the call goes on without waiting for it.
func (l *leg) lose(cause event.Cause) {
	l.end(cause)
	l.onEnded(sipua.DialogEvent{Kind: sipua.Ended})
	l.lost = true
}

func causeOf(end sipua.EndCause) event.Cause {
	switch end.Why {
	case sipua.EndBye:
		c := call.CauseNormal
		if end.Q850 > 0 {
			c.Q850 = end.Q850
		}
		return c
	case sipua.EndCancel:
		return call.CauseCancelled
	case sipua.EndRefused:
		return call.CauseOf(end.Code, end.Phrase)
	case sipua.EndTimeout:
		return call.CauseTimeout
	case sipua.EndNoAck:
		return call.CauseNoAck
	case sipua.EndExpired:
		return call.CauseSessionExpired
	case sipua.EndLost:
		return call.CauseLost
	}
	return call.CauseTransport
}

// onMedia is called by the engine's goroutines.
func (n *Node) onMedia(s *session, id int, ev media.Event) {
	switch ev.Kind {
	case media.Digit:
		s.worker.put(message{s: s, do: func() { s.onDigit(id, ev) }})
	case media.Timeout:
		s.worker.put(message{s: s, do: func() {
			if l := s.leg(id); l != nil && l.up {
				n.metrics.mediaTimeouts.Inc()
				l.lose(call.CauseMediaTimeout)
			}
		}})
	case media.Keyed:
		s.worker.put(message{s: s, do: func() {
			if l := s.leg(id); l != nil && l.keyless {
				l.keyless = false
				l.input(call.LegAnswered{Leg: id})
			}
		}})
	case media.KeysFailed:
		s.worker.put(message{s: s, do: func() { s.onKeysFailed(id, ev.Err) }})
	}
}

// onKeysFailed ends a leg that would be silent. One that rings may still be let wait: some phones begin when they are
// answered.
func (s *session) onKeysFailed(id int, err error) {
	l := s.leg(id)
	if l == nil || l.rtp == nil || !l.up && errors.Is(err, media.ErrNoHandshake) {
		return
	}
	s.node.metrics.keysFailed.Inc()
	s.node.log.Warn("leg cannot be encrypted", "call", s.id, "tenant", s.tenant, "leg", id, "err", err)
	l.end(call.CauseEncryptionFailed)
}

func (s *session) onDigit(id int, ev media.Event) {
	method := byEvent
	if ev.InBand {
		method = byTones
	}
	if l := s.leg(id); l != nil && l.rtp != nil {
		l.pressed(ev.Digit, method)
	}
	s.worker.step(s, call.Digit{Leg: id, Digit: ev.Digit, Method: method, DurationMS: int(ev.Duration.Milliseconds())})
}

func (l *leg) input(in call.Input) { l.s.worker.step(l.s, in) }

// flush steps what setHeld left.
func (l *leg) flush() { l.s.worker.again(l.s) }
