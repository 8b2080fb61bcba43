package sim

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/edge/node"
	"github.com/offhook/offhook/edge/recordings"
	"github.com/offhook/offhook/schemas/event"
	"github.com/offhook/offhook/schemas/verb"
)

// together are the sorts of call that meet others, or are handed on. They begin with nothing that plays: playbacks end on
// the media's clock, which several calls share, and who of two comes first to a queue must not depend on that.
var together = []kind{
	{name: "parked", weight: 7, first: `[{"verb":"answer"},{"verb":"park","slot":"1","to":{"user":"104"},"return_after":"6s","ring_for":"5s","tries":3},{"verb":"play","audio":"p500"}]`},
	{name: "picks up", weight: 8, first: `[{"verb":"answer"},{"verb":"pickup","slot":"1"},{"verb":"play","audio":"p700"}]`},
	{name: "queued", weight: 7, first: `[{"verb":"enqueue","queue":"sales","max_wait":"14s","wait":[{"verb":"play","audio":"p900"},{"verb":"gather","max_digits":1,"timeout":"1s","on":{"1":[{"verb":"leave"}]}}]},{"verb":"play","audio":"p600"}]`},
	{name: "takes from the queue", weight: 4, first: `[{"verb":"record","channels":2,"background":true},{"verb":"detect","what":["silence","beep"],"background":true},{"verb":"pickup","queue":"sales"},{"verb":"play","audio":"p500"}]`},
	{name: "dials the queue", weight: 3, first: `[{"verb":"answer"},{"verb":"dial","to":[{"queue":"nobody"},{"queue":"sales"}]},{"verb":"play","audio":"p500"}]`},
	{name: "picks up a phone", weight: 3, first: `[{"verb":"answer"},{"verb":"pickup","user":"101"},{"verb":"play","audio":"p500"}]`},
	{name: "member", weight: 9, first: `[{"verb":"conference","room":"board","most":5,"record":true,"finish_on":"#","on":{"1":[{"verb":"play","audio":"p400"}],"2":[{"verb":"leave"}]}},{"verb":"play","audio":"p400"}]`},
	{name: "member streamed", weight: 3, first: `[{"verb":"stream","to":"ws://agent.sim/echo","track":"both","background":true},{"verb":"conference","room":"board","most":5,"on":{"1":[{"verb":"play","audio":"p300"}],"3":[{"verb":"leave"}]}},{"verb":"play","audio":"p400"}]`},
	{name: "chair", weight: 2, first: `[{"verb":"conference","room":"board","end":true,"time_limit":"9s"}]`},
	{name: "supervisor", weight: 5, first: `[{"verb":"supervise","user":"102","mode":"whisper","wait":"4s","finish_on":"0"},{"verb":"play","audio":"p400"}]`},
	{name: "transferred", weight: 5, first: `[{"verb":"answer"},{"verb":"pause","for":"1s"},{"verb":"transfer","to":[{"user":"103"},{"user":"104"}],"ring_for":"5s"},{"verb":"play","audio":"p900"}]`},
	{name: "diverted", weight: 4, first: `[{"verb":"divert","to":{"user":"102"},"ring_for":"6s","wrap_up":"3s"},{"verb":"emit","type":"diverted"},{"verb":"pause","for":"5s"},{"verb":"answer"},{"verb":"play","audio":"p500"}]`},
	{name: "recorded", weight: 5, first: `[{"verb":"record","channels":2,"background":true,"id":"whole"},{"verb":"answer"},{"verb":"pause","for":"400ms"},` + bridge + `,{"verb":"record","action":"pause"},{"verb":"play","audio":"p500"}]`,
		more: map[string]string{"/busy": `[{"verb":"record","action":"stop"},{"verb":"play","audio":"p500"}]`}},
	{name: "voice mail", weight: 4, first: `[{"verb":"answer"},{"verb":"record","of":"caller","beep":true,"time_limit":"5s","silence":"2s","finish_on":"#"},{"verb":"message_waiting","user":"101","new":2,"old":1},{"verb":"play","audio":"p400"}]`},
	{name: "listens to mail", weight: 3, first: `[{"verb":"answer"},{"verb":"message_waiting","user":"101","new":0,"old":3},{"verb":"message_waiting","user":"104","new":1},{"verb":"play","audio":"p400"}]`},
	{name: "sends elsewhere", weight: 4, first: `[{"verb":"answer"},{"verb":"pause","for":"500ms"},{"verb":"refer","to":"sip:102@demo.sim","timeout":"5s"},{"verb":"play","audio":"p500"}]`},
	{name: "takes a place", weight: 4, replaces: true},
	{name: "controlled", weight: 6, beside: []string{
		`[{"verb":"hold"},{"verb":"pause","for":"1.5s"},{"verb":"unhold"}]`, `[{"verb":"mute","party":"agent"},{"verb":"pause","for":"700ms"},{"verb":"unmute","party":"agent"}]`,
		`[{"verb":"dtmf","digits":"1w23","party":"agent"},{"verb":"tag","tags":{"reason":"invoice"}}]`, `[{"verb":"transfer","to":{"user":"104"},"ring_for":"4s"}]`,
		`[{"verb":"park","slot":"1","to":{"user":"101"},"return_after":"5s"}]`, `[{"verb":"play","audio":"p600","background":true}]`},
		first: `[{"verb":"answer"},{"verb":"pause","for":"300ms"},` + bridge + `,{"verb":"play","audio":"p700"}]`, more: map[string]string{"/busy": `[{"verb":"play","audio":"p500"}]`}},
}

// control sends documents to a live call, as the REST API does.
func (w *world) control(c *callPlan) {
	for i, doc := range c.kind.beside {
		thing := c.number + " " + text(i)
		if w.dice.chance(0.5, "beside", thing) {
			w.after(c.at+w.dice.span(500*time.Millisecond, 12*time.Second, "when", thing), func() {
				if id := w.idOf(c.number); id != "" {
					_ = w.edge.node.Beside(id, decode[verb.Document]([]byte(doc)), w.dice.chance(0.3, "agent", thing)) // it may be over
				}
			})
		}
	}
}

// roomName tells rooms apart by the order in which they are made.
func (w *world) roomName(b call.Begin) string {
	w.rooms++
	return fmt.Sprintf("room-%s#%d", b.Room, w.rooms)
}

var callIDs = regexp.MustCompile(`call_[0-9A-Z]{26}`)

// meet notes which calls met each other.
func (w *world) meet(name string, list []entry) {
	for _, e := range list {
		if !strings.Contains(string(e.data), `"with_call"`) {
			continue
		}
		other := w.nameOf(decode[event.Meeting](e.data).WithCall)
		w.met[name], w.met[other] = append(w.met[name], other), append(w.met[other], name)
	}
}

// company are the calls that this one met, the others of its rooms too.
func (w *world) company(name string) []string {
	met := slices.Clone(w.met[name])
	for _, room := range w.met[name] {
		if strings.HasPrefix(room, "room-") {
			met = append(met, w.met[room]...)
		}
	}
	return met
}

// alone are the times in which a member had the room for itself, or the others of the room send nothing.
func alone(list []entry, room []entry, end time.Time) (quiet []gap) {
	joined, ok := first(list, event.ConferenceJoined)
	if !ok {
		return nil
	}
	from, single := joined.at, false
	for _, e := range room {
		if e.kind != event.ConferenceJoined && e.kind != event.ConferenceLeft {
			continue
		}
		if single {
			quiet = append(quiet, gap{from, e.at})
		}
		from, single = e.at, decode[event.Meeting](e.data).Size <= 1
	}
	if single {
		quiet = append(quiet, gap{from, end})
	}
	return quiet
}

// quietRooms are those times for all the rooms that a call was in.
func (w *world) quietRooms(is string, list []entry, rooms map[string][]entry, end time.Time) (quiet []gap) {
	for _, name := range w.met[is] {
		if strings.HasPrefix(name, "room-") {
			quiet = append(append(quiet, alone(list, rooms[name], end)...), onHold(rooms[name], end)...)
		}
	}
	return quiet
}

// merged are the gaps without what is in several.
func merged(gaps []gap) []gap {
	slices.SortFunc(gaps, func(a, b gap) int { return a.from.Compare(b.from) })
	var out []gap
	for _, g := range gaps {
		if n := len(out); n > 0 && !g.from.After(out[n-1].to) {
			if g.to.After(out[n-1].to) {
				out[n-1].to = g.to
			}
			continue
		}
		out = append(out, g)
	}
	return out
}

// onHold are the times in which a member of a room holds: it is not heard there.
func onHold(room []entry, end time.Time) (quiet []gap) {
	since := map[int]time.Time{}
	for _, e := range room {
		l := decode[event.Leg](e.data).Leg
		from, holds := since[l]
		switch {
		case e.kind == event.LegHeld:
			since[l] = e.at
		case holds && (e.kind == event.LegResumed || e.kind == event.LegHangup):
			quiet = append(quiet, gap{from, e.at})
			delete(since, l)
		}
	}
	for _, from := range since {
		quiet = append(quiet, gap{from, end})
	}
	return quiet
}

// held checks that the edge has nothing left of calls that met.
func (w *world) held() {
	if n := w.edge.node.Lent(); n != 0 {
		w.problem("", "%d legs are still lent", n)
	}
	if n := w.edge.node.Named(); n != 0 {
		w.problem("", "calls are still found by %d names", n)
	}
	if n := w.edge.tapes.open.Load(); n != 0 {
		w.problem("", "%d recordings are still open", n)
	}
	if rooms := w.edge.node.Conferences(""); len(rooms) != 0 {
		w.problem("", "%d rooms are left, such as %+v", len(rooms), rooms[0])
	}
}

// isOf: the party's call is one of these.
func isOf(p *party, calls []string) bool {
	return slices.ContainsFunc(calls, func(name string) bool { return p.name == name || strings.HasPrefix(p.name, name+"-") })
}

// tapes are the recordings being made, in place of a disk.
type tapes struct {
	open  atomic.Int64
	fails func(id string) bool
}

type tape struct {
	in   *tapes
	id   string
	full bool
}

var errFull = errors.New("no space left on device")

func (t *tapes) begin(about recordings.New) (node.Tape, error) {
	t.open.Add(1)
	return &tape{in: t, id: about.ID, full: t.fails(about.ID)}, nil
}

// Write fails where the disk is full.
func (t *tape) Write([]int16) error {
	if t.full {
		return errFull
	}
	return nil
}

// Store ends it.
func (t *tape) Store(context.Context) (recordings.Stored, error) {
	t.in.open.Add(-1)
	return recordings.Stored{Location: "demo/" + t.id + ".wav"}, nil
}
