// Package speech turns text into sound: mono samples of 8 or 16 kHz by a built-in voice that needs nothing installed, or by engines that
// are. It checks and bounds the text, caches what was spoken and unloads what is idle. It knows no calls and plays nothing.
package speech

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/offhook/offhook/edge/sound/wav"
	"github.com/offhook/offhook/schemas/ssml"
)

// MaxText is the longest text that is spoken, in characters.
const MaxText = 2000

// Names of the engines.
const (
	EngineFlite  = "flite"  // built in: English; voices slt, rms, awb, kal16
	EngineEspeak = "espeak" // espeak-ng on PATH: a hundred languages
	EnginePolly  = "polly"  // AWS Polly, where it is set up
)

// Errors of Speak, for errors.Is.
var (
	ErrSSML          = errors.New("bad SSML")
	ErrNoText        = errors.New("nothing to say")
	ErrTextTooLong   = fmt.Errorf("text is longer than %d characters", MaxText)
	ErrUnknownEngine = errors.New("unknown speech engine")
	ErrUnknownVoice  = errors.New("unknown voice")
	ErrEngine        = errors.New("speech engine failed")
	ErrClosed        = errors.New("speech is closed")
)

// Request is one text to speak. Only Text is needed.
type Request struct {
	Text     string  // plain, or SSML: see schemas/ssml
	Voice    string  // of the engine; default the engine's own
	Language string  // BCP 47, such as "en-GB" or "lv"; default English
	Engine   string  // default: flite, or espeak for another language than English where espeak is there
	Rate     float64 // of engines alone: 0 and 1 are the voice's own, 2 is twice as fast; one that has no rates takes no notice
}

// Engine speaks. Speak gives samples that may be shared and must not be changed. It may take seconds, is bounded by
// ctx and safe for many callers.
type Engine interface {
	Speak(ctx context.Context, r Request) (wav.Sound, error)
}

// Reader is an Engine that reads SSML, as ssml.Write gives it; the others are given its pieces one by one.
type Reader interface {
	Engine
	SpeakSSML(ctx context.Context, r Request) (wav.Sound, error)
}

// Estimate is how long a text will take to say: what is kept silent in place of speech that failed.
func Estimate(text string) time.Duration {
	if !ssml.Is(text) {
		return estimate(text)
	}
	pieces, err := ssml.Parse(text)
	if err != nil {
		return time.Second
	}
	var d time.Duration
	for _, p := range pieces {
		if d += p.Pause; p.Text != "" {
			d += time.Duration(float64(estimate(p.Text)) / p.Rate)
		}
	}
	return max(time.Second, d)
}

func estimate(text string) time.Duration {
	const perCharacter = 65 * time.Millisecond // 15 characters a second, an unhurried reader
	n := min(utf8.RuneCountInString(text), MaxText)
	return max(time.Second, time.Duration(n)*perCharacter)
}
