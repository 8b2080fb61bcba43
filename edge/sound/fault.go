package sound

import (
	"context"
	"errors"
	"net/http"

	"github.com/offhook/offhook/edge/sound/file"
	"github.com/offhook/offhook/edge/sound/mp3"
	"github.com/offhook/offhook/edge/sound/wav"
	"github.com/offhook/offhook/edge/speech"
)

// fault is an error with the word that events tell it by.
type fault struct {
	code string
	error
}

func (f *fault) Unwrap() error { return f.error }

func faulty(code string, err error) error { return &fault{code, err} }

// ofStatus is the word for what a server or bucket answered.
func ofStatus(status int) string {
	switch status {
	case http.StatusNotFound, http.StatusGone:
		return "not_found"
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusProxyAuthRequired:
		return "refused"
	}
	return "unreachable"
}

// codes are looked through in this order.
var codes = []struct {
	is   error
	code string
}{
	{ErrName, "bad_name"}, {ErrUnknown, "not_found"}, {ErrBusy, "busy"}, {ErrClosed, "busy"}, {wav.ErrTooLong, "too_large"},
	{file.ErrKind, "not_audio"}, {file.ErrEmpty, "not_audio"}, {wav.ErrFormat, "not_audio"}, {wav.ErrUnsupported, "not_audio"},
	{mp3.ErrFormat, "not_audio"}, {mp3.ErrUnsupported, "not_audio"},
	{speech.ErrNoText, "bad_text"}, {speech.ErrTextTooLong, "bad_text"}, {speech.ErrSSML, "bad_text"},
	{speech.ErrUnknownEngine, "speech_failed"}, {speech.ErrUnknownVoice, "speech_failed"}, {speech.ErrEngine, "speech_failed"},
	{speech.ErrClosed, "speech_failed"}, {context.DeadlineExceeded, "unreachable"}, {ErrFetch, "unreachable"},
}

// Code is the stable word for why a sound cannot be had, as audio.failed tells it.
func Code(err error) string {
	var f *fault
	if errors.As(err, &f) {
		return f.code
	}
	for _, c := range codes {
		if errors.Is(err, c.is) {
			return c.code
		}
	}
	return "failed"
}
