package calltest

import (
	"slices"

	"github.com/offhook/offhook/edge/call"
)

type detection struct {
	n    int
	what []string
	told int
}

// ofDetection: what it listens for may be heard, twice at most.
func ofDetection(next []Choice, d detection) []Choice {
	if d.told >= 2 {
		return next
	}
	for _, what := range d.what {
		if what != call.DetectDigits {
			next = append(next, Choice{Input: call.Detected{Detect: d.n, What: what, Confidence: 0.9, AfterMS: 1000}})
		}
		if what == call.DetectMachine {
			next = append(next, Choice{Input: call.Detected{Detect: d.n, What: "human", Confidence: 0.7, AfterMS: 900}})
		}
	}
	return next
}

// listens is true for a detection that goes on.
func (w *World) listens(n int) bool {
	return slices.ContainsFunc(w.detects, func(d detection) bool { return d.n == n })
}
