package verbs

import (
	"cmp"
	"strings"
	"time"

	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/schemas/ask"
	"github.com/offhook/offhook/schemas/verb"
)

// stream exchanges sound with a server, or stops streams of the call. In the foreground it answers, and ends with the
// stream: status done with the cause (closed, finish_key, time_limit, stopped, hangup), or failed. What the server sends
// is heard then in the place of all else, and it gets the caller's keys, also those pressed before, which do not end it.
// With background its run goes on in a strand of its own, which no new document ends.
type stream struct {
	Spec   *verb.Stream
	Stream int `json:",omitempty"`
	Old    int `json:",omitempty"` // digits that waited
}

// Begin does what the action says.
func (v *stream) Begin(r *call.Run) {
	switch {
	case v.Spec.Action == "stop":
		v.stop(r)
	case v.Spec.To == "":
		v.finish(r, because("no_address", "no server to stream to"))
	case v.Spec.Background && !r.Detach("stream"):
		r.Done(tooMany())
	default:
		v.start(r)
	}
}

func (v *stream) start(r *call.Run) {
	if !v.Spec.Background {
		r.Answer()
	} else if v.talks() {
		r.Open()
	}
	v.Stream = r.Stream(call.Streaming{
		To: v.Spec.To, Track: cmp.Or(v.Spec.Track, verb.DefaultStreamTrack), Mode: v.mode(), Under: v.Spec.Background,
		Reconnect: max(0, cmp.Or(v.Spec.Reconnect, verb.DefaultStreamReconnect)), Params: v.Spec.Params, Headers: v.Spec.Headers,
	})
	if v.Stream == 0 {
		v.finish(r, failed("too_many_streams"))
		return
	}
	if v.Spec.TimeLimit > 0 {
		r.After(time.Duration(v.Spec.TimeLimit))
	}
	if !v.Spec.Background && (v.talks() || v.Spec.FinishOn != "") {
		v.Old = len(r.Waiting(r.Line()))
		r.Claim(r.Line())
	}
}

func (v *stream) mode() string {
	if v.Spec.Mode == "" && !v.Spec.Background {
		return call.StreamTalks
	}
	return cmp.Or(v.Spec.Mode, call.StreamListens)
}

func (v *stream) talks() bool { return v.mode() == call.StreamTalks }

// Input takes keys, the time limit and the end of the stream.
func (v *stream) Input(r *call.Run, in call.Input) {
	switch in := in.(type) {
	case call.Digit:
		v.digit(r, in.Digit)
	case call.TimerFired:
		r.StopStream(v.Stream, call.RecordedLimit)
	case call.StreamEnded:
		v.ended(r, in)
	}
}

func (v *stream) digit(r *call.Run, d string) {
	if v.talks() {
		r.StreamDigit(v.Stream, d)
	}
	if v.Old > 0 {
		v.Old--
	} else if strings.Contains(v.Spec.FinishOn, d) {
		r.StopStream(v.Stream, call.RecordedFinishKey)
	}
}

func (v *stream) ended(r *call.Run, in call.StreamEnded) {
	res := ask.Result{Status: call.StatusDone, Cause: in.Why, DurationMS: in.DurationMS, Error: in.Error}
	if in.Error != "" {
		res.Status, res.Cause = call.StatusFailed, in.Code
	}
	v.finish(r, res)
}

func (v *stream) finish(r *call.Run, res ask.Result) {
	r.Done(res, call.Then{Do: v.Spec.Next, Replace: true})
}

// Achieved: stream.ended tells the rest.
func (v *stream) Achieved() ask.Result { return done() }

// stop ends streams that were begun before.
func (v *stream) stop(r *call.Run) {
	found := r.Streams(v.Spec.OfID)
	for _, n := range found {
		r.StopStream(n, call.RecordedStopped)
	}
	if len(found) == 0 {
		v.finish(r, failed("no_stream"))
		return
	}
	v.finish(r, done())
}
