package verbs

import "github.com/offhook/offhook/edge/call"

// featureBlind sends the other party to the number that the user dials after the code, as a REFER of the user's phone
// would. When nobody answers there, the two speak on, and the user hears why by a tone.
type featureBlind struct {
	Keys    numberKeys
	Sent    bool `json:",omitempty"`
	Refusal int  `json:",omitempty"` // playback
}

// Begin waits for the number.
func (v *featureBlind) Begin(r *call.Run) {
	if !v.Keys.begin(r) {
		r.Done(failed("nobody to transfer"))
	}
}

// Input takes the number, then how the transfer goes.
func (v *featureBlind) Input(r *call.Run, in call.Input) {
	switch in := in.(type) {
	case call.LegNotified:
		if in.Code >= 300 && v.Refusal == 0 {
			v.Refusal = refuse(r)
		}
	case call.StrandEnded:
		if v.Refusal == 0 {
			r.Done(done())
		}
	case call.PlayEnded:
		if in.Play == v.Refusal {
			r.Done(failed("not transferred"))
		}
	case call.LegEnded:
		if !v.Sent && v.Keys.gone(r, in) {
			r.Done(failed("hung up"))
		}
	case call.CallerJoined:
		if !v.Sent {
			r.Done(failed("joined with another"))
		}
	default:
		if !v.Keys.dialled() && v.Keys.input(r, in) {
			v.send(r)
		}
	}
}

func (v *featureBlind) send(r *call.Run) {
	v.Sent = true
	if v.Keys.Number == "" || !r.SendAway(r.Line(), v.Keys.Number) {
		v.Refusal = refuse(r)
	}
}
