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

// marked speaks SSML: by the engine where it reads it, else piece by piece.
func (v *Voices) marked(ctx context.Context, engine Engine, r Request) (wav.Sound, error) {
	pieces, err := piecesOf(r.Text)
	if err != nil {
		return wav.Sound{}, err
	}
	if reader, ok := engine.(Reader); ok {
		r.Text = ssml.Write(pieces)
		return reader.SpeakSSML(ctx, r)
	}
	var parts []wav.Sound
	var length time.Duration
	for _, p := range pieces {
		if length > maxLength {
			return wav.Sound{}, fmt.Errorf("%w: it lasts too long", ErrSSML)
		}
		part := wav.Sound{Samples: make([]int16, p.Pause*wav.Rate/time.Second), Rate: wav.Rate}
		if p.Text != "" {
			r.Text, r.Rate = p.Text, p.Rate
			if part, err = engine.Speak(ctx, r); err != nil {
				return wav.Sound{}, err
			}
		}
		parts, length = append(parts, part), length+part.Duration()
	}
	return wav.Join(parts), nil
}

// piecesOf reads SSML and keeps what can be said. Text in which nothing can is left out.
func piecesOf(text string) ([]ssml.Piece, error) {
	pieces, err := ssml.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSSML, err)
	}
	said, length, some := pieces[:0], 0, false
	for _, p := range pieces {
		if p.Text != "" {
			p.Text, err = clean(p.Text)
			if errors.Is(err, ErrNoText) {
				continue
			}
			if err != nil {
				return nil, err
			}
			some = true
		}
		length += utf8.RuneCountInString(p.Text)
		said = append(said, p)
	}
	switch {
	case !some:
		return nil, ErrNoText
	case length > MaxText:
		return nil, ErrTextTooLong
	}
	return said, nil
}
