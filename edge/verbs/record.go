package verbs

import (
	"cmp"
	"strings"
	"time"

	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/schemas/ask"
	"github.com/offhook/offhook/schemas/verb"
)

// record makes a recording, or pauses, resumes and stops those of the call. In the foreground it answers, and ends with
// the recording: status done with the cause (finish_key, silence, time_limit, stopped, hangup), or failed. Digits pressed
// before it begins do not end it. With background its run goes on in a strand of its own, which no new document ends.
type record struct {
	Spec      *verb.Record
	Beep      int    `json:",omitempty"` // playback
	Recording int    `json:",omitempty"`
	Name      string `json:",omitempty"` // its id
	Old       int    `json:",omitempty"` // digits that waited
}

// Begin does what the action says.
func (v *record) Begin(r *call.Run) {
	if v.Spec.Action != "" && v.Spec.Action != verb.DefaultRecordAction {
		v.change(r)
		return
	}
	if v.Spec.Background {
		if !r.Detach("recording") {
			r.Done(tooMany())
			return
		}
	} else {
		r.Answer()
		v.claim(r)
	}
	if !v.Spec.Beep {
		v.start(r)
		return
	}
	v.Beep = r.Play(r.Line(), verb.Audios{{Name: "tone:beep"}}, 0)
}

func (v *record) claim(r *call.Run) {
	if v.Spec.FinishOn != "" {
		v.Old = len(r.Waiting(r.Line()))
		r.Claim(r.Line())
	}
}

func (v *record) start(r *call.Run) {
	v.Recording = r.Record(call.Recording{
		Of: cmp.Or(v.Spec.Of, verb.DefaultRecordOf), Name: v.Spec.Name, Channels: max(v.Spec.Channels, verb.DefaultRecordChannels),
		Wide: v.Spec.Wide, Limit: time.Duration(cmp.Or(v.Spec.TimeLimit, verb.DefaultRecordTimeLimit)), Silence: time.Duration(v.Spec.Silence),
	})
	if v.Recording == 0 {
		r.Done(because("too_many_recordings", "too many recordings at once"), v.then())
		return
	}
	v.Name = r.RecordingID(v.Recording)
}

// Input takes the beep's end, finish keys and the end of the recording.
func (v *record) Input(r *call.Run, in call.Input) {
	switch in := in.(type) {
	case call.PlayEnded:
		v.start(r)
	case call.Digit:
		v.digit(r, in.Digit)
	case call.RecordEnded:
		v.ended(r, in)
	}
}

func (v *record) digit(r *call.Run, d string) {
	if v.Old > 0 {
		v.Old--
		return
	}
	if v.Recording != 0 && strings.Contains(v.Spec.FinishOn, d) {
		r.FinishRecord(v.Recording)
	}
}

func (v *record) ended(r *call.Run, in call.RecordEnded) {
	res := ask.Result{Status: call.StatusDone, Cause: in.Why, Recording: v.Name, DurationMS: in.DurationMS, Error: in.Error}
	if in.Error != "" {
		res.Status = call.StatusFailed
	}
	r.Done(res, v.then())
}

func (v *record) then() call.Then { return call.Then{Do: v.Spec.Next, Replace: true} }

// Achieved: what was recorded is kept; recording.stored tells the rest.
func (v *record) Achieved() ask.Result {
	if v.Recording == 0 {
		return ask.Result{Status: call.StatusCancelled}
	}
	return ask.Result{Status: call.StatusDone, Recording: v.Name}
}

// change pauses, resumes or stops recordings.
func (v *record) change(r *call.Run) {
	found := r.Recordings(v.Spec.OfID)
	for _, n := range found {
		switch v.Spec.Action {
		case "pause", "resume":
			r.PauseRecord(n, v.Spec.Action == "pause")
		case "stop":
			r.StopRecord(n)
		}
	}
	if len(found) == 0 {
		r.Done(because("no_recording", "nothing is recorded that this could be done to"), v.then())
		return
	}
	r.Done(done(), v.then())
}
