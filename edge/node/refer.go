package node

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/edge/sipua"
)

// place is the leg of a call that a dialog is; nil when it is none of ours.
func place(d *sipua.Dialog) *call.Place {
	if d == nil {
		return nil
	}
	if l, ok := d.Context.(*leg); ok {
		return &call.Place{Call: l.s.id, N: l.id}
	}
	return nil
}

// onReferred: the party asks that the other one be sent elsewhere. A number stands for itself at our own domains; any other
// Refer-To is handed on whole.
func (l *leg) onReferred(r *sipua.Refer) {
	in := call.LegReferred{Leg: l.id, To: r.User, With: place(r.Replaces)}
	if !r.Local && l.s.node.dir.Load().domains[strings.ToLower(r.Host)] != l.s.tenant {
		in.URI = r.URI
	}
	l.input(in)
}

func (l *leg) refer(o call.LegRefer) { l.dialog.Refer(o.To, "") }

func (l *leg) notify(o call.LegNotify) { l.dialog.NotifyRefer(o.Code, o.Phrase) }

// withDialog is withLeg for what needs a dialog.
func (s *session) withDialog(id int, f func(*leg)) {
	s.withLeg(id, func(l *leg) {
		if l.dialog != nil {
			f(l)
		}
	})
}

const lampKey = "messages/"

// lamp is the record of a user's message lamp on the compacted topic.
type lamp struct {
	Tenant string `json:"tenant"`
	User   string `json:"user"`
	New    int    `json:"new"`
	Old    int    `json:"old"`

	At time.Time `json:"at"`
}

// lampNews is how old a record may be for phones to be told: older ones are read at a start.
const lampNews = time.Minute

// setLamp sets a user's message lamp and keeps it for other edges and the next start.
func (s *session) setLamp(o call.Messages) {
	n, now := s.node, time.Now()
	if !n.Directory().IsUser(s.tenant, o.User) {
		n.log.Warn("message lamp of an unknown user", "call", s.id, "tenant", s.tenant, "user", o.User)
		return
	}
	n.ua.SetMessages(s.tenant, o.User, sipua.Messages{New: o.New, Old: o.Old})
	n.setState(now, "state.messages", lampKey+s.tenant+"/"+o.User, lamp{s.tenant, o.User, o.New, o.Old, now})
}

// onLamp takes a lamp from the compacted topic.
func (n *Node) onLamp(name string, data []byte) {
	var l lamp
	if err := json.Unmarshal(data, &l); err != nil || name != l.Tenant+"/"+l.User {
		n.log.Warn("message lamp on the log cannot be read", "key", lampKey+name, "err", err)
		return
	}
	set := n.ua.SetMessages
	if time.Since(l.At) > lampNews {
		set = n.ua.RestoreMessages
	}
	set(l.Tenant, l.User, sipua.Messages{New: l.New, Old: l.Old})
}
