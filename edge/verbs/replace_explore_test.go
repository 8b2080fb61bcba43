package verbs_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/edge/call/calltest"
	"github.com/offhook/offhook/edge/verbs"
	"github.com/offhook/offhook/schemas/verb"
)

// consults are calls whose parties are sent to each other. The third has Replaces in its INVITE.
var consults = [][]string{
	{`[{"verb":"dial","to":{"user":"101"}},{"verb":"say","text":"after"}]`, `[{"verb":"dial","to":{"user":"106"}}]`},
	{`[{"verb":"dial","to":{"user":"101"},"ringback":"waltz"},{"verb":"say","text":"after"}]`,
		`[{"verb":"gather","max_digits":2,"prompt":[{"verb":"say","text":"Two keys."}]},{"verb":"dial","to":{"user":"106"}}]`},
	{`[{"verb":"enqueue","queue":"sales"}]`, `[{"verb":"dial","to":{"queue":"sales"}},{"verb":"dial","to":[{"queue":"sales"},{"user":"106"}]},{"verb":"pause","for":"2s"}]`},
	{`[{"verb":"dial","to":{"user":"101"}}]`, `[{"verb":"pickup","user":"101"},{"verb":"transfer","to":{"queue":"sales"}},{"verb":"dial","background":true,"to":{"queue":"sales"}},{"verb":"pause","for":"2s"}]`},
	{`[{"verb":"park","slot":"1"}]`, `[{"verb":"pickup","slot":"1"},{"verb":"conference","room":"r"}]`},
}

// consult is a town in which phones send their parties elsewhere, also into the place of a leg of another call.
func consult(t *testing.T, scripts []string, replaces bool) *calltest.Town {
	cfg := explorer(t)
	cfg.Presses, cfg.Holds, cfg.Late, cfg.Moved = 2, 1, 1, nil
	cfg.Refers = []call.LegReferred{{To: "105"}, {To: "9", With: &call.Place{Call: "call_1", N: 1}}, {To: "9", With: &call.Place{Call: "call_2", N: 1}},
		{To: "9", With: &call.Place{Call: "call_1", N: 5}}, {To: "9", With: &call.Place{Call: "call_2", N: 5}}}
	tw := calltest.NewTown(cfg, calltest.Maker{New: verbs.NewCall, Read: verbs.ReadCall})
	for i, script := range scripts {
		in := inbound()
		in.Call.ID, in.Start = fmt.Sprintf("call_%d", i+1), verb.Do{Document: document(t, script)}
		must(t, tw, tw.Begin(start.Add(time.Duration(i)*time.Second), in))
	}
	if replaces {
		in := inbound()
		in.Call.ID, in.Replaces = "call_3", &call.Place{Call: "call_1", N: 5}
		must(t, tw, tw.Begin(start, in))
	}
	return tw
}

func TestPartiesSentToEachOtherLeaveNothing(t *testing.T) {
	seen := map[string]int{}
	for seed := range orders(t, 3_000, 1_000) {
		tw := consult(t, consults[seed%uint64(len(consults))], calltest.Pick(seed, -5, 3) == 0)
		for step := range 50 {
			next := tw.Next()
			if mail := tw.Mail(); len(mail) > 0 && calltest.Pick(seed, step+3000, 2) == 0 {
				next = mail
			}
			if len(next) == 0 {
				break
			}
			must(t, tw, tw.Do(next[calltest.Pick(seed, step, len(next))]))
			for _, out := range tw.Outs() {
				handedOn(seen, []call.Output{out.Output})
			}
			for _, id := range tw.Calls() {
				must(t, tw, orphan(tw.Call(id)))
			}
		}
		over(t, tw, seed)
	}
	for _, what := range []string{"attended started", "attended answered", "attended failed", "notify 481", "notify 200", "blind answered",
		"dial failed queue_empty", "dial answered hangup"} {
		if seen[what] == 0 {
			t.Errorf("%s never happened", what)
		}
	}
}
