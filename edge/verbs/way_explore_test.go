package verbs_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/edge/call/calltest"
	"github.com/offhook/offhook/schemas/verb"
)

// wayScripts call somebody in every manner in which a user's settings or a node may lead on.
var wayScripts = []string{
	`[{"verb":"dial","to":{"user":"101"},"on":{"failed":[{"verb":"log","text":"{result.cause}"}],"busy":"/busy"},"next":"/after"},{"verb":"say","text":"left"}]`,
	`[{"verb":"dial","to":{"extension":"700","nodes":["riga","oslo"]},"params":{"mailbox":"{digits}"},"ring_for":"5s"},{"verb":"dial","to":{"extension":"700"}}]`,
	`[{"verb":"dial","to":[{"user":"101"},{"extension":"700"},{"user":"105"}]},{"verb":"dial","to":[{"user":"101"},{"user":"105"}],"ring":"in_order","ring_for":"5s"}]`,
	`[{"verb":"answer"},{"verb":"dial","background":true,"to":{"user":"101"}},{"verb":"dial","background":true,"to":{"extension":"700"}},{"verb":"gather","max_digits":1},{"verb":"pause","for":"9s"}]`,
	`[{"verb":"answer"},{"verb":"transfer","to":{"user":"101"}},{"verb":"parallel","do":[[{"verb":"dial","to":{"extension":"700"}}]]},{"verb":"dial","to":{"user":"105"},"confirm":"1"}]`,
	`[{"verb":"divert","to":{"extension":"700","nodes":["riga","oslo"]},"wrap_up":"5s"},{"verb":"divert","to":{"user":"101"}},{"verb":"set","vars":{"caller_number":"anonymous"}},{"verb":"dial","to":{"user":"105"}}]`,
	`[]`,
}

// wayExplorer is a world in which every target may lead to another, to a node or to a service.
func wayExplorer(t testing.TB) calltest.Config {
	cfg := explorer(t)
	var answers []call.AskAnswered
	for _, text := range wayScripts {
		doc := document(t, text)
		answers = append(answers, call.AskAnswered{OK: true, Source: "function", URL: "fn:router", Attempts: 1, Verbs: doc, Empty: len(doc) == 0})
	}
	cfg.Answers = func(call.AskStart) []call.AskAnswered { return answers }
	cfg.Destinations = ways
	return cfg
}

// ways are what the shell may answer; after three users or nodes it says that this is a circle.
func ways(o call.Resolve) []call.Resolved {
	if len(o.Tried) >= 3 {
		return []call.Resolved{{Number: "101", Tried: o.Tried, Error: "forward_loop"}}
	}
	tried := append(slices.Clone(o.Tried), "user:101")
	phone, node := call.Destination{URI: "sip:a@10.0.0.1"}, call.Destination{URI: "sip:700@10.0.0.8", Node: "oslo"}
	onward := map[string]verb.Target{"busy": {User: "105"}, "no_answer": {User: "106"}, "timeout": {Number: "+371"}, "failed": {Extension: "700"}}
	return []call.Resolved{
		{Name: "Ilze", Number: "101", Destinations: []call.Destination{phone, phone}, Tried: tried, Else: onward},
		{Number: "700", Destinations: []call.Destination{node}, Tried: append(slices.Clone(o.Tried), "node:oslo"), Target: "extension:700",
			Else: map[string]verb.Target{"failed": {Extension: "700"}, "timeout": {Extension: "700"}}},
		{Number: "700", Script: "fn:router", Tried: tried, Target: "extension:700"},
		{Name: "Anna", Number: "106", Destinations: []call.Destination{phone}, Script: "fn:router", Tried: tried, Target: "user:106"},
		{Number: "103", Error: "busy", Tried: tried},
	}
}

func TestEveryOrderOfForwardsAndNodesEndsWithNothingHeld(t *testing.T) {
	reached := map[string]int{"forward_loop": 0, `"node":"oslo"`: 0, `"tried":["user:101","node:oslo"]`: 0, `"to":"fn:router"`: 0, `"anonymous":true`: 0}
	for seed := range orders(t, 1_500, 500) {
		in := inbound()
		in.Start = verb.Do{Document: document(t, wayScripts[seed%uint64(len(wayScripts)-1)])}
		e := exploreWorld(t, in, wayExplorer(t))
		e.keep = true
		e.walk(seed, func(step int) {
			if calltest.Pick(seed, step+5000, 16) == 0 {
				e.reread()
			}
		})
		outs := strings.Join(e.outs, "")
		for what := range reached {
			reached[what] += strings.Count(outs, what)
		}
		if state, err := json.Marshal(e.call); err != nil || len(state) > 64<<10 {
			t.Fatalf("seed %d: %d bytes of state, %v", seed, len(state), err)
		}
	}
	for what, n := range reached {
		if n == 0 {
			t.Errorf("%s never came out", what)
		}
	}
}
