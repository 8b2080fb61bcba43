package verbs

import (
	"cmp"

	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/schemas/ask"
	"github.com/offhook/offhook/schemas/event"
	"github.com/offhook/offhook/schemas/verb"
)

// referral does what a party asked for by REFER (RFC 3515): the other one of its conversation is sent elsewhere. It is no
// verb of documents; the core starts it.
//
// Blind: the conversation is taken apart and both hear music. The router is asked where the number goes, as for a new
// call, with call.to the number and call.referred_by who asked; if who asked was the caller, the other party is the call's
// caller from now on. What the router answers runs beside the waiting script. Its first word to the party, or its first
// connection, is the success: it becomes the call's script, and who asked is let go of. If it ends without either, the
// conversation goes on as before; if who asked has hung up meanwhile, the waiting script goes on, or, where that was the
// caller, the call ends.
//
// Attended (Replaces, RFC 3891): the other party takes the place of the leg named, in that leg's call, by a loan. This
// call goes on as long as that.
//
// Who asked is told by NOTIFY: 100 at once, 180 when it rings, then 200 or why not.
type referral struct {
	Asked  *call.LegReferred `json:",omitempty"`
	By     string            `json:",omitempty"` // the number of who asked
	Parted *call.Parted      `json:",omitempty"`
	Strand int               `json:",omitempty"` // blind: what the router said
	Loan   int               `json:",omitempty"` // attended
	Rang   bool              `json:",omitempty"`
}

// Begin waits for what was asked.
func (v *referral) Begin(*call.Run) {}

// Input takes what was asked, then how it goes.
func (v *referral) Input(r *call.Run, in call.Input) {
	switch in := in.(type) {
	case call.LegReferred:
		v.begin(r, in)
	case call.Rings:
		if !v.Rang {
			v.Rang = true
			r.NotifyReferrer(v.Asked.Leg, 180, "")
		}
	case call.Spoken:
		v.spoken(r, in.Strand)
	case call.StrandEnded:
		if in.Strand == v.Strand {
			v.failed(r, codeOf(in.Result))
		}
	case call.CallerJoined: // by what the old script still had running
		v.succeeded(r)
		r.HangUp(v.Asked.Leg, call.CauseTransferred)
		r.Done(ask.Result{Status: call.StatusAnswered})
	case call.LoanTaken:
		v.replaces(r)
	case call.LoanEnded:
		v.returned(r, in)
	}
}

func (v *referral) begin(r *call.Run, in call.LegReferred) {
	v.Asked = &in
	var user bool
	v.By, user = r.Who(in.Leg)
	r.NotifyReferrer(in.Leg, 100, "")
	v.tell(r, "started", nil)
	switch {
	case in.With != nil:
		v.lend(r)
	case in.URI != "" && !(user && r.Settings().Redirects == call.RedirectsFollow):
		// Only users may have us call foreign addresses, and only those of tenants that follow redirections to anywhere.
		v.failed(r, 603)
	default:
		v.route(r)
	}
}

func (v *referral) route(r *call.Run) {
	p, ok := r.Part(v.Asked.Leg)
	if !ok {
		v.failed(r, 603)
		return
	}
	v.Parted = &p
	if v.Asked.URI != "" {
		v.Strand = r.RouteBy(verb.Document{&verb.Dial{To: verb.Targets{{SIP: v.Asked.URI}}}}, v.to(), v.Asked.Leg)
	} else {
		v.Strand = r.Route(v.to(), v.Asked.Leg)
	}
	if v.Strand == 0 {
		v.failed(r, 503)
	}
}

func (v *referral) to() string { return cmp.Or(v.Asked.To, v.Asked.URI) }

// spoken: the new script has the party now.
func (v *referral) spoken(r *call.Run, strand int) {
	v.succeeded(r)
	r.HangUp(v.Asked.Leg, call.CauseTransferred)
	r.Crown(strand)
	r.Done(ask.Result{Status: call.StatusAnswered})
}

func (v *referral) succeeded(r *call.Run) {
	r.NotifyReferrer(v.Asked.Leg, 200, "")
	v.tell(r, "answered", nil)
}

// failed: nobody took the party.
func (v *referral) failed(r *call.Run, code int) {
	r.NotifyReferrer(v.Asked.Leg, code, "")
	cause := call.CauseOf(code, "")
	v.tell(r, "failed", &cause)
	if v.Parted != nil && !r.Rejoin(*v.Parted) && v.Parted.Swapped {
		r.EndCall(cause, "system")
		return
	}
	r.Done(ask.Result{Status: statusOf(cause), Cause: cause.Reason})
}

// codeOf is the SIP status of how a script ended without a word.
func codeOf(res *ask.Result) int {
	switch {
	case res == nil:
		return 503
	case res.SIP != nil && res.SIP.Code >= 300 && res.SIP.Code < 700:
		return res.SIP.Code
	}
	switch res.Status {
	case call.StatusBusy, call.StatusNoAnswer, call.StatusRefused:
		return call.CauseNamed(res.Status).SIP
	}
	return 480
}

// lend offers the other party to the call that has the leg to be replaced.
func (v *referral) lend(r *call.Run) {
	if with := v.Asked.With; with.Call != r.Asked().ID {
		r.Stay()
		v.Loan = r.Lend(r.Partner(v.Asked.Leg), "call:"+with.Call, call.Lent{As: call.AsReplace, Leg: with.N})
	}
	if v.Loan == 0 {
		v.failed(r, 603)
	}
}

// replaces: the other party speaks there now, and this call is that loan.
func (v *referral) replaces(r *call.Run) {
	v.succeeded(r)
	leg := v.Asked.Leg
	r.Depart(leg)
	r.HangUp(leg, call.CauseTransferred)
	r.TakeOver(r.Caller())
}

func (v *referral) returned(r *call.Run, in call.LoanEnded) {
	if in.Refused {
		v.failed(r, 481)
		return
	}
	loanOver(r)
}

func (v *referral) tell(r *call.Run, status string, cause *event.Cause) {
	kind := "blind"
	if v.Asked.With != nil {
		kind = "attended"
	}
	r.Publish(event.CallTransferred, &event.Transfer{Leg: v.Asked.Leg, Kind: kind, By: v.By, To: v.to(), Status: status, Cause: cause})
}
