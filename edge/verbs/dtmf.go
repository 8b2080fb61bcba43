package verbs

import (
	"strconv"
	"strings"
	"time"

	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/schemas/format"
	"github.com/offhook/offhook/schemas/verb"
)

const (
	digitTime = 160 * time.Millisecond // of one digit: 100 ms of tone and a gap
	digitWait = 500 * time.Millisecond // of a w

	maxTones = 128
)

// dtmf sends digits to a party and goes on when they are out. The caller is answered for it, as by play.
type dtmf struct {
	Spec *verb.Dtmf
}

// Begin sends them.
func (v *dtmf) Begin(r *call.Run) {
	leg, why := party(r, v.Spec.Party)
	digits := v.Spec.Digits
	switch {
	case leg == 0:
		r.Done(failed(why))
		return
	case len(digits) > maxTones || !good("tones", digits):
		r.Done(failed("no digits to send: " + clip(digits)))
		return
	}
	if leg == r.Line() {
		r.Open()
	}
	if !r.SendDigits(leg, digits) {
		r.Done(failed("that party is gone"))
		return
	}
	waits := strings.Count(digits, "w")
	r.After(time.Duration(len(digits)-waits)*digitTime + time.Duration(waits)*digitWait)
}

// Input takes the end of the time that they need.
func (v *dtmf) Input(r *call.Run, in call.Input) {
	if _, ok := in.(call.TimerFired); ok {
		r.Done(done())
	}
}

// good says whether a filled string is of a format. Braces that came out of a variable are only braces.
func good(name, filled string) bool {
	return filled != "" && !strings.ContainsAny(filled, "{}") && format.Check(name, filled).OK()
}

// clip is a value as an error shows it.
func clip(value string) string {
	const most = 40
	if len(value) > most {
		value = strings.ToValidUTF8(value[:most], "") + "..."
	}
	return strconv.Quote(value)
}
