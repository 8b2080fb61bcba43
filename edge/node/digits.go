package node

import (
	"time"

	"github.com/offhook/offhook/edge/media"
)

// How digits are sent one after another by INFO, as they would be in RTP; w is a pause.
const (
	digitTakes = 160 * time.Millisecond
	digitPause = 500 * time.Millisecond
	maxDials   = 256 // digits that wait on one leg
)

// How a digit came.
const (
	byEvent = "rfc4733"
	byInfo  = "info"
	byTones = "inband"
)

// pressed hands a digit on to whoever hears this leg: here, or in the call that has it.
func (l *leg) pressed(digit, method string) {
	if l.loan != nil {
		if by, at := l.loan.held(); by != nil {
			rtp := l.rtp
			by.later(func() { by.forwardDigit(at, rtp, digit, method) })
			return
		}
	}
	l.s.forwardDigit(l.id, l.rtp, digit, method)
}

func (s *session) forwardDigit(from int, rtp *media.Endpoint, digit, method string) {
	for _, row := range s.mix {
		if to := s.leg(row.To); row.From == from && to != nil && !row.Mute {
			to.atHome(func(to *leg) { to.passDigit(rtp, digit, method) })
		}
	}
}

// atHome does something where the leg's dialog is; a guest's is on the worker of its own call.
func (l *leg) atHome(do func(*leg)) {
	if !l.guest {
		do(l)
		return
	}
	x := l.loan
	x.home.later(func() { do(x.leg) })
}

// passDigit sends what another party pressed, in RTP, else by INFO. One that came in RTP is left to the relay where that
// passes it. One that came as tones has been heard, so it is sent to those alone who listen to telephone-events.
func (l *leg) passDigit(from *media.Endpoint, digit, method string) {
	switch {
	case l.rtp == nil, method == byEvent && l.rtp.PassesDigits(from):
	case method == byTones:
		l.rtp.SendDigits(digit)
	default:
		l.sendDigit(digit)
	}
}

func (l *leg) sendDigit(digit string) {
	if l.rtp == nil || l.dialog == nil || l.rtp.SendDigits(digit) {
		return
	}
	l.dialog.SendInfo("application/dtmf-relay", []byte("Signal="+digit+"\r\nDuration=160\r\n"))
}

// dial sends digits of our own, in their time: RTP keeps it by itself. What is too much is left out.
func (l *leg) dial(digits string) {
	l.atHome(func(l *leg) {
		begins := l.dials == ""
		if begins && l.rtp != nil && l.rtp.SendDigits(digits) {
			return
		}
		if l.dials += digits[:min(len(digits), maxDials-len(l.dials))]; begins {
			l.dialNext()
		}
	})
}

// dialNext sends the first digit that waits, and comes back for the next.
func (l *leg) dialNext() {
	if l.dials == "" || l.s.over || l.lost {
		return
	}
	digit, takes := l.dials[:1], digitTakes
	if digit == "w" || digit == "W" {
		takes = digitPause
	} else {
		l.sendDigit(digit)
	}
	l.s.worker.timers.after(l.s, takes, func() {
		l.dials = l.dials[1:]
		l.dialNext()
	})
}
