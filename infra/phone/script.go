package phone

import (
	"fmt"
	"time"

	"github.com/emiago/sipgo/sip"
)

// Times of sending digits.
const (
	digitsAtLatest = 2 * time.Second        // after the answer, if nothing is heard
	digitsSettle   = 300 * time.Millisecond // after the first sound
	digitEvery     = 250 * time.Millisecond
	pauseShort     = 500 * time.Millisecond // 'w'
	pauseLong      = 2 * time.Second        // ','
)

// startScript plans what is done during the call.
func (p *phone) startScript() {
	p.call.media.start()
	if p.o.For > 0 {
		p.clock.after(p.o.For, func() {
			if p.call.stage == up {
				p.hangup()
			}
		})
	}
	for _, h := range p.o.Hold {
		p.clock.after(h.At, func() { p.hold(h) })
	}
	p.call.digits = p.o.Digits.Send
	wait := p.o.Digits.After
	if wait == 0 {
		wait = digitsAtLatest
	}
	p.clock.after(wait, p.startDigits)
}

// startDigits sends the first digit, once.
func (p *phone) startDigits() {
	if !p.call.dialling && p.call.stage == up {
		p.call.dialling = true
		p.nextDigit()
	}
}

func (p *phone) nextDigit() {
	if p.call.digits == "" || p.call.stage != up {
		return
	}
	digit := p.call.digits[:1]
	p.call.digits = p.call.digits[1:]
	wait := digitEvery
	switch digit {
	case "w":
		wait = pauseShort
	case ",":
		wait = pauseLong
	default:
		p.sendDigit(digit)
	}
	p.clock.after(wait, p.nextDigit)
}

func (p *phone) sendDigit(digit string) {
	if !p.o.Digits.Info && p.call.media.sendDigit(digit) {
		p.tl.tell(KindDigitSent, Out, 0, "digit %s sent (RFC 4733)", digit)
		return
	}
	req := p.inDialog(p.call.dialog, sip.INFO)
	kind := sip.ContentTypeHeader("application/dtmf-relay")
	req.AppendHeader(&kind)
	req.SetBody(fmt.Appendf(nil, "Signal=%s\r\nDuration=160\r\n", digit))
	p.tl.tell(KindDigitSent, Out, 0, "digit %s sent (INFO)", digit)
	p.transact(req, p.call.dialog.next(), func(res *sip.Response) {
		if res.StatusCode >= 300 {
			p.tl.tell(KindProblem, In, res.StatusCode, "digit %s refused: %d %s", digit, res.StatusCode, res.Reason)
		}
	})
}

// heard takes what the media noticed.
func (p *phone) heard(e mediaEvent) {
	switch e.kind {
	case heardSound:
		p.tl.tell(KindHearing, In, 0, "hearing sound, %.0f dBFS", e.level)
		if p.o.Digits.After == 0 && p.call.stage == up {
			p.clock.after(digitsSettle, p.startDigits)
		}
	case heardSilence:
		p.tl.tell(KindSilent, In, 0, "hearing silence")
	case heardDigit:
		p.digitHeard(e.digit, "RFC 4733")
	case playedAll:
		p.tl.tell(KindPlayed, Out, 0, "played %s", p.o.Sound.Play)
	case problem:
		p.tl.tell(KindProblem, Here, 0, "%s", e.text)
	}
}
