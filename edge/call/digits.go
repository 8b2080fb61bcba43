package call

import "github.com/offhook/offhook/schemas/event"

// digit publishes a digit and keeps it for whoever claims it. In a bridge digits go to the other party, by the shell,
// so there only a claim takes them; what may be a feature code goes by us.
func (c *Call) digit(in Digit) {
	l := c.live(in.Leg)
	if l == nil || len(in.Digit) != 1 {
		return
	}
	c.publish(event.DTMFReceived, &event.DTMF{Leg: l.N, Digit: in.Digit, Method: in.Method, DurationMS: in.DurationMS})
	switch {
	case len(l.Claims) == 0 && l.Lent != 0:
		c.toBorrower(l.Lent, "digit", in.Digit)
	case c.feature(l, in.Digit):
	case len(l.Claims) == 0 && c.Bridge.Leg != 0 && (l.N == c.Caller || l.N == c.Bridge.Leg):
	case len(l.Claims) == 0 && l.Home != nil: // a guest: nothing here will ask for it
	default:
		c.keepDigit(l, in.Digit)
	}
}

// keepDigit has a digit wait for a claim.
func (c *Call) keepDigit(l *Leg, digit string) {
	if len(l.Digits) >= MaxDigits {
		c.log("warn", "digit dropped: too many wait")
		return
	}
	l.Digits += digit
}

// offerDigit brings the first waiting digit of a leg to its innermost claim.
func (c *Call) offerDigit() bool {
	for _, l := range c.Legs {
		if l.Digits != "" && len(l.Claims) > 0 {
			d := l.Digits[:1]
			l.Digits = l.Digits[1:]
			c.deliver(l.Claims[len(l.Claims)-1], Digit{Leg: l.N, Digit: d})
			return true
		}
	}
	return false
}
