//go:build e2e

package soak

import (
	"testing"
	"time"

	"github.com/offhook/offhook/infra/e2e/real"
)

// sample is a reading of what must not grow.
type sample struct {
	at                       time.Duration
	memory, heap, goroutines float64 // MiB, MiB, count
	live, backlog, files     float64
}

// course is how they went.
type course []sample

// observe reads every second until the time is over.
func observe(t *testing.T, h *real.Node, span time.Duration) course {
	t.Helper()
	var c course
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for began := time.Now(); time.Since(began) < span; <-tick.C {
		m := h.MetricsNow(t)
		c = append(c, sample{
			at: time.Since(began), memory: m["process_resident_memory_bytes"] / (1 << 20), heap: m["go_memstats_heap_inuse_bytes"] / (1 << 20),
			goroutines: m["go_goroutines"], live: m["offhook_calls_live"], backlog: m["offhook_log_backlog"], files: m["process_open_fds"],
		})
	}
	return c
}

// most is the largest value of a part of the course, given in quarters.
func (c course) most(quarter int, of func(sample) float64) float64 {
	best := 0.0
	for _, s := range c[len(c)*quarter/4 : len(c)*(quarter+1)/4] {
		best = max(best, of(s))
	}
	return best
}

// check compares the last quarter with the one before: in the first half all is still filling, such as the ports that rest
// and the memory of ended dialogs.
func (c course) check(t *testing.T) {
	t.Helper()
	for _, s := range c {
		if every := max(1, len(c)/12); int(s.at.Seconds())%every == 0 {
			t.Logf("%6.0f s: %4.0f MiB resident, %4.0f MiB heap, %4.0f goroutines, %4.0f calls, %5.0f events on their way, %4.0f files",
				s.at.Seconds(), s.memory, s.heap, s.goroutines, s.live, s.backlog, s.files)
		}
	}
	for name, x := range map[string]struct {
		of    func(sample) float64
		slack float64
	}{
		"resident memory (MiB)": {func(s sample) float64 { return s.memory }, 8},
		"goroutines":            {func(s sample) float64 { return s.goroutines }, 10},
		"open files":            {func(s sample) float64 { return s.files }, 60},
		"live calls":            {func(s sample) float64 { return s.live }, 40},
	} {
		before, after := c.most(2, x.of), c.most(3, x.of)
		t.Logf("%s: at most %.0f in the third quarter, %.0f in the last", name, before, after)
		if after > before*1.1+x.slack {
			t.Errorf("%s grew from %.0f to %.0f", name, before, after)
		}
	}
}
