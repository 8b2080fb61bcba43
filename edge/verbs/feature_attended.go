package verbs

import (
	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/schemas/event"
)

// featureAttended lets the user speak with the number dialled after the code while the other party hears music. When the
// user hangs up, those two are connected, or the number goes on ringing for who waits; * goes back to who waits. Nobody
// there: back, with a tone.
type featureAttended struct {
	Keys    numberKeys
	Parted  *call.Parted `json:",omitempty"`
	By      string       `json:",omitempty"` // the user's number
	Strand  int          `json:",omitempty"` // the consult
	Refusal int          `json:",omitempty"` // playback
}

// Begin waits for the number.
func (v *featureAttended) Begin(r *call.Run) {
	if !v.Keys.begin(r) {
		r.Done(failed("nobody to transfer"))
	}
}

// Input takes the number, then the user's choice.
func (v *featureAttended) Input(r *call.Run, in call.Input) {
	switch in := in.(type) {
	case call.StrandEnded:
		v.back(r, true)
	case call.PlayEnded:
		if in.Play == v.Refusal {
			r.Done(failed("not transferred"))
		}
	case call.LegEnded:
		v.ended(r, in)
	case call.CallerJoined:
		r.Done(failed("joined with another"))
	case call.Digit:
		if v.Strand != 0 && in.Digit == "*" {
			r.Cancel(v.Strand)
			v.back(r, false)
			return
		}
		v.number(r, in)
	default:
		v.number(r, in)
	}
}

func (v *featureAttended) number(r *call.Run, in call.Input) {
	if v.Keys.dialled() || !v.Keys.input(r, in) {
		return
	}
	if v.Keys.Number == "" {
		v.Refusal = refuse(r)
		return
	}
	p, ok := r.Part(r.Line())
	if !ok {
		r.Done(failed("nobody to transfer"))
		return
	}
	v.Parted = &p
	v.By, _ = r.Who(p.By)
	v.tell(r, "started")
	if v.Strand = r.Consult(p, v.Keys.Number); v.Strand == 0 {
		v.back(r, true)
	}
}

// back: the two of before speak again; in vain: the user hears it.
func (v *featureAttended) back(r *call.Run, inVain bool) {
	if v.Parted == nil {
		return
	}
	v.tell(r, call.StatusFailed)
	if !r.Rejoin(*v.Parted) || !inVain {
		r.Done(done())
		return
	}
	v.Parted, v.Strand, v.Refusal = nil, 0, refuse(r)
}

// ended: the user hands over by hanging up. When who waits hangs up, those who speak go on.
func (v *featureAttended) ended(r *call.Run, in call.LegEnded) {
	switch {
	case v.Parted == nil && v.Keys.gone(r, in), v.Parted != nil && in.Leg == v.Parted.Leg:
		r.Done(failed("hung up"))
	case v.Parted == nil || in.Leg != v.Parted.By:
	default:
		status := "started"
		if answered, _ := r.Connect(v.Strand); answered {
			status = call.StatusAnswered
		}
		v.tell(r, status)
		r.Done(done())
	}
}

func (v *featureAttended) tell(r *call.Run, status string) {
	r.Publish(event.CallTransferred, &event.Transfer{Leg: v.Parted.By, Kind: "attended", By: v.By, To: v.Keys.Number, Status: status})
}
