package phone

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/offhook/offhook/infra/phone/ear"
)

// Outcomes of a Report.
const (
	Answered    = "answered"    // the call was up
	Refused     = "refused"     // they said no: Code
	NoAnswer    = "no_answer"   // Patience ran out
	Cancelled   = "cancelled"   // we gave up before the answer
	Rejected    = "rejected"    // we refused, as asked for
	Missed      = "missed"      // they gave up while we rang: Why may say that another phone answered
	Nothing     = "nothing"     // no call came
	Unreachable = "unreachable" // no answer from the server at all, or registration refused
)

// Report is what became of the call.
type Report struct {
	Outcome  string      `json:"outcome"`
	Code     int         `json:"code,omitempty"`     // SIP status of the final response
	Reason   string      `json:"reason,omitempty"`   // its phrase
	EndedBy  string      `json:"ended_by,omitempty"` // "us" or "them", of an answered call
	Why      string      `json:"why,omitempty"`      // their Reason header (RFC 3326)
	From     string      `json:"from,omitempty"`     // the caller's user, of who waited
	FromName string      `json:"from_name,omitempty"`
	Headers  Headers     `json:"headers,omitempty"` // X- and P- headers of the INVITE that came in
	Rang     Seconds     `json:"rang"`              // from INVITE to the final response
	Talked   Seconds     `json:"talked"`            // from the answer to the end
	Digits   string      `json:"digits,omitempty"`  // heard
	Media    MediaReport `json:"media"`
	Heard    []Tone      `json:"heard,omitempty"` // pure tones, by beginning
}

// Headers are header fields by name.
type Headers map[string]string

// Seconds is a span of time that is a number of seconds in JSON.
type Seconds time.Duration

// MarshalJSON gives milliseconds' precision.
func (s Seconds) MarshalJSON() ([]byte, error) {
	return fmt.Appendf(nil, "%.3f", time.Duration(s).Seconds()), nil
}

// MediaReport is about RTP.
type MediaReport struct {
	Codec    string  `json:"codec,omitempty"`
	Sent     uint64  `json:"packets_sent"`
	Received uint64  `json:"packets_received"`
	Lost     uint64  `json:"packets_lost"`
	JitterMS float64 `json:"jitter_ms"`
	Loudness float64 `json:"loudness_dbfs"` // of what was heard while it was no silence; -96 for nothing
}

// Tone is a pure tone that was heard, with times since the start of Run.
type Tone struct {
	Hz   float64 `json:"hz"`
	From Seconds `json:"from"`
	To   Seconds `json:"to"`
}

// Event is a line of the timeline.
type Event struct {
	At   time.Duration // since the start of Run
	Kind string        // one of the Kinds
	Way  Way
	Code int    // SIP status where there is one
	Text string // plain words
}

// Way is who did it.
type Way int

// Ways.
const (
	Here Way = iota
	Out
	In
)

// Kinds of Event.
const (
	KindRegistering = "registering"
	KindRegistered  = "registered"
	KindCalling     = "calling"
	KindRinging     = "ringing"
	KindProgress    = "progress"
	KindIncoming    = "incoming"
	KindAnswered    = "answered"
	KindHearing     = "hearing"
	KindSilent      = "silent"
	KindDigitSent   = "digit_sent"
	KindDigitHeard  = "digit_heard"
	KindHolding     = "held"            // by us
	KindResumed     = "resumed"         // by us
	KindHeldBy      = "held_by_them"    // by the other side
	KindResumedBy   = "resumed_by_them" // by the other side
	KindPlayed      = "played"
	KindRefused     = "refused"
	KindMissed      = "missed"
	KindHangup      = "hangup"
	KindProblem     = "problem"
)

// timeline prints events as they happen.
type timeline struct {
	out    io.Writer
	json   bool
	notify func(Event)
	start  time.Time
}

func (t *timeline) tell(kind string, way Way, code int, format string, args ...any) {
	e := Event{At: time.Since(t.start), Kind: kind, Way: way, Code: code, Text: fmt.Sprintf(format, args...)}
	if t.json {
		t.line(map[string]any{"at": Seconds(e.At), "event": kind, "code": code, "text": e.Text})
	} else {
		arrow := [...]string{"·", "→", "←"}[way]
		fmt.Fprintf(t.out, "%8.3f  %s  %s\n", e.At.Seconds(), arrow, clean(e.Text))
	}
	if t.notify != nil {
		t.notify(e)
	}
}

func (t *timeline) line(v map[string]any) {
	if v["code"] == 0 {
		delete(v, "code")
	}
	b, err := json.Marshal(v)
	if err != nil {
		b = fmt.Appendf(nil, `{"event":"problem","text":%q}`, err.Error())
	}
	fmt.Fprintf(t.out, "%s\n", b)
}

// clean keeps what the other side sent from driving the terminal.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || (r >= 0x7F && r < 0xA0) {
			return '?'
		}
		return r
	}, s)
}

// summary is the last line or lines.
func (t *timeline) summary(r Report) {
	if t.json {
		t.line(map[string]any{"at": Seconds(time.Since(t.start)), "event": "summary", "report": r})
		return
	}
	fmt.Fprintf(t.out, "\n%s\n", clean(r.outcome()))
	if m := r.Media; m.Sent+m.Received > 0 {
		fmt.Fprintf(t.out, "media     %s, sent %d packets, received %d, lost %d, jitter %.1f ms\n", m.Codec, m.Sent, m.Received, m.Lost, m.JitterMS)
		fmt.Fprintf(t.out, "heard     %s\n", clean(r.heard()))
	}
}

func (r Report) outcome() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-9s ", "call")
	switch r.Outcome {
	case Answered:
		fmt.Fprintf(&b, "answered after %.1f s, %.1f s long, ended by %s", time.Duration(r.Rang).Seconds(), time.Duration(r.Talked).Seconds(), r.EndedBy)
	default:
		fmt.Fprintf(&b, "%s", strings.ReplaceAll(r.Outcome, "_", " "))
		if r.Code != 0 {
			fmt.Fprintf(&b, " (%d %s)", r.Code, r.Reason)
		}
	}
	if r.Why != "" {
		fmt.Fprintf(&b, "; reason given: %s", r.Why)
	}
	return b.String()
}

func (r Report) heard() string {
	words := []string{fmt.Sprintf("loudness %.0f dBFS", r.Media.Loudness)}
	if r.Media.Loudness <= ear.Floor {
		words[0] = "silence"
	}
	for i, t := range r.Heard {
		if i == 6 {
			words = append(words, fmt.Sprintf("and %d more tones", len(r.Heard)-i))
			break
		}
		words = append(words, fmt.Sprintf("%.0f Hz %.1f-%.1f s", t.Hz, time.Duration(t.From).Seconds(), time.Duration(t.To).Seconds()))
	}
	if r.Digits != "" {
		words = append(words, "digits "+r.Digits)
	}
	return strings.Join(words, ", ")
}
