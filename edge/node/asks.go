package node

import (
	"context"
	"time"

	"github.com/offhook/offhook/edge/ask"
	"github.com/offhook/offhook/edge/call"
)

// askAtOnce takes an answer that is in memory, as the router's is: no goroutine, and no waiting in its call's way.
func (s *session) askAtOnce(o call.AskStart) bool {
	if s.node.cfg.AtOnce == nil || o.Notice {
		return false
	}
	answer, ok := s.node.cfg.AtOnce(o.To, o.Payload)
	if ok {
		s.again = append(s.again, answered(o.Ask, answer))
	}
	return ok
}

// ask puts an ask in a goroutine of its own, which the node waits for; the tenant's bulkhead bounds how many.
func (s *session) ask(o call.AskStart) {
	if s.askAtOnce(o) {
		return
	}
	if !o.Notice {
		s.waits()
	}
	n, policy := s.node, s.node.Policy(s.tenant)
	ctx, cancel := context.WithCancel(n.asking)
	if !o.Notice {
		if s.asks == nil {
			s.asks = map[int]context.CancelFunc{}
		}
		s.asks[o.Ask] = cancel
	}
	n.asks.Add(1)
	go func() {
		defer n.asks.Done()
		defer cancel()
		started := time.Now()
		answer := n.cfg.Asker.Ask(ctx, policy, o.To, o.Payload)
		ended := time.Now()
		n.metrics.askTook.Observe(ended.Sub(started).Seconds())
		if !o.Notice {
			s.worker.put(message{s: s, in: answered(o.Ask, answer), asked: asked{started, ended}})
		}
	}()
}

func (s *session) stopAsk(id int) {
	if cancel := s.asks[id]; cancel != nil {
		cancel()
		delete(s.asks, id)
	}
}

func answered(id int, a ask.Answer) call.AskAnswered {
	in := call.AskAnswered{
		Ask: id, OK: a.OK, Source: a.Source, URL: a.URL, Status: a.Status, Attempts: a.Attempts, TookMS: a.Took.Milliseconds(),
		Verbs: a.Document.Verbs, Empty: a.Empty, Vars: a.Document.Vars, State: a.Document.State,
	}
	for _, f := range a.Failures {
		in.Failures = append(in.Failures, call.AskFailure{
			URL: f.URL, Code: f.Code, Detail: f.Detail, Status: f.Status, Attempts: f.Attempts, TookMS: f.Took.Milliseconds(), Faults: f.Faults,
		})
	}
	return in
}
