// Package load tells a queue that stands from a burst that is over soon.
package load

import "time"

// Level is how far one who works through a queue is behind.
type Level int32

// Levels, from less to more.
const (
	InTime Level = iota
	Late         // all waited for long, for more than a moment
	Full         // for so long that nothing new is to be begun
)

// What waited for After is late, and when all was for Patience, the queue stands. Both are well under T1 (500 ms), after which
// senders repeat and make it worse.
const (
	After    = 100 * time.Millisecond
	Patience = 300 * time.Millisecond
)

// A queue that stood is likely to stand again, so for as long as memory it is given less: new calls would wait for all that
// it lets build up. At first it has the benefit of the doubt, since a machine may stop for a tenth of a second.
const (
	afterAgain    = 30 * time.Millisecond
	patienceAgain = 90 * time.Millisecond
	memory        = 10 * time.Second
)

// Queue watches how long what is taken from a queue has waited. The zero value is ready.
type Queue struct {
	since time.Time // all was late from here on; zero: the last was not
	stood time.Time // last
	level Level
}

// Level is what the last one taken made of it.
func (q *Queue) Level() Level { return q.level }

// Late: the last one taken was.
func (q *Queue) Late() bool { return !q.since.IsZero() }

// Waited notes how long the one that is taken now has waited.
func (q *Queue) Waited(d time.Duration, now time.Time) Level {
	after, patience := After, Patience
	if !q.stood.IsZero() && now.Sub(q.stood) < memory {
		after, patience = afterAgain, patienceAgain
	}
	if d < after {
		q.Rest()
		return InTime
	}
	if q.since.IsZero() {
		q.since = now
	}
	switch late := now.Sub(q.since); {
	case late >= patience:
		q.stood, q.level = now, Full
	case late >= patience/3:
		q.level = Late
	}
	return q.level
}

// Rest: nothing waits any more.
func (q *Queue) Rest() { q.since, q.level = time.Time{}, InTime }
