package node

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/schemas/ask"
	"github.com/offhook/offhook/schemas/event"
)

// View is a live call as the API shows it.
type View struct {
	ID         string     `json:"id"`
	Tenant     string     `json:"tenant"`
	Direction  string     `json:"direction"`
	Status     string     `json:"status"` // ringing, answered, bridged, held, parked, queued, conference, supervising, ended
	From       string     `json:"from"`
	FromName   string     `json:"from_name,omitempty"`
	To         string     `json:"to"`
	Trunk      string     `json:"trunk,omitempty"`
	User       string     `json:"user,omitempty"`
	Agent      string     `json:"agent,omitempty"`
	AgentName  string     `json:"agent_name,omitempty"`
	CreatedAt  time.Time  `json:"created_at"`
	AnsweredAt *time.Time `json:"answered_at,omitempty"`
	BridgedAt  *time.Time `json:"bridged_at,omitempty"`

	Place      string            `json:"place,omitempty"` // the parking place, queue or room
	Tags       map[string]string `json:"tags,omitempty"`
	Recording  bool              `json:"recording,omitempty"`
	Supervised bool              `json:"supervised,omitempty"`
}

// sight is what the view's words are made of, from the call's events.
type sight struct {
	meets       string   // parked, queued, conference, supervising
	agent       int      // the leg that the caller speaks with
	away        int      // or the loan: it speaks with the caller of another call
	holders     []string // which sides hold
	supervisors []int    // their legs
	recordings  []string // that run now, not paused
	ended       bool
}

func newView(c ask.Call) *View {
	return &View{ID: c.ID, Tenant: c.Tenant, Direction: c.Direction, Status: "ringing", From: c.From, FromName: c.FromName,
		To: c.To, Trunk: c.Trunk, User: c.User, CreatedAt: c.CreatedAt}
}

// see keeps the view true to the events.
func (s *session) see(kind string, data any) {
	switch data.(type) {
	case *event.Call, *event.Leg, *event.Meeting, *event.Recording, *event.Tags, *event.Hangup:
		s.change(kind, data)
	}
}

func (s *session) change(kind string, data any) {
	v := *s.view.Load()
	if s.sight.see(&v, kind, data) {
		next := v // the first copy is on the stack: most events change nothing
		next.Status, next.Supervised, next.Recording = s.sight.status(&v), len(s.sight.supervisors) > 0, len(s.sight.recordings) > 0
		s.view.Store(&next)
	}
}

func (x *sight) status(v *View) string {
	switch {
	case x.ended:
		return "ended"
	case x.meets != "":
		return x.meets
	case len(x.holders) > 0:
		return "held"
	case x.agent != 0 || x.away != 0:
		return "bridged"
	case v.AnsweredAt != nil:
		return "answered"
	}
	return "ringing"
}

// see is false when the event changes nothing.
func (x *sight) see(v *View, kind string, data any) bool {
	switch d := data.(type) {
	case *event.Call:
		if kind != event.CallAnswered {
			return false
		}
		at := d.At
		v.AnsweredAt = &at
	case *event.Leg:
		return x.seeLeg(v, kind, d)
	case *event.Meeting:
		return x.seeMeeting(v, kind, d)
	case *event.Recording:
		return x.seeRecording(kind, d)
	case *event.Tags:
		v.Tags = d.Tags
	case *event.Hangup:
		x.ended = true
	}
	return true
}

func (x *sight) seeLeg(v *View, kind string, l *event.Leg) bool {
	switch kind {
	case event.CallBridged:
		if v.BridgedAt == nil {
			at := l.At
			v.BridgedAt = &at
		}
		if l.Leg != x.agent {
			x.left() // whoever the caller spoke with before
		}
		v.Agent, v.AgentName, x.agent = l.AgentNumber, l.AgentName, l.Leg
	case event.CallHeld:
		x.holders = append(x.holders, holder(l))
	case event.CallResumed:
		x.released(holder(l))
	case event.LegHangup:
		if l.Leg != x.agent {
			return false
		}
		x.left()
		v.Agent, v.AgentName, x.agent = "", "", 0
	default:
		return false
	}
	return true
}

// left: the agent is gone, with all holds of that side.
func (x *sight) left() {
	x.released("agent")
	x.released(fmt.Sprintf("script %d", x.agent))
}

func (x *sight) released(by string) {
	x.holders = slices.DeleteFunc(x.holders, func(h string) bool { return h == by })
}

// holder tells the holds of one call apart: each side's own, and the script's of each side.
func holder(l *event.Leg) string {
	if l.By == "script" {
		return fmt.Sprintf("script %d", l.Leg)
	}
	return l.By
}

// meeting says what a caller does, by the event that begins it.
var meeting = map[string]string{event.CallParked: "parked", event.QueueJoined: "queued", event.ConferenceJoined: "conference"}

func (x *sight) seeMeeting(v *View, kind string, m *event.Meeting) bool {
	switch kind {
	case event.CallParked, event.QueueJoined, event.ConferenceJoined:
		x.meets, v.Place = meeting[kind], m.Name
	case event.CallUnparked, event.QueueLeft, event.ConferenceLeft:
		if v.Place != m.Name {
			return false
		}
		x.meets, v.Place = "", ""
	case event.CallSupervised:
		if m.By == "" { // this is the supervisor's call
			x.supervises(v, m)
			return true
		}
		x.supervisors = slices.DeleteFunc(x.supervisors, func(l int) bool { return l == m.Leg })
		if m.Why == "" {
			x.supervisors = append(x.supervisors, m.Leg)
		}
	default:
		return false
	}
	return true
}

func (x *sight) supervises(v *View, m *event.Meeting) {
	if x.meets, v.Place = "supervising", cmp.Or(m.Name, m.WithCall); m.Why != "" {
		x.meets, v.Place = "", ""
	}
}

// seeLoan: a leg that was lent to pick up a call speaks with that call's caller, until it is back.
func (s *session) seeLoan(loan int, taken bool) {
	v := *s.view.Load()
	x := s.node.meetings.loan(call.Place{Call: s.id, N: loan})
	switch {
	case taken && x != nil && x.in.As == call.AsPickup:
		if by, _ := x.held(); by != nil {
			other := by.view.Load()
			s.sight.away, v.Agent, v.AgentName = loan, other.From, other.FromName
		}
	case !taken && s.sight.away == loan:
		s.sight.away, v.Agent, v.AgentName = 0, "", ""
	default:
		return
	}
	v.Status = s.sight.status(&v)
	s.view.Store(&v)
}

func (x *sight) seeRecording(kind string, r *event.Recording) bool {
	x.recordings = slices.DeleteFunc(x.recordings, func(id string) bool { return id == r.Recording })
	if kind == event.RecordingStarted || kind == event.RecordingResumed {
		x.recordings = append(x.recordings, r.Recording)
	}
	return true
}
