package call_test

import (
	"encoding/json"
	"testing"

	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/edge/verbs"
	"github.com/offhook/offhook/schemas/ask"
	"github.com/offhook/offhook/schemas/verb"
)

// A dial that nobody takes ends the script: the caller hears the status of the other side, unless that was about our request.
func TestTheCallerHearsTheStatusOfWhoWasCalled(t *testing.T) {
	for said, heard := range map[int]int{
		404: 404, 403: 403, 480: 480, 484: 484, 486: 486, 488: 488, 500: 500,
		502: 502, 503: 500, 504: 504, 600: 600, 603: 603,
		401: 480, 407: 480, 408: 480, 422: 480, 481: 480, 487: 480,
	} {
		l := refusedBy(t, said)
		if got := last[call.LegEnd](l).Cause; got.SIP != heard {
			t.Errorf("%d: the caller hears %+v, want %d", said, got, heard)
		}
	}
	if got := last[call.LegEnd](refusedBy(t, 404)).Cause; got.Phrase != "In their words" || got.Reason != "not_found" {
		t.Errorf("%+v", got)
	}
}

// refusedBy is a call whose only dial was refused with a status.
func refusedBy(t *testing.T, status int) *line {
	var start verb.Do
	if err := json.Unmarshal([]byte(`[{"verb":"dial","to":{"number":"+371222","gateway":"telia"}}]`), &start); err != nil {
		t.Fatal(err)
	}
	l := &line{Call: verbs.NewCall("call_1"), t: t, now: at}
	l.step(call.Begin{Leg: true, Start: start, Call: ask.Call{ID: "call_1", Tenant: "demo", From: "1", To: "+371222", CreatedAt: at}})
	l.step(call.Resolved{Resolve: last[call.Resolve](l).Resolve, Destinations: []call.Destination{{URI: "sip:a"}}})
	l.step(call.LegEnded{Leg: last[call.LegInvite](l).Leg, Remote: true, Cause: call.CauseOf(status, "In their words")})
	return l
}
