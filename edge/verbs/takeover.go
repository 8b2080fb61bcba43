package verbs

import (
	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/schemas/ask"
)

// takeover is the script of a call whose INVITE carries Replaces (RFC 3891): its caller takes the place of a leg of another
// call, by a loan, and is answered once that has been done. The call goes on as long as the loan. It is no verb of
// documents.
type takeover struct {
	Loan int `json:",omitempty"`
}

// Begin waits for whose place it is.
func (v *takeover) Begin(*call.Run) {}

// Input takes that, then how it goes. RFC 3891 3: without such a dialog the INVITE is refused with 481.
func (v *takeover) Input(r *call.Run, in call.Input) {
	switch in := in.(type) {
	case call.Begin:
		v.Loan = r.Lend(r.Caller(), "call:"+in.Replaces.Call, call.Lent{As: call.AsReplace, Rings: true, Leg: in.Replaces.N})
		if v.Loan == 0 {
			r.EndCall(call.CauseLost, "system")
		}
	case call.LoanTaken:
		r.Answer()
	case call.LoanEnded:
		if in.Refused {
			r.EndCall(call.CauseLost, "system")
			return
		}
		loanOver(r)
	}
}

// loanOver ends a call that was nothing but a loan of its caller's leg, unless that has hung up.
func loanOver(r *call.Run) {
	if !r.Standing(r.Caller()) {
		r.Done(ask.Result{Status: call.StatusAnswered})
		return
	}
	r.EndCall(call.CauseNormal, "agent")
}
