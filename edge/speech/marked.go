package speech

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/offhook/offhook/schemas/ssml"
)

// marked speaks SSML: by the engine where it reads it, else piece by piece.
func (v *Voices) marked(ctx context.Context, engine Engine, r Request) ([]int16, error) {
	pieces, err := piecesOf(r.Text)
	if err != nil {
		return nil, err
	}
	if reader, ok := engine.(Reader); ok {
		r.Text = ssml.Write(pieces)
		return reader.SpeakSSML(ctx, r)
	}
	var out []int16
	for _, p := range pieces {
		if len(out) > maxSamples {
			return nil, fmt.Errorf("%w: it lasts too long", ErrSSML)
		}
		if p.Text == "" {
			out = append(out, make([]int16, p.Pause*Rate/time.Second)...)
			continue
		}
		r.Text, r.Rate = p.Text, p.Rate
		samples, err := engine.Speak(ctx, r)
		if err != nil {
			return nil, err
		}
		out = append(out, samples...)
	}
	return out, nil
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
