package load

import (
	"testing"
	"time"
)

// seen is one that is taken, at a time since the start.
type seen struct {
	at, waited time.Duration
	want       Level
}

func follow(t *testing.T, q *Queue, from time.Time, all ...seen) {
	t.Helper()
	for _, s := range all {
		if got := q.Waited(s.waited, from.Add(s.at)); got != s.want || q.Level() != got {
			t.Errorf("after %s, having waited %s: %d, want %d", s.at, s.waited, got, s.want)
		}
	}
}

func TestABurstDoesNotStand(t *testing.T) {
	follow(t, new(Queue), time.Now(),
		seen{0, After, InTime},
		seen{Patience/3 - 1, time.Second, InTime},
		seen{Patience / 3, time.Second, Late},
		seen{Patience - 1, time.Second, Late},
		seen{Patience, After - 1, InTime}, // one in time: the burst is over
		seen{Patience, time.Second, InTime},
		seen{2*Patience - 1, After, Late},
		seen{2 * Patience, After, Full},
		seen{9 * Patience, 0, InTime})
}

func TestAQueueThatStoodIsGivenLess(t *testing.T) {
	var q Queue
	start := time.Now()
	follow(t, &q, start, seen{0, After, InTime}, seen{Patience, After, Full}, seen{Patience, afterAgain, Full}, seen{Patience, afterAgain - 1, InTime},
		seen{time.Second, afterAgain, InTime}, seen{time.Second + patienceAgain - 1, afterAgain, Late})
	if !q.Late() {
		t.Error("the last one was late")
	}
	if q.Rest(); q.Late() || q.Level() != InTime {
		t.Error("nothing waits")
	}
	follow(t, &q, start, seen{2 * time.Second, afterAgain, InTime}, seen{2*time.Second + patienceAgain, afterAgain, Full}, seen{3 * time.Second, 0, InTime})
	// Forgotten: memory counts from when it stood last.
	forgotten := 2*time.Second + patienceAgain + memory
	follow(t, &q, start, seen{forgotten - 1, afterAgain, InTime}, seen{forgotten, After - 1, InTime}, seen{forgotten, After, InTime},
		seen{forgotten + patienceAgain, After, InTime}, seen{forgotten + Patience, After, Full})
}
