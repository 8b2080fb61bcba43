package node

import (
	"strings"
	"time"

	"github.com/offhook/offhook/edge/call"
)

// restOf is how long nothing more is told after the calls of a queue were told their places: thousands may come and go.
const restOf = time.Second

// board is when the places under a name are told.
type board struct {
	dirty bool // they changed while it rested
}

// moved tells the calls of a queue where they stand: at once, but not twice within restOf.
func (n *Node) moved(at address) {
	if !strings.HasPrefix(at.name, atQueue) {
		return
	}
	m := &n.meetings
	m.mu.Lock()
	defer m.mu.Unlock()
	if b := m.boards[at]; b != nil {
		b.dirty = true
		m.tell(at, true)
		return
	}
	m.boards[at] = &board{}
	w := n.workerOf(at.tenant + "/" + at.name)
	w.put(message{do: func() { w.tellPlaces(at) }})
}

// tellPlaces tells those whose place has changed, and rests.
func (w *worker) tellPlaces(at address) {
	m := &w.node.meetings
	m.mu.Lock()
	m.tell(at, false)
	m.mu.Unlock()
	w.timers.after(nil, restOf, func() { w.rested(at) })
}

// tell tells those whose place has changed, or only those that were told none yet.
func (m *meetings) tell(at address, newcomers bool) {
	all := m.names[at]
	for i, st := range all {
		if st.position == i+1 && st.size == len(all) || newcomers && st.position != 0 {
			continue
		}
		st.position, st.size = i+1, len(all)
		st.s.node.post(st.s, call.Placed{Name: at.name, Position: st.position, Size: st.size})
	}
}

func (w *worker) rested(at address) {
	m := &w.node.meetings
	m.mu.Lock()
	again := m.boards[at].dirty
	if m.boards[at].dirty = false; !again {
		delete(m.boards, at)
	}
	m.mu.Unlock()
	if again {
		w.tellPlaces(at)
	}
}
