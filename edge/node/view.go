package node

import (
	"fmt"
	"slices"
	"time"

	"github.com/offhook/offhook/schemas/ask"
	"github.com/offhook/offhook/schemas/event"
)

// View is a live call as the API shows it.
type View struct {
	ID         string     `json:"id"`
	Tenant     string     `json:"tenant"`
	Direction  string     `json:"direction"`
	Status     string     `json:"status"` // ringing, answered, bridged, held, ended
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
}

func newView(c ask.Call) *View {
	return &View{ID: c.ID, Tenant: c.Tenant, Direction: c.Direction, Status: "ringing", From: c.From, FromName: c.FromName,
		To: c.To, Trunk: c.Trunk, User: c.User, CreatedAt: c.CreatedAt}
}

// see keeps the view true to the events.
func (s *session) see(kind string, data any) {
	switch kind {
	case event.CallAnswered, event.CallBridged, event.CallHeld, event.CallResumed, event.LegHangup, event.CallHangup:
		s.change(*s.view.Load(), kind, data)
	}
}

func (s *session) change(v View, kind string, data any) {
	switch kind {
	case event.CallAnswered:
		at := s.at(data)
		v.Status, v.AnsweredAt = "answered", &at
	case event.CallBridged, event.CallHeld, event.CallResumed, event.LegHangup:
		l, ok := data.(*event.Leg)
		if !ok || !s.seeLeg(&v, kind, l) {
			return
		}
	case event.CallHangup:
		v.Status = "ended"
	}
	s.view.Store(&v)
}

// seeLeg is false when the leg's event changes nothing.
func (s *session) seeLeg(v *View, kind string, l *event.Leg) bool {
	switch kind {
	case event.CallBridged:
		if v.BridgedAt == nil {
			v.BridgedAt = &l.At
		}
		v.Status, v.Agent, v.AgentName, s.agent = "bridged", l.AgentNumber, l.AgentName, l.Leg
	case event.CallHeld:
		v.Status, s.holders = "held", append(s.holders, holder(l))
	case event.CallResumed:
		s.holders = slices.DeleteFunc(s.holders, func(by string) bool { return by == holder(l) })
		if v.Status = "held"; len(s.holders) == 0 {
			v.Status = "bridged"
			if s.agent == 0 {
				v.Status = "answered"
			}
		}
	case event.LegHangup:
		if l.Leg != s.agent || v.Status == "ended" {
			return false
		}
		v.Status, v.Agent, v.AgentName, s.agent = "answered", "", "", 0
		s.holders = slices.DeleteFunc(s.holders, func(by string) bool { return by == "agent" })
	}
	return true
}

// holder tells the holds of one call apart: each side's own, and the script's of each side.
func holder(l *event.Leg) string {
	if l.By == "script" {
		return fmt.Sprintf("script %d", l.Leg)
	}
	return l.By
}

func (s *session) at(data any) time.Time {
	return data.(interface{ Ref() *event.Base }).Ref().At
}
