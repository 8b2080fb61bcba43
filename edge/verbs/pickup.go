package verbs

import (
	"strings"

	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/schemas/ask"
	"github.com/offhook/offhook/schemas/verb"
)

// pickup lends the caller's leg to a call that waits elsewhere, and lasts until that conversation is over.
type pickup struct {
	Spec  *verb.Pickup
	Loan  int  `json:",omitempty"`
	Taken bool `json:",omitempty"`
}

// Begin answers the caller and offers its leg.
func (v *pickup) Begin(r *call.Run) {
	if r.Bridged() {
		v.finish(r, because("in_conversation", inConversation))
		return
	}
	r.Open()
	if v.Loan = r.Lend(r.Line(), v.where(), call.Lent{As: call.AsPickup}); v.Loan == 0 {
		v.finish(r, because("not_answered", notAnswered))
	}
}

// Why a verb that connects the caller can't.
const (
	inConversation = "the caller is in a conversation"
	notAnswered    = "the caller was not answered"
)

func (v *pickup) where() string {
	switch {
	case v.Spec.Slot != "":
		return "slot:" + v.Spec.Slot
	case v.Spec.User != "":
		return "ringing:" + v.Spec.User
	case v.Spec.Queue != "":
		return "queue:" + v.Spec.Queue
	}
	return "call:" + v.Spec.Call
}

// Input takes what becomes of the leg.
func (v *pickup) Input(r *call.Run, in call.Input) {
	switch in := in.(type) {
	case call.LoanTaken:
		v.Taken = true
	case call.LoanEnded:
		res := v.Achieved()
		if res.Cause = in.Why; in.Refused {
			res.Status, res.Error = call.StatusFailed, v.nobody(in.Why)
		}
		v.finish(r, res)
	}
}

// nobody tells in words why nobody was picked up.
func (v *pickup) nobody(why string) string {
	place := v.where()
	if v.Spec.User != "" {
		place = "user:" + v.Spec.User
	}
	text := "nobody to pick up at " + strings.Replace(place, ":", " ", 1)
	switch why {
	case "not_found":
		return text
	case "taken":
		return text + ": another phone was faster"
	}
	return text + ": " + strings.ReplaceAll(why, "_", " ")
}

func (v *pickup) finish(r *call.Run, res ask.Result) {
	r.Done(res, call.Then{Do: v.Spec.Next, Replace: true})
}

// Achieved: a pickup that is ended from outside was answered, or is cancelled.
func (v *pickup) Achieved() ask.Result {
	if v.Taken {
		return ask.Result{Status: call.StatusAnswered}
	}
	return ask.Result{Status: call.StatusCancelled}
}
