package history

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/offhook/offhook/events"
	"github.com/offhook/offhook/schemas/event"
)

// row is what one event knows of its call; nil says nothing about the column.
type row struct {
	id, tenant                    string
	seq                           int64
	direction, caller, callerName *string
	called, trunk, user           *string
	agent, agentName              *string
	agents                        []string
	created                       int64 // unix ms; of an event in the middle of the call: its own time
	answered, bridged             *int64
	ending
}

// ending is what the last event adds.
type ending struct {
	ended, duration, talk        *int64
	class, reason, endedBy, legs *string
	sip                          *int64
}

// projections make a row of an event's data, by type without the prefix.
var projections = map[string]func([]byte) (*row, error){
	event.CallRinging:  ofCall,
	event.CallAnswered: ofAnswer,
	event.CallBridged:  ofBridge,
	event.CallHangup:   ofHangup,
}

// project gives the row of an event, nil for one that history does not care about.
func project(d events.Delivered) (*row, error) {
	f := projections[strings.TrimPrefix(d.Type, event.Prefix)]
	if f == nil {
		return nil, nil
	}
	r, err := f(d.Data)
	if err != nil {
		return nil, fmt.Errorf("event %s: %w", d.ID, err)
	}
	if r.id == "" || r.tenant == "" || r.seq <= 0 {
		return nil, fmt.Errorf("event %s: call_id, tenant or seq is missing", d.ID)
	}
	return r, nil
}

func base(b event.Base) row {
	return row{id: clean(b.CallID), tenant: clean(b.Tenant), seq: b.Seq, created: b.At.UnixMilli()}
}

func ofCall(data []byte) (*row, error) {
	var e event.Call
	if err := json.Unmarshal(data, &e); err != nil {
		return nil, err
	}
	r := base(e.Base)
	r.direction, r.caller, r.callerName = text(e.Direction), text(e.From), text(e.FromName)
	r.called, r.trunk, r.user = text(e.To), text(e.Trunk), text(e.User)
	return &r, nil
}

func ofAnswer(data []byte) (*row, error) {
	r, err := ofCall(data)
	if err == nil {
		r.answered = &r.created
	}
	return r, err
}

func ofBridge(data []byte) (*row, error) {
	var e event.Leg
	if err := json.Unmarshal(data, &e); err != nil {
		return nil, err
	}
	r := base(e.Base)
	r.caller, r.callerName = text(e.CallerNumber), text(e.CallerName)
	r.agent, r.agentName = text(e.AgentNumber), text(e.AgentName)
	r.bridged = &r.created
	r.agents = agentsOf(e.AgentNumber)
	return &r, nil
}

func ofHangup(data []byte) (*row, error) {
	var e event.Hangup
	if err := json.Unmarshal(data, &e); err != nil {
		return nil, err
	}
	legs, err := json.Marshal(e.Legs)
	if err != nil {
		return nil, err
	}
	r := base(e.Base)
	ended, sip := r.created, int64(e.Cause.SIP)
	r.created = e.CreatedAt.UnixMilli()
	r.direction, r.caller, r.callerName = text(e.Direction), text(e.From), text(e.FromName)
	r.called, r.trunk, r.user = text(e.To), text(e.Trunk), text(e.User)
	r.agent, r.agentName = text(e.Agent), text(e.AgentName)
	r.answered, r.bridged, r.ended = millis(e.AnsweredAt), millis(e.BridgedAt), &ended
	r.duration, r.talk = &e.DurationMS, &e.TalkMS
	r.class, r.reason, r.sip, r.endedBy = text(e.Cause.Class), text(e.Cause.Reason), &sip, text(e.By)
	r.legs = text(string(legs))
	r.agents = agentsOf(append(answeredBy(e.Legs), e.Agent)...)
	return &r, nil
}

// answeredBy are the users and numbers that took the call: "user:105" is 105. Not who did not confirm it or was too late,
// nor the caller, whom a transfer may have named.
func answeredBy(legs []event.LegEnd) []string {
	var all []string
	for _, l := range legs {
		took := l.Direction != "inbound" && l.AnsweredAt != nil && (l.Cause.Class == "normal" || l.Cause.Class == "failed")
		if _, who, ok := strings.Cut(l.Target, ":"); ok && took && !strings.HasPrefix(l.Target, "sip") {
			all = append(all, who)
		}
	}
	return all
}

func agentsOf(names ...string) []string {
	var all []string
	for _, n := range names {
		if n != "" {
			all = append(all, clean(n))
		}
	}
	return all
}

func text(s string) *string {
	if s == "" {
		return nil
	}
	s = clean(s)
	return &s
}

// clean makes a string that PostgreSQL takes: valid UTF-8 without NUL.
func clean(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\ufffd"), "\x00", "")
}

func millis(t *time.Time) *int64 {
	if t == nil {
		return nil
	}
	ms := t.UnixMilli()
	return &ms
}
