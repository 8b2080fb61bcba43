// Package tone hears what a party's sound tells beside words: digits sent as tones, fax machines, beeps, busy tones, and
// whether who answered is a person or a machine. Everything here is fed frames of 20 ms at 8 kHz, keeps a few hundred
// bytes of state and allocates nothing. It knows no calls and plays nothing. What it can be trusted with is measured in
// ERRORS.md.
package tone

import "time"

const (
	// Rate is the samples a second of what is heard.
	Rate = 8000
	// Size of a frame in samples.
	Size = 160

	frameTime = time.Second * Size / Rate
)

// What was found.
type What uint8

// Findings.
const (
	Digit    What = iota + 1 // a key, told once, at its end
	Fax                      // CNG of a fax that calls, CED of one that answers (ITU-T T.30 4.3.3)
	Beep                     // one steady tone, told at its end
	BusyTone                 // busy or congestion
	Silence                  // nobody has spoken for Config.Silence
	Human                    // a short greeting, then silence
	Machine                  // a long greeting, or a beep
)

// Finding is one thing that was heard.
type Finding struct {
	What       What
	Key        string        // Digit: 0-9 * # A-D
	Duration   time.Duration // Digit, Beep: of the tone; Human, Machine: of the greeting
	Hz         float64       // Beep, BusyTone, Fax: the tone, of two the lower one
	Confidence float64       // 0.5 to 1; see ERRORS.md
	After      time.Duration // since the first frame
}

// level of a sine in dBm0 as mean square of samples; full scale is +3.14 dBm0 (ITU-T G.711).
const (
	dBm0    = 248e6
	minus36 = dBm0 / 3981
	minus45 = dBm0 / 31623
	minus55 = dBm0 / 316228
)
