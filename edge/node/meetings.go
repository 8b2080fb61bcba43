package node

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/schemas/ask"
)

// meetings is where the calls of a tenant find each other: the names they declared, and the legs they have lent. No name
// reaches another tenant's call.
type meetings struct {
	mu     sync.Mutex              // taken before that of a loan and of a worker
	names  map[address][]*standing // best first
	loans  map[call.Place]*loan
	boards map[address]*board // of queues whose calls were told their places just now
	count  uint64             // of standings: their age
}

// address is a name within its tenant.
type address struct{ tenant, name string }

// standing is one call under one name.
type standing struct {
	s        *session
	priority int
	age      uint64
	since    time.Time
	position int // as the call was told; 0: not yet
	size     int
}

// Prefixes of names.
const (
	atCall  = "call:"
	atRoom  = "room:"
	atQueue = "queue:"
	atSlot  = "slot:"

	atTalking = "talking:"
	atRinging = "ringing:"
	anywhere  = atRinging + "*" // what rings at any user of the tenant
)

func newMeetings() meetings {
	return meetings{names: map[address][]*standing{}, loans: map[call.Place]*loan{}, boards: map[address]*board{}}
}

// declare replaces the names of a call. One that it had already, at the same priority, keeps its place.
func (s *session) declare(names []call.Name) {
	m := &s.node.meetings
	m.mu.Lock()
	changed := m.leave(s, names)
	for _, n := range names {
		if m.enter(s, n) {
			changed = append(changed, address{s.tenant, n.Name})
		}
	}
	s.named = slices.Clone(names)
	m.mu.Unlock()
	for _, at := range changed {
		s.node.moved(at)
	}
}

// leave takes the call's names away but those that it keeps.
func (m *meetings) leave(s *session, keep []call.Name) (left []address) {
	for _, n := range s.named {
		if slices.ContainsFunc(keep, func(k call.Name) bool { return k.Name == n.Name }) {
			continue
		}
		at := address{s.tenant, n.Name}
		rest := slices.DeleteFunc(m.names[at], func(st *standing) bool { return st.s == s })
		if m.names[at] = rest; len(rest) == 0 {
			delete(m.names, at)
		}
		left = append(left, at)
	}
	return left
}

// enter is false when nothing changes.
func (m *meetings) enter(s *session, n call.Name) bool {
	at := address{s.tenant, n.Name}
	all := m.names[at]
	i := slices.IndexFunc(all, func(st *standing) bool { return st.s == s })
	switch {
	case i < 0:
		m.count++
		all = append(all, &standing{s: s, priority: n.Priority, age: m.count, since: time.Now()})
	case all[i].priority == n.Priority:
		return false
	default:
		all[i].priority = n.Priority
	}
	slices.SortFunc(all, func(a, b *standing) int {
		return cmp.Or(cmp.Compare(b.priority, a.priority), cmp.Compare(a.age, b.age))
	})
	m.names[at] = all
	return true
}

// find gives the best call of a name that was not tried, nil when there is none. A room is made.
func (n *Node) find(from *session, to string, tried []*session) *session {
	if id, ok := strings.CutPrefix(to, atCall); ok {
		if s := n.session(id); s != nil && s.tenant == from.tenant && !slices.Contains(tried, s) {
			return s
		}
		return nil
	}
	m := &n.meetings
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, st := range m.at(address{from.tenant, to}) {
		if st.s != from && !slices.Contains(tried, st.s) {
			return st.s
		}
	}
	if room, ok := strings.CutPrefix(to, atRoom); ok && len(tried) < maxTries {
		return n.makeRoom(from.tenant, room)
	}
	return nil
}

// at are the calls of a name, best first.
func (m *meetings) at(name address) []*standing {
	if name.name != anywhere {
		return m.names[name]
	}
	var all []*standing
	for at, some := range m.names {
		if at.tenant == name.tenant && strings.HasPrefix(at.name, atRinging) {
			all = append(all, some...)
		}
	}
	slices.SortFunc(all, func(a, b *standing) int { return cmp.Compare(a.age, b.age) })
	return all
}

// talking tells whether a user is in conversation, as far as the calls of this edge know.
func (n *Node) talking(tenant, user string) bool {
	m := &n.meetings
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.names[address{tenant, atTalking + user}]) > 0
}

// makeRoom begins the call that a conference room is. It has its name at once, so that nobody makes another.
func (n *Node) makeRoom(tenant, room string) *session {
	now := time.Now()
	s := n.newSession(newCallID(now), tenant)
	s.named = []call.Name{{Name: atRoom + room}}
	n.meetings.enter(s, s.named[0])
	about := ask.Call{ID: s.id, Tenant: tenant, Direction: directionRoom, Status: "ringing", To: room,
		Headers: map[string]string{}, Params: map[string]string{}, CreatedAt: now}
	n.begin(s, call.Begin{Call: about, Room: room})
	return s
}

// directionRoom marks a conference room among the calls.
const directionRoom = "room"

// send brings an input to another call of the tenant. What concerns a loan changes who sets the sound of its leg.
func (s *session) send(o call.Send) {
	n := s.node
	switch in := o.In.(type) {
	case call.Lent:
		s.lend(o.To, in)
		return
	case call.LoanEnded:
		if in.Refused && n.refused(s, strings.TrimPrefix(o.To, atCall), in) {
			return
		}
	case call.LoanRecalled:
		s.recall(in.From)
	case call.LoanInput:
		n.meetings.note(in)
	}
	if to := n.find(s, o.To, nil); to != nil {
		n.post(to, o.In)
	} else if taken, ok := o.In.(call.LoanTaken); ok {
		n.gone(strings.TrimPrefix(o.To, atCall), taken)
	}
}
