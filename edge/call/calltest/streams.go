package calltest

import (
	"errors"
	"slices"

	"github.com/offhook/offhook/edge/call"
)

type streaming struct {
	n     int
	talks bool
	begun bool
	told  bool // StreamStop was given
}

// ofStream: it is connected, or not; its server closes, is lost, or is told to.
func ofStream(next []Choice, s streaming) []Choice {
	lost := call.StreamEnded{Stream: s.n, Why: call.StreamFailed, Code: "refused", Error: "connection refused"}
	next = append(next, Choice{Input: lost})
	closed := call.StreamEnded{Stream: s.n, Why: call.StreamClosed, DurationMS: 2000, BytesSent: 16000, BytesReceived: 800}
	switch {
	case s.told:
		closed.Why = call.RecordedStopped
		next = append(next, Choice{Input: closed, Ends: true})
	case s.begun:
		next = append(next, Choice{Input: closed, Ends: true})
	}
	if !s.begun {
		next = append(next, Choice{Input: call.StreamStarted{Stream: s.n}, Ends: !s.told})
	}
	return next
}

// hears is true for a stream that was not told to stop.
func (w *World) hears(n int) bool { return w.stream(n) != nil }

// talks is true for such a one whose server is heard.
func (w *World) talks(n int) bool {
	s := w.stream(n)
	return s != nil && s.talks
}

func (w *World) stream(n int) *streaming {
	at := slices.IndexFunc(w.streams, func(s streaming) bool { return s.n == n && !s.told })
	if at < 0 {
		return nil
	}
	return &w.streams[at]
}

func (w *World) streamHappens(in call.Input) {
	switch in := in.(type) {
	case call.StreamStarted:
		for i := range w.streams {
			w.streams[i].begun = w.streams[i].begun || w.streams[i].n == in.Stream
		}
	case call.StreamEnded:
		w.streams = without(w.streams, func(s streaming) bool { return s.n == in.Stream })
	}
}

func (w *World) streamDone(out call.Output) error {
	switch o := out.(type) {
	case call.StreamStart:
		if o.ID == "" || o.To == "" || len(o.Tracks) == 0 {
			return errors.New("a stream without id, server or tracks")
		}
		w.streams = append(w.streams, streaming{n: o.Stream, talks: o.Talks})
		return w.number(o.Stream)
	case call.StreamDigit:
		if !w.talks(o.Stream) || o.Digit == "" {
			return errUnknown
		}
	case call.StreamStop:
		s := w.stream(o.Stream)
		if s == nil {
			return errUnknown
		}
		s.told = true
	}
	return nil
}
