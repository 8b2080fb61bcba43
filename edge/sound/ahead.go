package sound

import (
	"context"

	"github.com/offhook/offhook/schemas/verb"
)

// Speech ahead of time: made by a worker of its own, while nobody waits for it. Who asks for it before it is begun has it made at
// once; when the call that would have said it ends, it is given up.

// Prepare has a text made that may be said soon, unless ctx ends before. What is no speech is left alone.
func (l *Library) Prepare(ctx context.Context, tenant string, a verb.Audio) {
	if a.Say == nil || ctx.Err() != nil {
		return
	}
	k, load := l.speech(tenant, *a.Say)
	l.store.prepare(ctx, k, load)
}

// prepare puts a job where it is done when there is time. What is kept, on its way, or too much is not prepared.
func (s *store) prepare(ctx context.Context, k key, load loader) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.entries[k] != nil || s.flying[k] != nil {
		return
	}
	j := &job{key: k, load: load, pending: &pending{}, ahead: true, by: ctx}
	j.given, j.giveUp = context.WithCancel(context.Background())
	select {
	case s.aside <- j:
		s.flying[k] = j
		j.unwatch = context.AfterFunc(ctx, func() { s.unwanted(j) })
	default:
		j.giveUp()
	}
}

// unwanted gives a job up that nobody waits for.
func (s *store) unwanted(j *job) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if j.ahead && s.flying[j.key] == j {
		delete(s.flying, j.key)
		j.begun = true // it needs not be, any more
		j.giveUp()
	}
}

// want gives what is on its way to somebody who waits for it. s.mu is held.
func (s *store) want(j *job, queue chan *job) *pending {
	if !j.ahead {
		return j.pending
	}
	j.ahead = false
	select {
	case queue <- j: // whichever worker comes first
	default:
	}
	return j.pending
}

// begin is true for the one worker that does a job. One that nobody waits for any more is not done: unwanted is about to
// drop it.
func (s *store) begin(j *job) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if j.ahead && j.by.Err() != nil {
		return false
	}
	first := !j.begun
	j.begun = true
	return first
}
