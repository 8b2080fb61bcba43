package node

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Conference is a room and who is in it.
type Conference struct {
	Room    string    `json:"room"`
	Tenant  string    `json:"tenant"`
	Call    string    `json:"call"` // the room's own: its events, and what verbs are run in it, are under this id
	Since   time.Time `json:"since"`
	Members []Member  `json:"members"`
}

// Member is a call in a room.
type Member struct {
	Call string `json:"call"`
	From string `json:"from"`
	Name string `json:"from_name,omitempty"`
}

// Waiting is a call that waits for somebody: in a queue, or in a parking place.
type Waiting struct {
	Call     string    `json:"call"`
	Tenant   string    `json:"tenant"`
	From     string    `json:"from"`
	Name     string    `json:"from_name,omitempty"`
	Slot     string    `json:"slot,omitempty"`
	Position int       `json:"position,omitempty"` // in the queue; 1 is next
	Priority int       `json:"priority,omitempty"`
	Since    time.Time `json:"since"`
}

// Queue is who waits under a name, the next first.
type Queue struct {
	Queue  string    `json:"queue"`
	Tenant string    `json:"tenant"`
	Calls  []Waiting `json:"calls"`
}

// Conferences are the rooms of a tenant (all when empty).
func (n *Node) Conferences(tenant string) []Conference {
	m := &n.meetings
	m.mu.Lock()
	defer m.mu.Unlock()
	rooms := []Conference{}
	for at, all := range m.of(tenant, atRoom) {
		for _, st := range all {
			rooms = append(rooms, Conference{Room: strings.TrimPrefix(at.name, atRoom), Tenant: at.tenant, Call: st.s.id, Since: st.since,
				Members: m.members(st.s)})
		}
	}
	slices.SortFunc(rooms, func(a, b Conference) int { return strings.Compare(a.Tenant+"/"+a.Room, b.Tenant+"/"+b.Room) })
	return rooms
}

func (m *meetings) members(room *session) []Member {
	members := []Member{}
	for _, x := range m.loans {
		if by, _ := x.held(); by == room {
			v := x.home.view.Load()
			members = append(members, Member{Call: v.ID, From: cmp.Or(x.in.Number, v.From), Name: cmp.Or(x.in.Name, v.FromName)})
		}
	}
	slices.SortFunc(members, func(a, b Member) int { return strings.Compare(a.Call, b.Call) })
	return members
}

// Lent tells how many legs of calls are with other calls, or on their way there.
func (n *Node) Lent() int {
	n.meetings.mu.Lock()
	defer n.meetings.mu.Unlock()
	return len(n.meetings.loans)
}

// Named tells under how many names calls find each other.
func (n *Node) Named() int {
	n.meetings.mu.Lock()
	defer n.meetings.mu.Unlock()
	return len(n.meetings.names)
}

// Queues are the queues of a tenant (all when empty) in which somebody waits.
func (n *Node) Queues(tenant string) []Queue {
	m := &n.meetings
	m.mu.Lock()
	defer m.mu.Unlock()
	queues := []Queue{}
	for at, all := range m.of(tenant, atQueue) {
		q := Queue{Queue: strings.TrimPrefix(at.name, atQueue), Tenant: at.tenant}
		for i, st := range all {
			w := st.waits()
			w.Position = i + 1
			q.Calls = append(q.Calls, w)
		}
		queues = append(queues, q)
	}
	slices.SortFunc(queues, func(a, b Queue) int { return strings.Compare(a.Tenant+"/"+a.Queue, b.Tenant+"/"+b.Queue) })
	return queues
}

// Parked are the calls of a tenant (all when empty) in parking places, by place.
func (n *Node) Parked(tenant string) []Waiting {
	m := &n.meetings
	m.mu.Lock()
	defer m.mu.Unlock()
	parked := []Waiting{}
	for at, all := range m.of(tenant, atSlot) {
		for _, st := range all {
			w := st.waits()
			w.Slot = strings.TrimPrefix(at.name, atSlot)
			parked = append(parked, w)
		}
	}
	slices.SortFunc(parked, func(a, b Waiting) int { return strings.Compare(a.Tenant+"/"+a.Slot+a.Call, b.Tenant+"/"+b.Slot+b.Call) })
	return parked
}

func (st *standing) waits() Waiting {
	v := st.s.view.Load()
	return Waiting{Call: v.ID, Tenant: v.Tenant, From: v.From, Name: v.FromName, Priority: st.priority, Since: st.since}
}

// of goes through a tenant's names (all when empty) that begin so.
func (m *meetings) of(tenant, prefix string) func(func(address, []*standing) bool) {
	return func(yield func(address, []*standing) bool) {
		for at, all := range m.names {
			if (tenant == "" || tenant == at.tenant) && strings.HasPrefix(at.name, prefix) && !yield(at, all) {
				return
			}
		}
	}
}
