package call

import (
	"fmt"
	"path"
	"time"

	"github.com/offhook/offhook/schemas/event"
)

// Whose voice a recording takes.
const (
	OfCall   = "call"
	OfCaller = "caller"
	OfAgent  = "agent"
	OfRoom   = "room"
)

// MaxRecordings is how many recordings of a call may be made or stored at once.
const MaxRecordings = 8

// Why a recording ended, as events tell it.
const (
	RecordedFinishKey = "finish_key"
	RecordedSilence   = "silence"
	RecordedLimit     = "time_limit"
	RecordedStopped   = "stopped"
	RecordedHangup    = "hangup"
	RecordedFailed    = "failed"
)

// Recording is what a run wants recorded.
type Recording struct {
	Of       string // OfCall ...
	Name     string // of the file; default its id
	Channels int
	Wide     bool // 16 kHz
	Limit    time.Duration
	Silence  time.Duration
}

// Record begins a recording of this run; RecordEnded tells when it is stored, also after StopRecord. 0 when there are
// too many.
func (r *Run) Record(rec Recording) int {
	c := r.call
	if c == nil {
		return 0
	}
	if c.count(thingRecord) >= MaxRecordings {
		c.log("error", "too many recordings at once")
		return 0
	}
	n := r.own(thingRecord, 0)
	t := c.thing(thingRecord, n)
	t.Name, t.With, t.Two = rec.Of, r.ID, rec.Channels == 2
	id := c.recordingID(n)
	if rec.Name == "" {
		rec.Name = id
	}
	some := c.Notes.write()
	some.Recordings = append(some.Recordings, id)
	c.put(RecordStart{Record: n, ID: id, Name: rec.Name, Channels: rec.Channels, Wide: rec.Wide, Limit: rec.Limit, Silence: rec.Silence})
	c.publish(event.RecordingStarted, c.recording(*t))
	return n
}

// Recordings are the running recordings that were begun by verbs of this id, or all, oldest first.
func (r *Run) Recordings(id string) []int { return r.begun(thingRecord, id) }

// begun are the things of a kind that go on and were begun by verbs of this id, or all, oldest first.
func (r *Run) begun(what, id string) []int {
	if r.call == nil {
		return nil
	}
	var found []int
	for _, t := range r.call.Things {
		if t.What == what && !t.Ends && (id == "" || t.With == id) {
			found = append(found, t.N)
		}
	}
	return found
}

// PauseRecord pauses a recording of this call or lets it go on.
func (r *Run) PauseRecord(n int, paused bool) {
	if r.call == nil {
		return
	}
	t := r.call.thing(thingRecord, n)
	if t == nil || t.Ends || t.Under == paused {
		return
	}
	t.Under = paused
	r.call.put(RecordPause{Record: n, Paused: paused})
	typ := event.RecordingResumed
	if paused {
		typ = event.RecordingPaused
	}
	r.call.publish(typ, r.call.recording(*t))
}

// StopRecord ends a recording of this call, whoever began it; its run is told by RecordEnded.
func (r *Run) StopRecord(n int) { r.stopRecord(n, RecordedStopped) }

// FinishRecord is StopRecord because the party pressed a key for it.
func (r *Run) FinishRecord(n int) { r.stopRecord(n, RecordedFinishKey) }

func (r *Run) stopRecord(n int, why string) {
	if r.call == nil {
		return
	}
	if t := r.call.thing(thingRecord, n); t != nil {
		r.call.stopRecord(*t, t.Owner, why)
	}
}

// RecordingID is what events, results and the API call a recording.
func (r *Run) RecordingID(n int) string {
	if r.call == nil {
		return ""
	}
	return r.call.recordingID(n)
}

func (c *Call) recordingID(n int) string { return fmt.Sprintf("%s-%d", c.Info.ID, n) }

func (c *Call) recording(t Thing) *event.Recording {
	channels := 1
	if t.Two {
		channels = 2
	}
	return &event.Recording{Recording: c.recordingID(t.N), VerbID: t.With, Of: t.Name, Channels: channels}
}

// stopRecord ends a recording. It stays until RecordEnded, and the final event waits for it.
func (c *Call) stopRecord(t Thing, owner int, why string) {
	x := c.thing(thingRecord, t.N)
	if x == nil {
		return
	}
	x.Owner = owner
	if x.Ends {
		return
	}
	x.Ends, x.Why = true, why
	c.put(RecordStop{Record: t.N})
}

// letRecord ends a recording whose run is over.
func (c *Call) letRecord(t Thing) {
	c.stopRecord(t, 0, c.whyStopped())
}

// whyStopped is why what a run began ends with it.
func (c *Call) whyStopped() string {
	if c.Phase != PhaseLive {
		return RecordedHangup
	}
	return RecordedStopped
}

func (c *Call) count(what string) int {
	n := 0
	for _, t := range c.Things {
		if t.What == what {
			n++
		}
	}
	return n
}

// storing: recordings or streams are still to tell how they ended.
func (c *Call) storing() bool { return c.count(thingRecord)+c.count(thingStream) > 0 }

func (c *Call) recordEnded(in RecordEnded) {
	t := c.thing(thingRecord, in.Record)
	if t == nil {
		return
	}
	was := *t
	c.dropThing(was.N)
	if in.Why == RecordedStopped && was.Why != "" {
		in.Why = was.Why
	}
	data := c.recording(was)
	data.Why, data.DurationMS, data.Bytes, data.SHA256, data.Location, data.Error = in.Why, in.DurationMS, in.Bytes, in.SHA256, in.Location, in.Error
	typ := event.RecordingStored
	if in.Location != "" {
		data.Name = path.Base(in.Location)
	}
	if in.Error != "" {
		typ = event.RecordingFailed
		c.log("error", "recording failed: "+in.Error)
	}
	c.publish(typ, data)
	c.startWrapUpTimer()
	c.deliver(was.Owner, in)
}

// recorded adds the rows of the recordings to the mix.
func (c *Call) recorded(m Mix) Mix {
	for _, t := range c.Things {
		if t.What != thingRecord || t.Ends {
			continue
		}
		for l := range c.parties {
			if c.overheard(l) && c.recordsLeg(t, l) {
				m = append(m, Hear{From: l.N, To: t.N, Channel: t.channel(l.N != c.Caller)})
			}
		}
		if t.Name == OfCall || t.Name == OfAgent {
			m = c.heardThere(c.recordedStream(m, t), c.live(c.Caller), t.N, t.channel(true))
		}
	}
	return m
}

// recordedStream adds the server that the caller speaks with: it is the other party then.
func (c *Call) recordedStream(m Mix, t Thing) Mix {
	l := c.live(c.Caller)
	if l == nil || !l.answered() || l.Held {
		return m
	}
	n := c.playFor(l, false)
	if c.thing(thingStream, n) == nil {
		return m
	}
	return append(m, Hear{From: n, To: t.N, Channel: t.channel(true)})
}

// channel is where a recording has the caller, or the other party.
func (t *Thing) channel(other bool) int {
	if t.Two && other {
		return 1
	}
	return 0
}

func (c *Call) recordsLeg(t Thing, l *Leg) bool {
	switch t.Name {
	case OfCaller:
		return l.N == c.Caller
	case OfAgent:
		return l.N == c.Bridge.Leg
	case OfCall:
		return l.N == c.Caller || l.N == c.Bridge.Leg
	}
	return c.party(l)
}
