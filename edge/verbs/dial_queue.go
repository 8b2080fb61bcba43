package verbs

import (
	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/schemas/event"
)

// A target that is a queue connects the caller with the first who waits there, by lending the caller's leg to that call.

// lend asks the first of a queue. The caller's leg can be lent to one at a time: a second queue waits for the first's answer.
func (v *dial) lend(r *call.Run, t *dialTarget, queue string) {
	if t.Waits = v.find(func(other *dialTarget) bool { return other.Loan != 0 }) != nil; t.Waits {
		return
	}
	if t.Loan = r.Lend(r.Caller(), "queue:"+queue, call.Lent{As: call.AsPickup, Rings: true}); t.Loan == 0 {
		v.queueFailed(r, t, "busy")
	}
}

// taken: who waited there has the caller.
func (v *dial) taken(r *call.Run, in call.LoanTaken) {
	t := v.find(func(t *dialTarget) bool { return t.Loan == in.Loan })
	if t == nil {
		return
	}
	v.Lent = in.Loan
	v.endOthers(r)
	v.succeed(r, t, r.Caller())
	r.HangUp(r.Party("agent"), call.CauseReplaced)
	r.Answer()
	v.tellTransfer(r, "answered", goal(v.Spec.To[t.At]), nil)
	v.tell(r, t, "answered", 0)
}

// returned: that conversation is over, or nobody waits there.
func (v *dial) returned(r *call.Run, in call.LoanEnded) {
	t := v.find(func(t *dialTarget) bool { return t.Loan == in.Loan })
	switch {
	case t == nil:
	case v.Lent == in.Loan:
		v.Lent = 0
		v.hungUp(r, t, call.CauseNormal.Reason)
	default:
		t.Loan = 0
		if next := v.find(func(other *dialTarget) bool { return other.Waits }); next != nil {
			v.lend(r, next, v.Spec.To[next.At].Queue)
		}
		v.queueFailed(r, t, in.Why)
	}
}

func (v *dial) queueFailed(r *call.Run, t *dialTarget, why string) {
	if why == "not_found" {
		why = "queue_empty"
	}
	t.worse(event.Cause{Class: call.ClassFailed, Reason: why, Q850: call.CauseUnreachable.Q850})
	v.targetDone(r, t)
}
