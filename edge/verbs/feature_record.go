package verbs

import (
	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/schemas/verb"
)

// keyRecording is the id of the recording that a user's keys begin and end.
const keyRecording = "feature-record"

// featureRecord begins to record the conversation, or ends that. The user hears one beep, or two.
type featureRecord struct{}

// Begin begins or ends it.
func (v *featureRecord) Begin(r *call.Run) {
	running := r.Recordings(keyRecording)
	for _, n := range running {
		r.StopRecord(n)
	}
	beeps := 2
	if len(running) == 0 {
		beeps = 1
		r.Branch("recording", verb.Document{&verb.Record{ID: keyRecording, Background: true}})
	}
	r.Play(r.Line(), tone("beep"), beeps)
}

// Input takes the beep's end.
func (v *featureRecord) Input(r *call.Run, in call.Input) {
	if _, ok := in.(call.PlayEnded); ok {
		r.Done(done())
	}
}
