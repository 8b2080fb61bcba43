package verbs_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/edge/verbs"
	"github.com/offhook/offhook/schemas/ask"
	"github.com/offhook/offhook/schemas/verb"
)

// BenchmarkBridgedCall is a whole call: asked, answered, dialled, bridged, hung up. state_B is its JSON while bridged.
func BenchmarkBridgedCall(b *testing.B) {
	doc := document(b, `[{"verb":"answer"},{"verb":"dial","to":{"user":"101"},"ring_for":"20s"},{"verb":"hangup"}]`)
	begin := call.Begin{Leg: true, Start: verb.Do{URL: "http://app.test/call"}, Call: ask.Call{ID: "call_01JZ0000000000000000000000", Tenant: "demo",
		Direction: "inbound", From: "+37120001111", FromName: "Anna", To: "100", Trunk: "local", CreatedAt: start}}
	bridge := []call.Input{
		begin,
		call.AskAnswered{Ask: 3, OK: true, Source: "url", URL: "http://app.test/call", Status: 200, Attempts: 1, Verbs: doc},
		call.LegAnswered{Leg: 1},
		call.Resolved{Resolve: 7, Name: "Ilze", Number: "101", Destinations: []call.Destination{{URI: "sip:101@10.0.0.1:5060", Via: "udp:10.0.0.1:5060"}}},
		call.LegProgress{Leg: 8, Code: 180},
		call.LegAnswered{Leg: 8},
	}
	end := []call.Input{call.LegEnded{Leg: 8, Cause: call.CauseNormal, Remote: true}, call.LegEnded{Leg: 1, Cause: call.CauseNormal}}
	b.ReportAllocs()
	var state int
	for b.Loop() {
		c := verbs.NewCall("call_01JZ0000000000000000000000")
		for i, in := range bridge {
			c.Step(start.Add(time.Duration(i)*time.Second), in)
		}
		if c.Bridge.Leg != 8 || c.Bridge.Pending {
			b.Fatal("not bridged")
		}
		if state == 0 {
			raw, err := json.Marshal(c)
			if err != nil {
				b.Fatal(err)
			}
			state = len(raw)
		}
		for _, in := range end {
			c.Step(start.Add(time.Minute), in)
		}
		if !c.Over() {
			b.Fatal("not over")
		}
	}
	b.ReportMetric(float64(state), "state_B")
}
