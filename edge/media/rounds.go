package media

import (
	"context"
	"slices"
	"sync"
	"time"
)

const (
	// watchEvery spreads the reports of all endpoints, and keeps their intervals about as random as they were drawn.
	watchEvery = 100 * time.Millisecond
	// maxRounds is after how many of these an endpoint is looked at again, whatever it said last.
	maxRounds = 10
)

// rounds are when each endpoint is looked at next. To look at all of them every time costs a cache miss each, which was half
// of what silent calls cost.
type rounds struct {
	every time.Duration
	most  int // rounds between two looks

	mu  sync.Mutex
	at  int
	due [maxRounds + 1][]*Endpoint
}

// appointment is an endpoint's place in rounds; guarded by rounds.mu.
type appointment struct{ round, index int }

// begin takes the silence that is watched for; it is known to a tenth.
func (r *rounds) begin(silence time.Duration) {
	r.every = min(max(silence/10, 10*time.Millisecond), watchEvery)
	r.most = int(min(max(silence/10/r.every, 1), maxRounds))
}

// add has an endpoint looked at in the next round.
func (r *rounds) add(e *Endpoint) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.put(e, 1)
}

func (r *rounds) put(e *Endpoint, after int) {
	round := (r.at + after) % len(r.due)
	e.look = appointment{round, len(r.due[round])}
	r.due[round] = append(r.due[round], e)
}

func (r *rounds) remove(e *Endpoint) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.take(e)
}

// take has the last of its round stand in for the endpoint. False: it is not there.
func (r *rounds) take(e *Endpoint) bool {
	of, i := r.due[e.look.round], e.look.index
	if i >= len(of) || of[i] != e {
		return false
	}
	last := of[len(of)-1]
	of[i], last.look.index = last, i
	of[len(of)-1] = nil
	r.due[e.look.round] = of[:len(of)-1]
	return true
}

// next begins a round and appends who is due in it.
func (r *rounds) next(all []*Endpoint) []*Endpoint {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.at = (r.at + 1) % len(r.due)
	return append(all, r.due[r.at]...)
}

// again has an endpoint looked at after some time, unless it was removed meanwhile.
func (r *rounds) again(e *Endpoint, after time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.take(e) {
		r.put(e, min(max(int((after+r.every-1)/r.every), 1), r.most))
	}
}

func (r *rounds) all() []*Endpoint {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Concat(r.due[:]...)
}

// watch tells of endpoints that should hear their party and do not, and sends the reports that are due.
func (e *Engine) watch(ctx context.Context) {
	every := time.NewTicker(e.ends.every)
	defer every.Stop()
	var due []*Endpoint
	for {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		}
		due = e.ends.next(due[:0])
		for _, end := range due {
			now := e.now()
			e.ends.again(end, min(end.checkSilence(now), end.control(now)))
		}
		clear(due)
	}
}
