// Package phone is a SIP and RTP telephone for the terminal and for tests: it makes one call or waits for one, sends and hears
// digits, holds, plays and records, and tells what happened line by line. It shares no logic with the edge that it calls, so that
// neither hides the other's mistakes. It has one call at a time, no microphone and no encryption.
package phone

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"time"
)

// Defaults of Options.
const (
	DefaultServer   = "127.0.0.1:5060"
	DefaultPatience = 3 * time.Minute
)

// ErrUsage is wrapped by errors of the Options themselves.
var ErrUsage = errors.New("wrong usage")

// Failed is a call or registration that the other side refused, or that was never answered.
type Failed struct {
	Doing  string // "call", "registration"
	Code   int    // SIP status; 408 when nothing answered at all
	Reason string
}

// Error implements error.
func (f *Failed) Error() string { return fmt.Sprintf("%s failed: %d %s", f.Doing, f.Code, f.Reason) }

// Options of Run. A caller needs Target, one who waits needs Wait.
type Options struct {
	Server    string // host:port; default DefaultServer, or the target's own address where Target is a SIP URI
	Transport string // "udp" (default) or "tcp"
	Local     string // local IP or IP:port for SIP; default the address that reaches the server, any port
	As        string // user; empty: no registration, no authentication
	Password  string // default "demo-" and the user, as in the demo tenant
	Name      string // display name
	Register  bool   // register before calling too; who waits does it always if As is set
	Target    string // extension, number or SIP URI

	Answer Answering // of who waits
	Wait   bool      // wait for one call instead of making one

	Sound    Sound
	Digits   Digits
	Hold     []Hold        // in order
	For      time.Duration // hang up this long after the answer; 0: when the other side does or ctx ends
	Patience time.Duration // longest wait for the answer (default DefaultPatience), or for a call (default: no bound)

	JSON   bool        // timeline as JSON lines
	Notify func(Event) // each line of the timeline too; called from Run's goroutine, must not block
	Logger *slog.Logger
}

// Answering is what one who waits does with a call.
type Answering struct {
	After  time.Duration // of ringing
	Reject int           // refuse with this status, 300-699; 0: answer. 486 is busy
	Quiet  bool          // send no 180
}

// Sound is what is said and kept.
type Sound struct {
	Play   string  // WAV file, played once after the answer
	Tone   float64 // Hz, sent all through the call when there is nothing to play; 0: silence
	Record string  // WAV file of what was heard, 8 kHz mono
	Codec  string  // "pcmu" or "pcma" alone; default both, PCMU first
}

// Digits are sent once something was heard after the answer, or two seconds after it.
type Digits struct {
	Send  string        // 0-9 * # A-D; 'w' waits half a second, ',' two
	After time.Duration // if set, exactly this long after the answer
	Info  bool          // SIP INFO instead of RFC 4733
}

// Hold puts the other side on hold.
type Hold struct {
	At  time.Duration // after the answer
	For time.Duration
	How string // "sendonly" (default), "inactive", "zero" (c=0.0.0.0, RFC 2543), "update" (sendonly by UPDATE, RFC 3311)
}

// ParseHold reads "3s:2s": three seconds after the answer for two seconds. "3s:2s:inactive" says how.
func ParseHold(s string) (Hold, error) {
	part := strings.Split(s, ":")
	if len(part) < 2 || len(part) > 3 {
		return Hold{}, fmt.Errorf("%w: hold %q; expected AT:FOR such as 3s:2s", ErrUsage, s)
	}
	at, err1 := duration(part[0])
	length, err2 := duration(part[1])
	if err := errors.Join(err1, err2); err != nil {
		return Hold{}, fmt.Errorf("%w: hold %q: %w", ErrUsage, s, err)
	}
	h := Hold{At: at, For: length}
	if len(part) == 3 {
		h.How = part[2]
	}
	return h, h.check()
}

func (h Hold) check() error {
	switch h.How {
	case "", "sendonly", "inactive", "zero", "update":
		return nil
	}
	return fmt.Errorf("%w: hold as %q; expected sendonly, inactive, zero or update", ErrUsage, h.How)
}

// duration is "2s" or a number of seconds.
func duration(s string) (time.Duration, error) {
	if n, err := strconv.ParseFloat(s, 64); err == nil && n >= 0 && n < 1e6 {
		return time.Duration(n * float64(time.Second)), nil
	}
	d, err := time.ParseDuration(s)
	if err == nil && d < 0 {
		err = fmt.Errorf("%s is before the answer", s)
	}
	return d, err
}

// Run makes or awaits one call and returns when it is over. Ending ctx hangs up, cancels or unregisters properly first, within five
// seconds. Errors: one that wraps ErrUsage, a *Failed, or what the machine says (a port, a file). A call refused as Options asked
// for, one that the caller gave up, and an interrupt are no errors; the Report tells them apart.
func Run(ctx context.Context, o Options, out io.Writer) (Report, error) {
	o, err := o.complete()
	if err != nil {
		return Report{}, err
	}
	p := newPhone(o, out)
	err = p.run(ctx)
	return p.report, err
}
