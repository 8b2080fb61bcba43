package verbs

import (
	"cmp"

	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/schemas/ask"
	"github.com/offhook/offhook/schemas/event"
	"github.com/offhook/offhook/schemas/verb"
)

// dialWay is what of a target's Resolved is needed later on.
type dialWay struct {
	Target   string                 `json:",omitempty"`
	CallerID string                 `json:",omitempty"`
	Tried    []string               `json:",omitempty"`
	Else     map[string]verb.Target `json:",omitempty"`
}

// name is whom a target of a dial is called as in events, once the settings and the cluster have been asked.
func (v *dial) name(t *dialTarget) string { return cmp.Or(t.Way.Target, targetName(v.Spec.To[t.At])) }

// goOn calls whom a user's settings name for this end, or the next node of an extension. Where several users ring at once
// the others still do, so only who cannot be reached has a substitute.
func (v *dial) goOn(r *call.Run, t *dialTarget) bool {
	status := statusOf(*t.Cause)
	next, ok := t.Way.Else[status]
	alone := len(v.Spec.To) == 1 || v.Spec.Ring == "in_order"
	if !ok || !alone && (status == call.StatusBusy || status == call.StatusNoAnswer) {
		return false
	}
	t.Cause, t.Rang = nil, false
	t.Resolve = r.Follow(next, t.Way.Tried)
	return true
}

// serve: the extension is a service of this node. Its script takes the call over, as it would take a new one elsewhere. It
// gives why that can't be, "" when it is done.
func (v *dial) serve(r *call.Run, t *dialTarget, in call.Resolved) (why string) {
	if len(v.Spec.To) > 1 || v.Originates {
		if len(in.Destinations) == 0 {
			r.Log("warn", in.Number+" is a service of this node: only a dial of a call to it alone can go there")
		}
		return call.CauseUnreachable.Reason
	}
	params := v.Spec.Params
	if v.Spec.To[t.At].Extension == "" { // a user's settings led there: it is the same call
		params = r.Asked().Params
	}
	by, _ := r.Who(v.From)
	by = cmp.Or(by, r.Asked().To)
	if !r.Serve(in.Number, params, in.Tried) {
		return "loop_detected"
	}
	if v.tellTransfer(r, "answered", in.Number, nil); v.Purpose == toTransfer {
		r.Referred(by)
	}
	if v.Background || v.Purpose == toTransfer {
		r.TakeOver(0)
		r.EndHold(r.Caller())
	}
	r.Done(ask.Result{Status: call.StatusDone, Number: in.Number},
		call.Then{Do: &verb.Do{URL: in.Script}, Replace: true, Reason: ask.ReasonCall})
	return ""
}

// wayLost is why a target has no destination.
func wayLost(in call.Resolved) event.Cause {
	switch in.Error {
	case call.StatusBusy:
		cause := call.CauseBusy
		cause.SIP = 0 // no response said so
		return cause
	case "":
		in.Error = call.CauseUnreachable.Reason
	}
	cause := call.CauseUnreachable
	cause.SIP, cause.Reason = 0, in.Error
	return cause
}
