package node

import (
	"errors"
	"math"
	"strconv"
	"strings"

	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/edge/media"
	"github.com/offhook/offhook/edge/sipua"
	"github.com/offhook/offhook/schemas/event"
)

// leg joins a dialog with its RTP endpoint. The endpoint is opened when SDP is first needed.
type leg struct {
	id      int
	s       *session
	dialog  *sipua.Dialog
	rtp     *media.Endpoint
	profile media.Profile // of its party
	offer   []byte        // inbound: the offer of the INVITE, nil when the offer is ours to make
	local   []byte        // our SDP in this INVITE transaction, once made
	agreed  bool          // outbound: a 1xx has brought the answer to our offer
	held    bool          // the party has put us on hold
	up      bool          // answered
	keyless bool          // we have answered, and its keys are still to come
	lost    bool          // given up before its dialog ended
	loan    *loan         // it was lent; of a guest: by whom
	tones   bool          // its digits are looked for in its sound too
	guest   bool          // another call's leg: it has no dialog and no endpoint of its own
	dials   string        // digits that are to be sent
	cause   *event.Cause  // why we ended it
	media   *event.Media  // final statistics
	final   *stopwatch    // until the final response is out; then the signalling's
}

// openRTP opens the endpoint; what it hears follows the mix.
func (l *leg) openRTP() error {
	if l.rtp != nil {
		return nil
	}
	s, id := l.s, l.id
	rtp, err := s.node.cfg.Media.Open(func(ev media.Event) { s.node.onMedia(s, id, ev) })
	if err != nil {
		if errors.Is(err, media.ErrNoPorts) {
			s.node.metrics.noPorts.Inc()
		}
		return err
	}
	l.profile.Like = l.others()
	rtp.Prefer(l.profile)
	l.rtp = rtp
	rtp.HearTones(l.tones)
	if l.loan != nil {
		l.loan.opened(rtp)
	}
	s.applyMix()
	return nil
}

// sdp makes our SDP for the inbound leg once: the answer to the caller's offer, or our own offer.
func (l *leg) sdp() ([]byte, error) {
	if l.local != nil {
		return l.local, nil
	}
	if err := l.openRTP(); err != nil {
		return nil, err
	}
	if l.offer == nil {
		l.local = l.rtp.Offer()
		return l.local, nil
	}
	answer, got, err := l.rtp.Answer(l.offer)
	if err != nil {
		return nil, err
	}
	l.local = answer
	l.setHeld(got.Held)
	return answer, nil
}

func (l *leg) ring(early bool) {
	if !early || l.offer == nil { // an offer of ours needs a reliable answer: without 100rel only the 2xx can carry it
		l.dialog.Progress(180, "", nil, nil)
		return
	}
	sdp, err := l.sdp()
	if err != nil {
		l.refuse(err)
		return
	}
	l.dialog.Progress(183, "", sdp, nil)
}

func (l *leg) accept() {
	sdp, err := l.sdp()
	if err != nil {
		l.refuse(err)
		return
	}
	l.decided()
	l.dialog.Accept(sdp, nil)
	if l.keyless = l.rtp.AwaitsKeys(); !l.keyless { // else the beginning of what is played would not be heard
		l.s.again = append(l.s.again, call.LegAnswered{Leg: l.id})
	}
}

// answered: from now on silence on the wire counts; early media before may pause.
func (l *leg) answered() {
	l.up = true
	l.rtp.Watch()
}

// refuse ends a leg whose media cannot be had: 488 without a codec or an encryption in common, 503 when it is our fault.
func (l *leg) refuse(err error) {
	cause := call.CauseOf(503, "")
	switch {
	case errors.Is(err, media.ErrNoEncryption):
		cause = call.CauseNoEncryption
	case errors.Is(err, media.ErrNoCodec) || errors.Is(err, media.ErrBadSDP):
		cause = call.CauseOf(488, "")
	}
	l.s.node.log.Warn("leg has no media", "call", l.s.id, "tenant", l.s.tenant, "leg", l.id, "err", err)
	l.end(cause)
}

// end ends the dialog as its state asks; the first cause given is the one that is told.
func (l *leg) end(cause event.Cause) {
	if l.cause == nil {
		l.cause = &cause
	}
	if l.dialog == nil {
		return
	}
	l.decided()
	l.dialog.End(sipua.End{Code: finalCode(cause), Phrase: cause.Phrase, Reason: reasonHeader(cause)})
}

// finalCode is what an unanswered inbound leg is refused with.
func finalCode(c event.Cause) int {
	if c.SIP >= 300 {
		return c.SIP
	}
	return 480
}

// reasonHeader tells the phone why its ringing or its call ends (RFC 3326).
func reasonHeader(c event.Cause) string {
	switch {
	case c.Reason == call.ReasonCompletedElsewhere:
		return `SIP;cause=200;text="Call completed elsewhere"`
	case c.Q850 > 0:
		return "Q.850;cause=" + strconv.Itoa(c.Q850)
	}
	return ""
}

func (l *leg) close() {
	if l.rtp == nil {
		return
	}
	l.keep(l.rtp.Close())
	l.rtp = nil
}

func (l *leg) keep(st media.Stats) {
	l.media = &event.Media{
		Codec: st.Codec, Encryption: encrypted[st.Encryption], PacketsSent: st.PacketsSent, PacketsReceived: st.PacketsReceived, BytesSent: st.BytesSent,
		BytesReceived: st.BytesReceived, Lost: st.Lost, Refused: st.Refused, JitterMS: st.JitterMS,
		RemoteLost: st.RemoteLost, RemoteJitterMS: tenths(st.RemoteJitterMS), RoundTripMS: tenths(st.RoundTrip.Seconds() * 1000),
		RFactor: tenths(st.RFactor), MOS: math.Round(st.MOS*100) / 100,
	}
}

// tenths rounds: more digits tell nothing.
func tenths(v float64) float64 { return math.Round(v*10) / 10 }

// setHeld tells the core when the party's hold changed.
func (l *leg) setHeld(held bool) {
	if held == l.held {
		return
	}
	l.held = held
	if held {
		l.s.again = append(l.s.again, call.LegHeld{Leg: l.id})
	} else {
		l.s.again = append(l.s.again, call.LegResumed{Leg: l.id})
	}
}

// invite starts an outbound leg; what goes wrong at once comes back as LegEnded.
func (s *session) invite(o call.LegInvite) {
	set := s.settingsTo(o.Destination)
	l := &leg{id: o.Leg, s: s, profile: set.profile(near(o.Destination.Via)), tones: set.tones()}
	l.profile.Browser = strings.Contains(o.Destination.URI, ";transport=ws") // RFC 7118 5
	s.legs = append(s.legs, l)
	cause := call.CauseOf(503, "")
	err := l.openRTP()
	if err == nil {
		err = l.start(o)
		cause = call.CauseOf(400, "")
	}
	if err == nil {
		return
	}
	s.node.log.Warn("leg not started", "call", s.id, "tenant", s.tenant, "leg", o.Leg, "uri", o.Destination.URI, "err", err)
	l.close()
	s.forget(l)
	cause.Phrase = err.Error()
	s.again = append(s.again, call.LegEnded{Leg: o.Leg, Cause: cause})
}

func (l *leg) start(o call.LegInvite) error {
	headers := make([]sipua.Header, 0, len(o.Headers))
	for name, value := range o.Headers {
		headers = append(headers, sipua.Header{Name: name, Value: value})
	}
	l.local = l.rtp.Offer()
	r := sipua.InviteRequest{
		CallID: l.s.id + "-" + strconv.Itoa(l.id), URI: o.Destination.URI, Via: o.Destination.Via, Flow: o.Destination.Flow,
		Route: o.Destination.Route, Gateway: o.Destination.Gateway, FromUser: o.CallerID, FromName: o.CallerName,
		SDP: l.local, Headers: headers, Context: l, Tenant: l.s.tenant, User: o.Destination.AOR, Anonymous: o.Anonymous,
	}
	if o.Destination.Node != "" {
		l.s.introduce(&r, o)
	}
	d, err := l.s.node.ua.Invite(r)
	l.dialog = d
	return err
}
