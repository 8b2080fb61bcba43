package sim

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"
)

// perBubble is how many calls one bubble has: many small bubbles run beside each other.
const perBubble = 100

// spoolEvery so many seeds the events take the whole way: spool, forwarder, broker.
const spoolEvery = 10

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// run runs a seed in a bubble of its own; the bubble fails if a goroutine is left behind.
func run(t *testing.T, o Options) (r *Report) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var err error
		if r, err = Run(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	})
	return r
}

// rough runs a seed under all faults.
func rough(seed uint64, calls int) Options { return Options{Seed: seed, Calls: calls, Faults: Rough} }

// seeds to run: SIM_SEEDS ("7" or "1-100"), else as many as SIM_CALLS needs (default 1,000 calls).
func seeds(t *testing.T) (list []uint64) {
	if s := os.Getenv("SIM_SEEDS"); s != "" {
		first, last, isRange := strings.Cut(s, "-")
		if !isRange {
			last = first
		}
		from, err1 := strconv.ParseUint(first, 10, 64)
		to, err2 := strconv.ParseUint(last, 10, 64)
		if err1 != nil || err2 != nil || to < from {
			t.Fatalf("SIM_SEEDS=%q is neither a seed nor FIRST-LAST", s)
		}
		for n := from; n <= to; n++ {
			list = append(list, n)
		}
		return list
	}
	for n := range number(t, "SIM_CALLS", 1000) / perBubble {
		list = append(list, uint64(n+1))
	}
	return list
}

func number(t *testing.T, name string, otherwise int) int {
	s := os.Getenv(name)
	if s == "" {
		return otherwise
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		t.Fatalf("%s=%q is no number of calls", name, s)
	}
	return n
}

// tell fails the test with what a run found and the command that replays it.
func tell(t *testing.T, r *Report) {
	t.Helper()
	if len(r.Problems) == 0 {
		return
	}
	shown := r.Problems[:min(len(r.Problems), 20)]
	t.Errorf("seed %d broke %d invariants:\n  %s\nreplay: SIM_SEEDS=%d go test ./infra/sim -run TestFaultedCalls -count=1 -v   (SIM_LINES=1 shows the events, SIM_TRACE=CALL its messages)",
		r.Seed, len(r.Problems), strings.Join(shown, "\n  "), r.Seed)
}

func TestFaultedCalls(t *testing.T) {
	var total tally
	t.Run("seeds", func(t *testing.T) {
		for _, seed := range seeds(t) {
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				t.Parallel()
				o := rough(seed, perBubble)
				if seed%spoolEvery == 0 {
					o.Spool = t.TempDir()
				}
				if call := os.Getenv("SIM_TRACE"); call != "" {
					o.Trace = func(line string) {
						if strings.Contains(line, call) {
							t.Log(line)
						}
					}
				}
				r := run(t, o)
				tell(t, r)
				total.add(r)
				if os.Getenv("SIM_LINES") != "" {
					t.Log(strings.Join(append(r.Lines, r.Phones...), "\n"))
				}
			})
		}
	})
	t.Log(total.String())
}

// tally sums up what the runs had in them.
type tally struct {
	mu            sync.Mutex
	calls, events int
	counts        map[string]int
}

func (s *tally) add(r *Report) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.counts == nil {
		s.counts = map[string]int{}
	}
	s.calls += r.Calls
	s.events += r.Events
	for k, n := range r.Counts {
		s.counts[k] += n
	}
}

func (s *tally) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d calls, %d events", s.calls, s.events)
	for _, k := range slices.Sorted(maps.Keys(s.counts)) {
		fmt.Fprintf(&b, "\n%8d %s", s.counts[k], k)
	}
	return b.String()
}

// Seeds that once failed, and what they found.
var found = []struct {
	seed uint64
	what string
}{
	{1, "the answer in the ACK of an INVITE without offer was not taken: both sides were mute"},
	{181, "RTP of a fork's losing branch locked out the winner at the same address: the caller heard nothing"},
	{216, "a refused INVITE was forgotten while its refusal was still repeated: no more ACK"},
	{440, "the same, where the second copy came late"},
}

func TestSeedsThatOnceFailed(t *testing.T) {
	for _, f := range found {
		t.Run(fmt.Sprint(f.seed), func(t *testing.T) {
			t.Parallel()
			r := run(t, rough(f.seed, perBubble))
			tell(t, r)
			if len(r.Problems) > 0 {
				t.Log("it had found: " + f.what)
			}
		})
	}
}

func TestCallsWithoutFaults(t *testing.T) {
	tell(t, run(t, Options{Seed: 1, Calls: 40}))
}

func TestASeedRepeatsExactly(t *testing.T) {
	for seed := uint64(1001); seed <= uint64(1000+number(t, "SIM_REPEATS", 3)); seed++ {
		a, b := run(t, rough(seed, perBubble)), run(t, rough(seed, perBubble))
		if a.Digest != b.Digest {
			t.Errorf("seed %d gave %s and %s; first difference:\n%s", seed, a.Digest, b.Digest, difference(a.Lines, b.Lines))
		}
	}
}

func difference(a, b []string) string {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return a[i] + "\n" + b[i]
		}
	}
	return fmt.Sprintf("%d and %d events", len(a), len(b))
}
