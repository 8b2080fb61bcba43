package real

import (
	"testing"
	"time"
)

// Load is a steady stream of calls by sipp.
type Load struct {
	*Process
	Calls int
	span  time.Duration
}

// LoadConfig is the configuration of a tenant that LoadScript's calls fit: number 100 takes a digit and then waits.
const LoadConfig = `
tenants:
  demo:
    trunks: {local: {allow: [127.0.0.0/8]}}
    numbers:
      "100": {answer: [{verb: answer}, {verb: gather, max_digits: 1, timeout: 10s}, {verb: pause, for: 60s}]}
`

// LoadScript is a call of about a second: a digit, a hold, a resume, and a hang-up by the caller.
func LoadScript() *Script {
	return CallerScript().Invite(OfferBoth).Answered().Ack().Pause(200 * time.Millisecond).Digit("5").
		Pause(200 * time.Millisecond).Invite(OfferSendOnly).Answered().Ack().Pause(300 * time.Millisecond).
		Invite(OfferBoth).Answered().Ack().Pause(200 * time.Millisecond).Bye()
}

// StartLoad makes calls to number 100 at a rate for a time. An answer that takes longer than 2 s fails its call.
func StartLoad(t *testing.T, target string, rate int, span time.Duration) *Load {
	t.Helper()
	calls := int(span.Seconds() * float64(rate))
	return &Load{Calls: calls, span: span, Process: Sipp(t, SippOptions{
		Scenario: LoadScript().XML(), Target: target, Service: "100", Calls: calls, Rate: rate,
		Args: []string{"-recv_timeout", "2000"},
	})}
}

// Done waits for the end; every call must have gone well.
func (l *Load) Done(t *testing.T) {
	t.Helper()
	if code := l.Exited(t, l.span+30*time.Second); code != 0 {
		t.Errorf("of %d calls some failed: sipp ended with %d", l.Calls, code)
	}
}
