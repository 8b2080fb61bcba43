package verbs

import (
	"strings"
	"time"

	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/schemas/verb"
)

// A feature is what a user's keys do during a conversation: a run that no document has, one per code. Its line is the user.
// It hears of the ends of legs, and lasts until it is done; what it plays is for the user alone.

const (
	firstDigit = 5 * time.Second // for the number to begin
	nextDigit  = 3 * time.Second // after which the number is whole
	maxNumber  = 32
)

// numberKeys collects the number that follows a code, while the other party hears music.
type numberKeys struct {
	With    int    `json:",omitempty"` // the other party
	Number  string `json:",omitempty"`
	Silence int    `json:",omitempty"` // what the user hears meanwhile, after the beep
	Beep    int    `json:",omitempty"`
	Timer   int    `json:",omitempty"`
}

// begin beeps and waits for digits; false when there is nobody to send anywhere.
func (k *numberKeys) begin(r *call.Run) bool {
	user := r.Line()
	if k.With = r.Partner(user); k.With == 0 {
		return false
	}
	r.Hold(k.With)
	r.Claim(user)
	k.Silence = r.Play(user, tone("silence"), -1)
	k.Beep = r.Play(user, tone("beep"), 0)
	k.Timer = r.After(firstDigit)
	return true
}

// input takes a digit or the pause; over: the number is whole.
func (k *numberKeys) input(r *call.Run, in call.Input) (over bool) {
	switch in := in.(type) {
	case call.Digit:
		if in.Digit == "#" {
			return k.end(r)
		}
		if k.Number += in.Digit; len(k.Number) >= maxNumber {
			return k.end(r)
		}
		r.Stop(k.Timer)
		k.Timer = r.After(nextDigit)
	case call.TimerFired:
		if in.Timer == k.Timer {
			return k.end(r)
		}
	}
	return false
}

func (k *numberKeys) end(r *call.Run) bool {
	r.Stop(k.Timer)
	r.Stop(k.Beep)
	r.Stop(k.Silence)
	r.EndHold(k.With)
	k.Timer = 0
	return true
}

// dialled is true once the number is whole.
func (k *numberKeys) dialled() bool { return k.Timer == 0 }

// gone says whether a leg of the conversation has ended.
func (k *numberKeys) gone(r *call.Run, in call.LegEnded) bool {
	return in.Leg == k.With || in.Leg == r.Line()
}

// refuse lets the user hear that it did not work; the end of the playback ends the feature.
func refuse(r *call.Run) int { return r.Play(r.Line(), tone("congestion"), 4) }

func tone(name string) verb.Audios { return verb.Audios{{Name: "tone:" + name}} }

// spelled is a number as it is spoken: digit by digit.
func spelled(number string) string { return strings.Join(strings.Split(number, ""), " ") }
