package node

import (
	"context"
	"slices"
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

// ask puts an ask beside the worker; the node waits for it when it ends.
func (s *session) ask(o call.AskStart) {
	if s.askAtOnce(o) {
		return
	}
	if !o.Notice {
		s.waits()
	}
	put := s.node.askers.put(asking{s: s, o: o, policy: s.node.Policy(s.tenant)})
	if !o.Notice { // a notice only the node's end gives up
		s.asks = append(s.asks, put)
	}
}

// put asks, and gives the call the answer.
func (n *Node) put(ctx context.Context, q asking) {
	started := time.Now()
	answer := n.cfg.Asker.Ask(ctx, q.policy, q.o.To, q.o.Payload)
	ended := time.Now()
	n.metrics.askTook.Observe(ended.Sub(started).Seconds())
	if !q.o.Notice {
		q.s.worker.put(message{s: q.s, in: answered(q.o.Ask, answer), asked: asked{started, ended}})
	}
}

// stopAsk gives an ask up, if it is still under way.
func (s *session) stopAsk(id int) {
	s.asks = slices.DeleteFunc(s.asks, func(a outstanding) bool {
		if a.id != id {
			return false
		}
		a.giveUp()
		return true
	})
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
