package verbs_test

import (
	"testing"

	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/edge/verbs"
	"github.com/offhook/offhook/schemas/verb"
)

// A service that dials itself is asked 51 times at most, and then the dial fails and says why.
func TestAServiceThatCallsItselfComesToAnEnd(t *testing.T) {
	c, in := verbs.NewCall("call_1"), inbound()
	in.Start = verb.Do{URL: "fn:router"}
	again := document(t, `[{"verb":"dial","to":{"extension":"700"}},{"verb":"reject","status":482}]`)
	asked, todo, at := 0, []call.Input{in}, start
	for len(todo) > 0 {
		outs := c.Step(at, todo[0])
		todo = todo[1:]
		for _, out := range outs {
			switch o := out.(type) {
			case call.AskStart:
				if o.Notice {
					continue
				}
				if asked++; asked > 1000 {
					t.Fatal("it is asked for ever")
				}
				todo = append(todo, call.AskAnswered{Ask: o.Ask, OK: true, Source: "url", URL: "http://app.test/", Verbs: again})
			case call.Resolve:
				todo = append(todo, call.Resolved{Resolve: o.Resolve, Number: "700", Script: "fn:router"})
			case call.LegEnd:
				if o.Cause.SIP != 482 {
					t.Errorf("%+v", o.Cause)
				}
				todo = append(todo, call.LegEnded{Leg: o.Leg, Cause: o.Cause})
			}
		}
	}
	if asked != call.MaxRedirects+1 || !c.Over() {
		t.Errorf("asked %d times, over: %v", asked, c.Over())
	}
}
