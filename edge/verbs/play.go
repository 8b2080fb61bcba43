package verbs

import (
	"time"

	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/schemas/verb"
)

// play plays audio or speaks (say) to a party and waits for its end; that party hears nothing else meanwhile. In the
// background the script goes on at once, and it is heard only while there is nothing else. The caller is answered for it
// unless `ring` opened early media. What cannot be had is told by an event, a fallback is heard in its place, and the
// script goes on; without a fallback the result is failed. With an action it pauses, resumes, moves and stops what plays.
type play struct {
	Spec *verb.Play
	Fell string `json:",omitempty"` // why a fallback was heard
}

func playOf(v *verb.Play) call.Verb { return &play{Spec: v} }

func sayOf(v *verb.Say) call.Verb {
	return &play{Spec: &verb.Play{Audio: verb.Audios{{Say: v}}, To: v.To, Background: v.Background, Fallback: v.Fallback}}
}

// Begin starts the playback, or does what the action says.
func (v *play) Begin(r *call.Run) {
	if v.Spec.Action != "" && v.Spec.Action != verb.DefaultPlayAction {
		v.change(r)
		return
	}
	leg, why := party(r, v.Spec.To)
	switch {
	case len(v.Spec.Audio) == 0:
		r.Done(failed("no audio"))
		return
	case leg == 0:
		r.Done(failed(why))
		return
	}
	if v.Spec.To != "agent" {
		r.Open()
	}
	if v.Spec.Background && !r.Detach("background") {
		r.Done(tooMany())
		return
	}
	r.PlayPart(leg, call.Playing{
		Audio: v.Spec.Audio, Loop: v.Spec.Loop, From: time.Duration(v.Spec.From), Until: time.Duration(v.Spec.Until),
		Fallback: v.Spec.Fallback, Under: v.Spec.Background,
	})
}

// Input takes the playback's end, and what cannot be heard of it.
func (v *play) Input(r *call.Run, in call.Input) {
	switch in := in.(type) {
	case call.PlayFailed:
		if in.Fallback {
			v.Fell = in.Error
		}
	case call.PlayStopped:
		res := done()
		res.Cause, res.PositionMS = "stopped", in.PositionMS
		r.Done(res)
	case call.PlayEnded:
		v.ended(r, in)
	}
}

func (v *play) ended(r *call.Run, in call.PlayEnded) {
	res := done()
	switch {
	case in.Error != "":
		res = failed(in.Error)
	case v.Fell != "":
		res.Cause, res.Error = "fallback", v.Fell
	}
	res.PositionMS = in.PositionMS
	r.Done(res)
}

// change pauses, resumes, moves or stops playbacks; where the last of them is goes into the result.
func (v *play) change(r *call.Run) {
	found := r.Playbacks(v.Spec.OfID)
	if len(found) == 0 {
		r.Done(because("nothing_plays", "nothing plays that this could be done to"))
		return
	}
	res := done()
	for _, n := range found {
		switch v.Spec.Action {
		case "pause", "resume":
			res.PositionMS = r.PausePlay(n, v.Spec.Action == "pause")
		case "skip":
			res.PositionMS = v.skip(r, n)
		case "stop":
			res.PositionMS = r.StopPlay(n)
		}
	}
	r.Done(res)
}

func (v *play) skip(r *call.Run, n int) int64 {
	if v.Spec.By != 0 {
		return r.SeekPlay(n, time.Duration(v.Spec.By), true)
	}
	return r.SeekPlay(n, time.Duration(v.Spec.From), false)
}
