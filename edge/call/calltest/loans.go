package calltest

import (
	"errors"
	"slices"

	"github.com/offhook/offhook/edge/call"
)

// meets takes what has to do with other calls.
func (w *World) meets(out call.Output) error {
	switch o := out.(type) {
	case call.LegBorrow:
		w.legs = append(w.legs, leg{n: o.Leg, answered: true, lent: true})
		return w.number(o.Leg)
	case call.LegReturn:
		l := w.leg(o.Leg)
		if l == nil || !l.lent {
			return errUnknown
		}
		w.legs = without(w.legs, func(l leg) bool { return l.n == o.Leg })
	case call.Names:
		if slices.Equal(o.Names, w.names) {
			return errors.New("the names did not change")
		}
		w.names = o.Names
	case call.Send:
		w.sends(o.In)
	}
	return nil
}

func (w *World) sends(in call.Input) {
	switch in := in.(type) {
	case call.Lent:
		w.loans = append(w.loans, in.From.N)
	case call.LoanRecalled:
		w.loans = without(w.loans, func(n int) bool { return n == in.From.N })
	}
}

// lentHappens takes note of what other calls send.
func (w *World) lentHappens(in call.Input) {
	switch in := in.(type) {
	case call.LoanEnded:
		w.loans = without(w.loans, func(n int) bool { return n == in.Loan })
	case call.LoanTaken:
		w.taken = append(w.taken, in.Loan)
	}
}

// ofLoan: where there is no town, somebody unknown takes the leg, or nobody does.
func (w *World) ofLoan(next []Choice, n int) []Choice {
	if slices.Contains(w.taken, n) {
		return append(next, Choice{Input: call.LoanEnded{Loan: n, Why: call.WhyEnded, Cause: call.CauseEnded}, Ends: true})
	}
	return append(next, Choice{Input: call.LoanTaken{Loan: n, By: call.Place{Call: "elsewhere", N: 7}}},
		Choice{Input: call.LoanEnded{Loan: n, Refused: true, Why: call.WhyNotFound}, Ends: true},
		Choice{Input: call.LoanEnded{Loan: n, Refused: true, Why: call.WhyEnded}})
}

// meeting: what happens next may come from another call, so it is not stuck.
func (w *World) meeting() bool {
	return len(w.loans)+len(w.names) > 0 || slices.ContainsFunc(w.legs, func(l leg) bool { return l.lent })
}
