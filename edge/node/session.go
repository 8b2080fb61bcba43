package node

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"slices"
	"sync/atomic"
	"time"

	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/edge/media"
	"github.com/offhook/offhook/schemas/event"
)

// session is what the shell holds for one call. Only its worker touches it, but for id, tenant and view.
type session struct {
	id, tenant string
	way        way // how it came
	node       *Node
	worker     *worker
	core       call.Stepper
	legs       []*leg
	sounding
	timers map[int]*timer
	asks   []outstanding
	ties
	mix   call.Mix
	again []call.Input // inputs that outputs brought at once
	seq   int64        // of the last event
	hung  bool         // call.hangup is out
	sight sight
	over  bool
	watch *stopwatch // until the final response to the caller
	view  atomic.Pointer[View]
}

// sounding is what a call plays and who hears it beside its legs.
type sounding struct {
	plays      map[int]*media.Player
	records    map[int]*media.Recorder
	streams    map[int]*exchange
	detections map[int]*detection
	soon       context.Context // ends with the call; nil: nothing was prepared
	never      context.CancelFunc
}

// ties are what a call has with others.
type ties struct {
	named []call.Name // what they find it by
	loans []*loan     // of its legs
}

func (n *Node) newSession(id, tenant string) *session {
	return &session{id: id, tenant: tenant, node: n, worker: n.workerOf(id), core: n.cfg.NewCall(id)}
}

func (n *Node) workerOf(id string) *worker {
	h := uint32(2166136261)
	for i := range len(id) {
		h = (h ^ uint32(id[i])) * 16777619
	}
	return n.workers[h%uint32(len(n.workers))]
}

func (n *Node) post(s *session, in call.Input) { s.worker.put(message{s: s, in: in}) }

// later does work for the call on its worker.
func (s *session) later(do func()) { s.worker.put(message{s: s, do: do}) }

func (n *Node) session(id string) *session { return n.workerOf(id).find(id) }

func (s *session) leg(id int) *leg {
	for _, l := range s.legs {
		if l.id == id {
			return l
		}
	}
	return nil
}

func (s *session) forget(l *leg) {
	s.legs = slices.DeleteFunc(s.legs, func(x *leg) bool { return x == l })
}

// finish lets go of the call: Over came, or it crashed.
func (s *session) finish(cause event.Cause) {
	if s.over {
		return
	}
	s.over = true
	s.declare(nil)
	s.deserted(cause)
	for _, l := range s.legs {
		l.close()
	}
	for _, p := range s.plays {
		p.Stop()
	}
	if s.never != nil {
		s.never()
	}
	for _, rec := range s.records {
		rec.Stop()
	}
	for _, x := range s.streams {
		x.end()
	}
	for _, d := range s.detections {
		d.stop()
	}
	for _, t := range s.timers {
		s.worker.timers.cancel(t)
	}
	for _, a := range s.asks {
		a.giveUp()
	}
	// The dialogs' transactions stay for seconds and hold the session: they shall not hold the call.
	s.sounding, s.timers, s.asks, s.again, s.legs, s.mix, s.core = sounding{}, nil, nil, nil, nil, nil, nil
	s.worker.remove(s)
	s.node.metrics.ended.Inc()
}

// crash ends the call from outside its core: every leg is told, and the final event is written if it is not out yet.
func (s *session) crash(cause event.Cause) {
	for _, l := range s.legs {
		l.end(cause)
	}
	if !s.hung {
		s.publish(event.CallHangup, s.lastWords(cause))
	}
	s.finish(cause)
}

// lastWords is the final event as far as the shell knows the call.
func (s *session) lastWords(cause event.Cause) *event.Hangup {
	v, now := s.view.Load(), time.Now().UTC()
	h := &event.Hangup{
		Base:  event.Base{CallID: s.id, Tenant: s.tenant, Seq: s.seq + 1, At: now},
		Cause: cause, By: "system", Direction: v.Direction, From: v.From, FromName: v.FromName, To: v.To, Trunk: v.Trunk, User: v.User,
		Agent: v.Agent, AgentName: v.AgentName, CreatedAt: v.CreatedAt, AnsweredAt: v.AnsweredAt, BridgedAt: v.BridgedAt,
		DurationMS: now.Sub(v.CreatedAt).Milliseconds(), Legs: []event.LegEnd{},
	}
	if v.AnsweredAt != nil {
		h.Cause.SIP = 0 // a response can't be given any more
	}
	if v.BridgedAt != nil {
		h.TalkMS = now.Sub(*v.BridgedAt).Milliseconds()
	}
	return h
}

const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// newCallID is "call_" and a ULID: sortable by time, 80 random bits.
func newCallID(now time.Time) string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], uint64(now.UnixMilli())<<16)
	_, _ = rand.Read(b[6:]) // never fails since Go 1.24
	hi, lo := binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])
	out := make([]byte, 26)
	for i := 25; i >= 0; i-- {
		out[i] = crockford[lo&31]
		lo = lo>>5 | hi<<59
		hi >>= 5
	}
	return "call_" + string(out)
}
