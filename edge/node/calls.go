package node

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/edge/sipua"
	"github.com/offhook/offhook/schemas/ask"
	"github.com/offhook/offhook/schemas/verb"
)

// Errors of the calls' methods.
var (
	ErrNoCall = errors.New("no such call is live here")
	ErrBusy   = errors.New("no further calls are taken now")
)

// Calls are the live calls of a tenant (all when empty), oldest first. A conference room is none.
func (n *Node) Calls(tenant string) []View {
	views := []View{}
	for _, w := range n.workers {
		w.each(func(s *session) {
			if v := s.view.Load(); (tenant == "" || tenant == s.tenant) && v.Direction != directionRoom {
				views = append(views, *v)
			}
		})
	}
	slices.SortFunc(views, func(a, b View) int { return strings.Compare(a.ID, b.ID) })
	return views
}

// Call is one live call.
func (n *Node) Call(id string) (View, error) {
	s := n.session(id)
	if s == nil {
		return View{}, ErrNoCall
	}
	return *s.view.Load(), nil
}

// Origination is a call that we start.
type Origination struct {
	Tenant string
	From   string // caller id shown
	To     verb.Target
	Start  verb.Do // runs when To has answered
}

// Originate starts a call and gives its view at once; what becomes of it is told by its events.
func (n *Node) Originate(o Origination) (View, error) {
	now := time.Now()
	s := n.newSession(newCallID(now), o.Tenant)
	if _, full := n.full(s.worker); full {
		return View{}, ErrBusy
	}
	about := ask.Call{ID: s.id, Tenant: o.Tenant, Direction: "outbound", Status: "ringing", From: o.From, To: targetName(o.To),
		Headers: map[string]string{}, Params: map[string]string{}, CreatedAt: now}
	n.begin(s, call.Begin{Call: about, To: &o.To, Start: o.Start})
	return *newView(about), nil
}

func targetName(t verb.Target) string {
	switch {
	case t.User != "":
		return t.User
	case t.Number != "":
		return t.Number
	case t.Extension != "":
		return t.Extension
	case t.Contact != "":
		return t.Contact
	}
	return t.SIP
}

// HangUp ends a call.
func (n *Node) HangUp(id string) error {
	return n.tell(id, call.End{Cause: call.CauseNormal, By: "api"})
}

// Replace puts a document in the place of what the call runs.
func (n *Node) Replace(id string, doc verb.Document) error {
	return n.tell(id, call.Replace{Document: doc})
}

// Beside runs a document beside what the call runs; with agent it plays to and hears the caller's partner.
func (n *Node) Beside(id string, doc verb.Document, agent bool) error {
	return n.tell(id, call.Beside{Document: doc, Agent: agent})
}

func (n *Node) tell(id string, in call.Input) error {
	s := n.session(id)
	if s == nil {
		return ErrNoCall
	}
	n.post(s, in)
	return nil
}

// Registrations are the bindings of a tenant (all when empty).
func (n *Node) Registrations(tenant string) []sipua.Binding {
	all := n.ua.AllBindings()
	return slices.DeleteFunc(all, func(b sipua.Binding) bool { return tenant != "" && b.Tenant != tenant })
}

// Gateway is a gateway at which this node registers.
type Gateway struct {
	Tenant string `json:"tenant"`
	Name   string `json:"name"`
	Up     bool   `json:"up"` // its registration stands
}

// Gateways are those of a tenant (all when empty) at which this node registers.
func (n *Node) Gateways(tenant string) []Gateway {
	var all []Gateway
	for _, g := range n.Directory().Gateways() {
		owner, name, _ := strings.Cut(g.Name, "/")
		if g.Register && (tenant == "" || tenant == owner) {
			up, _ := n.gateways.Load(g.Name)
			all = append(all, Gateway{Tenant: owner, Name: name, Up: up == true})
		}
	}
	return all
}
