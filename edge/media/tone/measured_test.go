package tone

import (
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/offhook/offhook/edge/media/g711"
)

var measured = flag.Bool("measure", false, "measure the rates that ERRORS.md tells")

// table writes a row of it: how many of a thousand tries found just the key.
func table(t *testing.T, what string, values []float64, change func(*try, float64)) {
	var row []string
	for _, v := range values {
		a := good()
		change(&a, v)
		right, _, of := a.found()
		row = append(row, fmt.Sprintf("%g: %.1f %%", v, 100*float64(right)/float64(of)))
	}
	t.Logf("%-22s %s", what, strings.Join(row, ", "))
}

func TestMeasured(t *testing.T) {
	if !*measured {
		t.Skip("-measure")
	}
	table(t, "ms", []float64{20, 23, 25, 30, 35, 38, 40, 50}, func(a *try, v float64) { a.long = time.Duration(v * float64(ms)) })
	table(t, "% off", []float64{1.5, 1.8, 2, 2.5, 3, 3.5}, func(a *try, v float64) { a.off = v / 100 })
	table(t, "column over row, dB", []float64{-12, -10, -9, -8, 4, 6, 7, 8, 9}, func(a *try, v float64) { a.twist = v })
	table(t, "dBm0", []float64{0, -10, -20, -29, -35, -38}, func(a *try, v float64) { a.level, a.noise = v, -80 })
	table(t, "dB over noise", []float64{20, 15, 12, 10, 8, 6, 5, 4, 3, 0}, func(a *try, v float64) { a.noise = -7 - v })
	table(t, "worst case, over noise", []float64{25, 20, 15, 12, 10}, func(a *try, v float64) {
		a.long, a.off, a.twist, a.noise = 40*ms, 0.015, 4, -8.5-v
	})
	for _, lost := range []float64{0.01, 0.05, 0.1} {
		right, none, more := lossy(lost)
		t.Logf("%g %% of the packets lost and silent: %.1f %% right, %.1f %% missed, %.1f %% twice", 100*lost, right, none, more)
	}
}

// lossy is what comes of keys of 100 ms when packets are lost.
func lossy(lost float64) (right, none, more float64) {
	const tries = 1600
	for seed := range uint64(tries) {
		k := keys[seed%16]
		l := newLine(seed)
		frames := l.silence(60*ms+time.Duration(l.rnd.IntN(20000))*time.Microsecond).key(k, 100*ms, -10, 0, 0).silence(200 * ms).frames(g711.ALaw)
		for i := range frames {
			if l.rnd.Float64() < lost {
				clear(frames[i])
			}
		}
		switch got := keysIn(frames); got {
		case string(k):
			right++
		case "":
			none++
		default:
			more++
		}
	}
	return 100 * right / tries, 100 * none / tries, 100 * more / tries
}
