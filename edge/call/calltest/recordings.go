package calltest

import (
	"errors"
	"slices"

	"github.com/offhook/offhook/edge/call"
)

type recording struct {
	n      int
	told   bool // RecordStop was given
	paused bool
}

// ofRecording: it ends by itself unless it pauses, or for it was told to, and is stored or not.
func ofRecording(next []Choice, r recording) []Choice {
	full := call.RecordEnded{Record: r.n, Why: call.RecordedFailed, DurationMS: 100, Error: "no space left on device"}
	next = append(next, Choice{Input: full})
	kept := call.RecordEnded{Record: r.n, Why: call.RecordedStopped, DurationMS: 5000, Bytes: 80044, SHA256: "00", Location: "demo/2026-03-01/a.wav"}
	if r.told {
		return append(next, Choice{Input: kept, Ends: true})
	}
	if r.paused {
		return next
	}
	quiet, long := kept, kept
	quiet.Why, long.Why = call.RecordedSilence, call.RecordedLimit
	return append(next, Choice{Input: quiet}, Choice{Input: long, Ends: true})
}

// recorded is true for a recording that was not told to stop.
func (w *World) recorded(n int) bool {
	return slices.ContainsFunc(w.records, func(r recording) bool { return r.n == n && !r.told })
}

func (w *World) recordDone(out call.Output) error {
	of := func(n int) *recording {
		at := slices.IndexFunc(w.records, func(r recording) bool { return r.n == n && !r.told })
		if at < 0 {
			return nil
		}
		return &w.records[at]
	}
	switch o := out.(type) {
	case call.RecordStart:
		if o.Limit <= 0 || o.Channels < 1 || o.Channels > 2 || o.Name == "" || o.ID == "" {
			return errors.New("a recording without limit, name or channels")
		}
		w.records = append(w.records, recording{n: o.Record})
		return w.number(o.Record)
	case call.RecordPause:
		r := of(o.Record)
		if r == nil || r.paused == o.Paused {
			return errUnknown
		}
		r.paused = o.Paused
	case call.RecordStop:
		r := of(o.Record)
		if r == nil {
			return errUnknown
		}
		r.told = true
	}
	return nil
}
