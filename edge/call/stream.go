package call

import (
	"fmt"
	"strings"

	"github.com/offhook/offhook/schemas/event"
)

// MaxStreams is how many streams of a call may go on at once.
const MaxStreams = 4

// Modes of a stream.
const (
	StreamListens = "listen"
	StreamTalks   = "talk"
)

// Why a stream ended, as events tell it, beside finish_key, time_limit, stopped and hangup of recordings.
const (
	StreamClosed = "closed"
	StreamFailed = "failed"
)

// Streaming is what a run wants exchanged with a server.
type Streaming struct {
	To        string
	Track     string // OfCaller, OfAgent, or both
	Mode      string
	Under     bool // it is heard only while nothing else is
	Reconnect int
	Params    map[string]string
	Headers   map[string]string
}

// Stream begins a stream of this run with its line; StreamEnded tells that it is over, also after StopStream. 0 when
// there are too many.
func (r *Run) Stream(o Streaming) int {
	c := r.call
	if c == nil {
		return 0
	}
	if c.count(thingStream) >= MaxStreams {
		c.log("error", "too many streams at once")
		return 0
	}
	n := r.own(thingStream, r.Line())
	t := c.thing(thingStream, n)
	t.Name, t.With, t.To, t.Talks, t.Under = o.Track, r.ID, withoutSecrets(o.To), o.Mode == StreamTalks, o.Under
	c.put(StreamStart{Stream: n, ID: c.recordingID(n), To: o.To, Talks: t.Talks, Tracks: t.tracks(), Reconnect: o.Reconnect, Params: o.Params, Headers: o.Headers})
	return n
}

// withoutSecrets is a URL as events show it: without user, password, query and fragment.
func withoutSecrets(url string) string {
	if at := strings.IndexAny(url, "?#"); at >= 0 {
		url = url[:at]
	}
	scheme, rest, ok := strings.Cut(url, "://")
	if !ok {
		return ""
	}
	authority, path, _ := strings.Cut(rest, "/")
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		authority = authority[at+1:]
	}
	return scheme + "://" + authority + "/" + path
}

// tracks are the names that the server knows them by, by channel of the mix.
func (t *Thing) tracks() []string {
	switch t.Name {
	case OfCaller:
		return []string{"inbound"}
	case OfAgent:
		return []string{"outbound"}
	}
	return []string{"inbound", "outbound"}
}

// Streams are the streams of the call that were begun by verbs of this id, or all, oldest first.
func (r *Run) Streams(id string) []int { return r.begun(thingStream, id) }

// StopStream ends a stream of this call, whoever began it; its run is told by StreamEnded.
func (r *Run) StopStream(n int, why string) {
	if r.call == nil {
		return
	}
	if t := r.call.thing(thingStream, n); t != nil {
		r.call.stopStream(t, why)
	}
}

// StreamDigit tells the server of a key.
func (r *Run) StreamDigit(n int, digit string) {
	if r.call == nil {
		return
	}
	if t := r.call.thing(thingStream, n); t != nil && !t.Ends {
		r.call.put(StreamDigit{Stream: n, Digit: digit})
	}
}

// stopStream ends a stream. It stays until StreamEnded, and the final event waits for it.
func (c *Call) stopStream(t *Thing, why string) {
	if t.Ends {
		return
	}
	t.Ends, t.Why = true, why
	c.put(StreamStop{Stream: t.N})
}

// letStream ends a stream whose run is over.
func (c *Call) letStream(n int) {
	t := c.thing(thingStream, n)
	if t == nil {
		return
	}
	t.Owner = 0
	c.stopStream(t, c.whyStopped())
}

func (c *Call) streamData(t *Thing) *event.Stream {
	data := &event.Stream{Stream: c.recordingID(t.N), VerbID: t.With, To: t.To, Mode: StreamListens, Track: t.Name}
	if t.Talks {
		data.Mode = StreamTalks
	}
	return data
}

func (c *Call) streamStarted(in StreamStarted) {
	if t := c.thing(thingStream, in.Stream); t != nil {
		c.publish(event.StreamStarted, c.streamData(t))
	}
}

func (c *Call) streamEnded(in StreamEnded) {
	t := c.thing(thingStream, in.Stream)
	if t == nil {
		return
	}
	owner, data, typ := t.Owner, c.streamData(t), event.StreamEnded
	if t.Ends && in.Error == "" {
		in.Why = t.Why
	}
	c.dropThing(in.Stream)
	data.Why, data.DurationMS, data.Reconnects, data.Code, data.Error = in.Why, in.DurationMS, in.Reconnects, in.Code, in.Error
	data.BytesSent, data.BytesReceived, data.Dropped, data.Refused = in.BytesSent, in.BytesReceived, in.Dropped, in.Refused
	if in.Error != "" {
		typ = event.StreamFailed
		c.log("error", fmt.Sprintf("stream to %s failed: %s", data.To, in.Error))
	}
	c.publish(typ, data)
	c.startWrapUpTimer()
	c.deliver(owner, in)
}

// streamed adds the rows of what streams hear: channel 0 is the line's voice, or the only one.
func (c *Call) streamed(m Mix) Mix {
	for _, t := range c.Things {
		if t.What != thingStream || t.Ends {
			continue
		}
		for l := range c.parties {
			if channel := c.streamsLeg(t, l); channel >= 0 && c.overheard(l) {
				m = append(m, Hear{From: l.N, To: t.N, Channel: channel})
			}
		}
		if channel := t.track(true); channel >= 0 {
			m = c.heardThere(m, c.live(t.Leg), t.N, channel)
		}
	}
	return m
}

// streamsLeg is the channel on which a stream hears a leg, -1: it does not.
func (c *Call) streamsLeg(t Thing, l *Leg) int {
	other := c.Bridge.Leg
	if t.Leg == other {
		other = c.Caller
	}
	if l.N != t.Leg && l.N != other {
		return -1
	}
	return t.track(l.N != t.Leg)
}

// track is the channel of a stream's line, or of the other party, -1: it hears nothing of that.
func (t *Thing) track(other bool) int {
	switch {
	case t.Name == OfCaller && other, t.Name == OfAgent && !other:
		return -1
	case t.Name != OfAgent && other:
		return 1
	}
	return 0
}

// endStreamOfNobody ends a stream whose party is gone, so that its verb does not wait for ever.
func (c *Call) endStreamOfNobody() {
	for i := range c.Things {
		if t := &c.Things[i]; t.What == thingStream && !t.Ends && c.live(t.Leg) == nil {
			c.stopStream(t, RecordedHangup)
		}
	}
}
