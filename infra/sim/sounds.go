package sim

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/offhook/offhook/edge/media"
	"github.com/offhook/offhook/schemas/verb"
)

// sounds gives what the edge plays: "p800" is a prompt of 800 ms, tones and music are a second to be repeated, speech
// takes its time by its letters. Decoding and synthesis are others' tests.
type sounds struct{}

var errNoSound = errors.New("no such sound")

// Open gives a sound by its name; an unknown one fails when its first frame is asked for, as in production.
func (sounds) Open(_ context.Context, _ string, a verb.Audio) (media.Source, error) {
	switch {
	case a.Say != nil:
		return hum(5 + 3*len(a.Say.Text)), nil
	case strings.HasPrefix(a.Name, "tone:"):
		return hum(50), nil
	}
	ms, err := strconv.Atoi(strings.TrimPrefix(a.Name, "p"))
	if err != nil {
		return hum(-1), nil
	}
	return hum(ms / 20), nil
}

// Prepare does nothing.
func (sounds) Prepare(context.Context, string, verb.Audio) {}

// Music is music on hold, and of parking.
func (sounds) Music(context.Context, string, string) media.Source { return hum(50) }

// hum is a Source of so many frames, all the same; -1 fails.
type hum int

func (h hum) Frame(n int) ([]int16, bool, error) {
	if h < 0 {
		return nil, false, errNoSound
	}
	return humPCM, n < int(h), nil
}

func (h hum) FrameG711(n int, _ bool) ([]byte, bool, error) {
	if h < 0 {
		return nil, false, errNoSound
	}
	return frame, n < int(h), nil
}

var humPCM = make([]int16, 160)
