package sipua

import (
	"math/rand/v2"
	"testing"
	"time"
)

type nobody struct{}

func (nobody) expire(*timer) {}

// TestTimersRunOutOnceAndInTime starts, starts again and stops timers of both kinds, and compares with what must run out.
func TestTimersRunOutOnceAndInTime(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var q timers
	all := make([]timer, 50)
	ends := map[*timer]time.Duration{}
	for now := range time.Duration(20_000) {
		x, wait := &all[rng.IntN(len(all))], time.Duration(rng.IntN(100))
		switch rng.IntN(4) {
		case 0:
			q.start(x, nobody{}, now+wait)
			ends[x] = now + wait
		case 1:
			q.startLinger(x, nobody{}, now+60)
			ends[x] = now + 60
		case 2:
			q.stop(x)
			delete(ends, x)
		}
		if x.running() != (ends[x] != 0) {
			t.Fatalf("at %d: running %v, and ends at %d", now, x.running(), ends[x])
		}
		for x, owner := q.due(now); x != nil; x, owner = q.due(now) {
			if end, ok := ends[x]; !ok || end > now || owner == nil || x.running() {
				t.Fatalf("at %d one ran out that ends at %d", now, end)
			}
			delete(ends, x)
		}
		next, ok := q.next()
		for _, end := range ends {
			if end <= now || !ok || next > end+lingerSlack {
				t.Fatalf("at %d: one ends at %d, next %d", now, end, next)
			}
		}
	}
	if n := len(q.linger.items); n > 4*len(all) {
		t.Errorf("%d places in the queue", n)
	}
}

func BenchmarkTimersOfACall(b *testing.B) {
	var q timers
	type call struct{ invite, bye, again, limit timer }
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ { // one each 500 µs
		now, c := time.Duration(i)*500*time.Microsecond, new(call)
		q.startLinger(&c.invite, nobody{}, now+timerLinger)
		q.start(&c.limit, nobody{}, now+timerB)
		q.start(&c.again, nobody{}, now+timerT1)
		q.stop(&c.again)
		q.stop(&c.limit)
		q.startLinger(&c.bye, nobody{}, now+timerLinger)
		for x, _ := q.due(now); x != nil; x, _ = q.due(now) {
		}
	}
}
