package node

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/edge/load"
)

// worker owns the calls whose id hashes to it: one goroutine, inputs strictly in order of arrival.
type worker struct {
	node   *Node
	wake   chan struct{}
	timers timers
	steps  uint64 // of messages and timers, so far

	mu    sync.Mutex
	queue []message
	calls map[string]*session
	spare []message
	first time.Time // when the queue's first came

	late load.Queue   // guarded by mu
	load atomic.Int32 // its Level
}

// message is one input for a call, or work to do beside it.
type message struct {
	s  *session
	in call.Input
	do func()

	asked asked // of an AskAnswered that took time
}

func newWorker(n *Node) *worker {
	return &worker{node: n, wake: make(chan struct{}, 1), calls: map[string]*session{}, timers: newTimers()}
}

// put never blocks. The queue is bounded by admission: new calls are refused when it is long, and a call in
// progress has only so many things outstanding.
func (w *worker) put(m message) {
	w.mu.Lock()
	if w.queue = append(w.queue, m); len(w.queue) == 1 {
		w.first = time.Now()
	}
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (w *worker) waiting() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.queue)
}

func (w *worker) take() []message {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.queue) == 0 {
		w.late.Rest()
	} else {
		now := time.Now()
		w.late.Waited(now.Sub(w.first), now)
	}
	w.load.Store(int32(w.late.Level()))
	batch := w.queue
	w.queue = w.spare[:0]
	w.spare = batch
	return batch
}

func (w *worker) full() bool { return w.load.Load() == int32(load.Full) }

func (w *worker) run(ctx context.Context) {
	defer w.timers.stop()
	for {
		select {
		case <-ctx.Done():
			w.abandon()
			return
		case <-w.timers.C():
			w.fire()
		case <-w.wake:
			for batch := w.take(); len(batch) > 0; batch = w.take() {
				w.handle(batch)
				w.fire()
			}
		}
	}
}

func (w *worker) handle(batch []message) {
	for i := range batch {
		m := batch[i]
		batch[i] = message{}
		w.steps++
		switch {
		case m.s == nil:
			m.do()
		case m.s.over:
			w.node.undelivered(m.s, m.in)
		case m.do != nil:
			w.guard(m.s, "dialog", m.do)
		default:
			w.input(m)
		}
	}
}

func (w *worker) fire() {
	for t := w.timers.due(time.Now()); t != nil; t = w.timers.due(time.Now()) {
		w.steps++
		switch {
		case t.s == nil:
			t.do()
		case t.do != nil:
			w.guard(t.s, "timer", t.do)
		default:
			delete(t.s.timers, t.id)
			w.step(t.s, call.TimerFired{Timer: t.id})
		}
	}
}

// input notes the call's time, then steps it.
func (w *worker) input(m message) {
	switch m.in.(type) {
	case call.Begin:
		m.s.begun()
	case call.AskAnswered:
		m.s.told(m.asked)
	}
	w.step(m.s, m.in)
}

// step gives one input to a call, does what comes out, and then what that brought at once.
func (w *worker) step(s *session, in call.Input) {
	fault := w.guard(s, in.Kind(), func() {
		switch done := in.(type) {
		case call.AskAnswered:
			s.stopAsk(done.Ask)
		case call.PlayEnded:
			delete(s.plays, done.Play)
		case call.RecordEnded:
			delete(s.records, done.Record)
		case call.StreamEnded:
			s.streamOver(done.Stream)
		case call.LoanTaken:
			s.seeLoan(done.Loan, true)
		case call.LoanEnded:
			s.loanEnded(done.Loan)
		}
		s.again = append(s.again, in)
		s.settle()
	})
	if fault {
		w.node.undelivered(s, in)
	}
}

// again steps what a leg left to be told.
func (w *worker) again(s *session) { w.guard(s, "leg", s.settle) }

func (s *session) settle() {
	for len(s.again) > 0 && !s.over {
		in := s.again[0]
		s.again = s.again[1:]
		for _, out := range s.core.Step(time.Now(), in) {
			s.do(out)
		}
	}
}

// guard runs work of one call: a panic ends this call and no other. It tells whether there was one.
func (w *worker) guard(s *session, what string, work func()) (fault bool) {
	if s.over {
		return false
	}
	defer func() {
		if p := recover(); p != nil {
			w.node.log.Error("call ended by a fault in the program", "call", s.id, "tenant", s.tenant, "at", what,
				"panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			w.node.metrics.panics.Inc()
			fault = true
			s.crash(call.CauseInternal)
		}
	}()
	work()
	return false
}

func (w *worker) add(s *session) {
	w.mu.Lock()
	w.calls[s.id] = s
	w.mu.Unlock()
	w.node.live.Add(1)
}

func (w *worker) remove(s *session) {
	w.mu.Lock()
	delete(w.calls, s.id)
	w.mu.Unlock()
	w.node.live.Add(-1)
}

func (w *worker) find(id string) *session {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.calls[id]
}

func (w *worker) each(f func(*session)) {
	w.mu.Lock()
	all := make([]*session, 0, len(w.calls))
	for _, s := range w.calls {
		all = append(all, s)
	}
	w.mu.Unlock()
	for _, s := range all {
		f(s)
	}
}

// abandon closes what calls still hold when the node stops before they are over.
func (w *worker) abandon() {
	w.each(func(s *session) { s.crash(call.CauseShutdown) })
}
