package speech

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/offhook/offhook/edge/sound/wav"
	"github.com/offhook/offhook/edge/speech/flite"
)

// Bounds of what an engine may give for one text.
const (
	maxLength  = 10 * time.Minute
	maxSamples = int(maxLength/time.Second) * wav.Rate // of 8 kHz, or twice as many
)

// fliteEngine is the built-in voice.
type fliteEngine struct{ engine *flite.Engine }

func newFlite(instances int, idle time.Duration) *fliteEngine {
	return &fliteEngine{flite.New(instances, idle)}
}

func (f *fliteEngine) close() { f.engine.Close() }

// Speak implements Engine.
func (f *fliteEngine) Speak(ctx context.Context, r Request) (wav.Sound, error) {
	voice := r.Voice
	if voice == "" {
		voice = flite.Voices()[0]
	}
	if !slices.Contains(flite.Voices(), voice) {
		return wav.Sound{}, fmt.Errorf("%w %q; there are %s", ErrUnknownVoice, voice, strings.Join(flite.Voices(), ", "))
	}
	text, err := english(r.Text)
	if err != nil {
		return wav.Sound{}, err
	}
	file, err := f.engine.Speak(ctx, text, voice, r.Rate)
	switch {
	case errors.Is(err, flite.ErrClosed):
		return wav.Sound{}, ErrClosed
	case ctx.Err() != nil && err != nil:
		return wav.Sound{}, err
	case err != nil:
		return wav.Sound{}, fmt.Errorf("%w: %w", ErrEngine, err)
	}
	return decode(bytes.NewReader(file))
}

func decode(r io.Reader) (wav.Sound, error) {
	s, err := wav.ReadSound(r, wav.Options{MaxSamples: maxSamples})
	if err == nil && len(s.Samples) == 0 {
		err = errors.New("no sound")
	}
	if err != nil {
		return wav.Sound{}, fmt.Errorf("%w: %w", ErrEngine, err)
	}
	return s, nil
}

// espeak runs espeak-ng, one process a text, with the text on its standard input: no shell, nothing to quote.
type espeak struct{ path string }

// Speak implements Engine. The voice is espeak's own name ("lv", "en-us", "de+f3"); without one it is the language.
func (e *espeak) Speak(ctx context.Context, r Request) (wav.Sound, error) { return e.run(ctx, r) }

// SpeakSSML implements Reader.
func (e *espeak) SpeakSSML(ctx context.Context, r Request) (wav.Sound, error) {
	return e.run(ctx, r, "-m")
}

func (e *espeak) run(ctx context.Context, r Request, flags ...string) (wav.Sound, error) {
	voice := r.Voice
	if voice == "" {
		voice = strings.ToLower(r.Language)
	}
	if voice == "" {
		voice = "en"
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var complaint bytes.Buffer
	cmd := exec.CommandContext(ctx, e.path, append([]string{"-v", voice, "--stdin", "--stdout"}, flags...)...)
	cmd.Stdin = strings.NewReader(r.Text)
	cmd.Stderr = &limit{w: &complaint, left: 500}
	cmd.WaitDelay = time.Second
	out, err := cmd.StdoutPipe()
	if err != nil {
		return wav.Sound{}, fmt.Errorf("%w: %w", ErrEngine, err)
	}
	if err := cmd.Start(); err != nil {
		return wav.Sound{}, fmt.Errorf("%w: %w", ErrEngine, err)
	}
	s, err := decode(out)
	if err != nil {
		cancel() // it may still be writing
	}
	if werr := cmd.Wait(); werr != nil {
		return wav.Sound{}, fmt.Errorf("%w: %w: %s", ErrEngine, werr, strings.TrimSpace(complaint.String()))
	}
	return s, err
}

// limit lets the first bytes through and swallows the rest.
type limit struct {
	w    io.Writer
	left int
}

// Write implements io.Writer.
func (l *limit) Write(b []byte) (int, error) {
	n := min(len(b), l.left)
	l.left -= n
	if _, err := l.w.Write(b[:n]); err != nil {
		return 0, err
	}
	return len(b), nil
}
