package verbs

import (
	"cmp"
	"slices"
	"time"

	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/schemas/event"
	"github.com/offhook/offhook/schemas/verb"
)

const (
	roomEmpty  = 30 * time.Second // a room that nobody joins ends
	roomRecord = 24 * time.Hour   // the longest recording of a room
)

// room is what a conference is for itself: a call without a party of its own, which lent legs join. It begins with the
// first member that starts it, and ends with the last, or with one that ends it.
type room struct {
	Name    string
	Members []roomMember `json:",omitempty"`
	Empty   int          `json:",omitempty"` // timer
	Begun   bool         `json:",omitempty"`
	Record  int          `json:",omitempty"`
}

type roomMember struct {
	Leg    int
	Call   string
	Number string `json:",omitempty"`
	Beep   string `json:",omitempty"`
	End    bool   `json:",omitempty"`
	Record bool   `json:",omitempty"`
	Music  int    `json:",omitempty"` // playback while it waits
}

// Begin waits for the first member.
func (v *room) Begin(r *call.Run) {
	r.Announce("room:"+v.Name, 0)
	v.Empty = r.After(roomEmpty)
}

// Borrow lets a leg join.
func (v *room) Borrow(r *call.Run, in call.Lent) (leg int, why string) {
	if in.As != call.AsMember || in.Member == nil {
		return 0, ""
	}
	most := in.Member.Most
	if most == 0 {
		most = verb.DefaultConferenceMost
	}
	if len(v.Members) >= most {
		return 0, call.WhyFull
	}
	if leg = r.Take(in); leg == 0 {
		return 0, call.WhyFull
	}
	v.join(r, leg, in)
	return leg, ""
}

func (v *room) join(r *call.Run, leg int, in call.Lent) {
	r.Stop(v.Empty)
	v.Empty = 0
	spec := in.Member
	m := roomMember{Leg: leg, Call: in.From.Call, Number: in.Number, Beep: cmp.Or(spec.Beep, verb.DefaultConferenceBeep), End: spec.End, Record: spec.Record}
	starts := spec.Start == nil || *spec.Start
	if !starts && !v.Begun {
		r.Hold(leg)
		if spec.Music != nil {
			m.Music = r.Music(leg, "", spec.Music, true)
		}
	}
	v.Members = append(v.Members, m)
	if starts {
		v.begin(r)
	}
	v.record(r)
	r.Publish(event.ConferenceJoined, &event.Meeting{Leg: leg, Name: v.Name, Mode: modeOf(in.Muted), By: m.Number, WithCall: m.Call, Size: len(v.Members)})
	if len(v.Members) > 1 {
		v.beep(r, m, "enter")
	}
	if len(spec.Announce) > 0 {
		r.PlayOver(spec.Announce, 0)
	}
}

// begin: those who waited are in the conference now.
func (v *room) begin(r *call.Run) {
	v.Begun = true
	for i, m := range v.Members {
		r.Unhold(m.Leg)
		r.Stop(m.Music)
		v.Members[i].Music = 0
	}
}

// record from when the conference begins, if a member wants it.
func (v *room) record(r *call.Run) {
	if v.Begun && v.Record == 0 && slices.ContainsFunc(v.Members, func(m roomMember) bool { return m.Record }) {
		v.Record = r.Record(call.Recording{Of: call.OfRoom, Channels: 1, Limit: roomRecord})
	}
}

// beep is heard by the others.
func (v *room) beep(r *call.Run, of roomMember, when string) {
	if v.Begun && (of.Beep == when || of.Beep == "both") {
		r.PlayOver(verb.Audios{{Name: "tone:beep"}}, of.Leg)
	}
}

// Input takes members that leave.
func (v *room) Input(r *call.Run, in call.Input) {
	switch in := in.(type) {
	case call.TimerFired:
		v.end(r)
	case call.LegReplaced:
		if i := v.at(in.Old); i >= 0 {
			v.Members[i].Leg = in.New
		}
	case call.LegEnded:
		if i := v.at(in.Leg); i >= 0 {
			v.left(r, i, in.Cause.Reason)
		}
	}
}

func (v *room) at(leg int) int {
	return slices.IndexFunc(v.Members, func(m roomMember) bool { return m.Leg == leg })
}

func (v *room) left(r *call.Run, i int, why string) {
	m := v.Members[i]
	r.Stop(m.Music)
	v.Members = slices.Delete(v.Members, i, i+1)
	r.Publish(event.ConferenceLeft, &event.Meeting{Leg: m.Leg, Name: v.Name, By: m.Number, WithCall: m.Call, Size: len(v.Members), Why: why})
	if m.End || len(v.Members) == 0 {
		v.end(r)
		return
	}
	v.beep(r, m, "leave")
}

// end: the members that are left get their legs back.
func (v *room) end(r *call.Run) { r.EndAll(call.CauseEnded, "script") }

// Tell who left with the end of the room.
func (v *room) Tell(r *call.Run, why string) {
	for i, m := range v.Members {
		r.Publish(event.ConferenceLeft, &event.Meeting{Leg: m.Leg, Name: v.Name, By: m.Number, WithCall: m.Call, Size: len(v.Members) - i - 1, Why: why})
	}
}
