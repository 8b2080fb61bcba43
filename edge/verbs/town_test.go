package verbs_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/edge/call/calltest"
	"github.com/offhook/offhook/edge/verbs"
	"github.com/offhook/offhook/schemas/event"
	"github.com/offhook/offhook/schemas/verb"
)

// meetings are calls that meet, each a script per call. The first caller is Anna, the others are users 105, 106.
var meetings = [][]string{
	{`[{"verb":"park","slot":"701","to":{"user":"101"},"next":[{"verb":"say","text":"Good bye."}]}]`,
		`[{"verb":"pickup","slot":"701","next":[{"verb":"say","text":"{result.status} {result.cause}"}]}]`,
		`[{"verb":"pickup","slot":"701"},{"verb":"pause","for":"3s"}]`},
	{`[{"verb":"park"}]`,
		`[{"verb":"pickup","call":"call_1"}]`,
		`[{"verb":"parallel","do":[[{"verb":"pause","for":"1s"},{"verb":"pickup","slot":"call_1"}]]},{"verb":"pickup","call":"call_3"},{"verb":"play","audio":"x"}]`},
	{`[{"verb":"enqueue","queue":"sales","priority":1,"max_wait":"1m","wait":[{"verb":"say","text":"{queue_position} of {queue_size} {queue_wait}"},{"verb":"gather","max_digits":1,"timeout":"2s","on":{"1":[{"verb":"leave"}]}}],"on":{"left":[{"verb":"say","text":"bye"}],"timeout":"/late"}}]`,
		`[{"verb":"enqueue","queue":"sales","wait":[{"verb":"leave"}]},{"verb":"enqueue","queue":"sales","wait":[{"verb":"log","text":"x"}]}]`,
		`[{"verb":"pickup","queue":"sales"},{"verb":"pickup","queue":"sales"},{"verb":"pause","for":"1s"}]`},
	{`[{"verb":"conference","room":"board","beep":"both","finish_on":"#","announce":{"say":"hello"},"on":{"1":[{"verb":"mute"},{"verb":"say","text":"muted"}],"12":[{"verb":"unmute"}],"9":[{"verb":"hold"}],"2":[{"verb":"unhold"},{"verb":"leave"}]},"time_limit":"1m"}]`,
		`[{"verb":"conference","room":"board","start":false,"muted":true,"music":"wait","record":true}]`,
		`[{"verb":"conference","room":"board","end":true,"most":2,"finish_on":"#"},{"verb":"conference","room":"board","beep":"none"}]`},
	{`[{"verb":"record","channels":2,"background":true},{"verb":"stream","to":"wss://x.test/","track":"both","background":true},{"verb":"conference","room":"board","muted":true,"on":{"1":[{"verb":"unmute"}],"2":[{"verb":"mute"}],"9":[{"verb":"hold"}],"3":[{"verb":"unhold"},{"verb":"leave"}]}}]`,
		`[{"verb":"detect","what":["silence","digits"],"background":true},{"verb":"record","of":"agent","background":true},{"verb":"stream","to":"wss://x.test/","track":"agent","background":true},{"verb":"conference","room":"board","finish_on":"#"},{"verb":"say","text":"out"}]`,
		`[{"verb":"record","of":"caller","background":true},{"verb":"stream","to":"wss://x.test/","mode":"talk","track":"caller","background":true},{"verb":"conference","room":"board","on":{"2":[{"verb":"stream","to":"wss://y.test/","track":"both"}]}}]`},
	{`[{"verb":"record","background":true},{"verb":"dial","to":{"user":"101"}},{"verb":"say","text":"over"}]`,
		`[{"verb":"record","background":true},{"verb":"supervise","user":"101","mode":"whisper","wait":"5s","finish_on":"#","switch":{"1":"listen","2":"whisper","9":"barge"}}]`,
		`[{"verb":"stream","to":"wss://x.test/","track":"both","background":true},{"verb":"pickup","user":"101"}]`},
	{`[{"verb":"record","channels":2,"background":true},{"verb":"enqueue","queue":"q","max_wait":"10s"}]`,
		`[{"verb":"record","channels":2,"background":true},{"verb":"detect","what":["beep"],"background":true},{"verb":"dial","to":[{"queue":"q"},{"user":"101"}],"ring_for":"5s"}]`,
		`[{"verb":"stream","to":"wss://x.test/","track":"both","background":true},{"verb":"pickup","queue":"q"},{"verb":"pause","for":"1s"}]`},
	{`[{"verb":"dial","to":{"user":"101"}},{"verb":"say","text":"over"}]`,
		`[{"verb":"supervise","user":"101","mode":"whisper","wait":"5s","finish_on":"#","switch":{"1":"listen","2":"whisper","9":"barge"}}]`,
		`[{"verb":"supervise","call":"call_1","finish_on":"#"},{"verb":"supervise","user":"101","mode":"barge"}]`},
	{`[{"verb":"on","event":"dtmf","do":[{"verb":"park","slot":"7"}]},{"verb":"dial","to":{"user":"101"}},{"verb":"say","text":"after"}]`,
		`[{"verb":"dial","background":true,"to":{"user":"106"}},{"verb":"pickup","slot":"7","next":[{"verb":"say","text":"none"}]}]`,
		`[{"verb":"supervise","user":"101","wait":"10s"}]`},
	{`[{"verb":"dial","background":true,"to":{"user":"101"}},{"verb":"park","return_after":"2s","ring_for":"2s","tries":2,"to":[{"user":"101"},{"user":"106"}]}]`,
		`[{"verb":"answer"},{"verb":"parallel","do":[[{"verb":"dial","to":{"user":"106"}}]]},{"verb":"pause","for":"1s"},{"verb":"conference","room":"r"}]`,
		`[{"verb":"parallel","do":[[{"verb":"conference","room":"r","on":{"1":"/key"}}],[{"verb":"pause","for":"1s"},{"verb":"leave"}]]},{"verb":"play","audio":"x"}]`},
	{`[{"verb":"dial","background":true,"to":{"user":"101"}},{"verb":"enqueue","queue":"q","wait":[{"verb":"dial","to":{"user":"106"},"ring_for":"3s"}],"next":[{"verb":"say","text":"x"}]}]`,
		`[{"verb":"pickup","queue":"q"}]`,
		`[{"verb":"supervise","call":"call_1","mode":"listen","wait":"20s"}]`},
	{`[{"verb":"enqueue","queue":"q","max_wait":"10s"}]`,
		`[{"verb":"enqueue","queue":"p","max_wait":"10s"}]`,
		`[{"verb":"dial","to":[{"queue":"nobody"},{"queue":"p"},{"queue":"q"},{"user":"101"}],"ring_for":"5s"}]`},
	{`[{"verb":"dial","confirm":"1","to":[{"user":"101"},{"user":"105"}],"on":{"answered":[{"verb":"transfer","to":{"user":"106"}}]}},{"verb":"divert","to":{"user":"107"}}]`,
		`[{"verb":"pickup","user":"101"},{"verb":"pickup","user":"106"}]`,
		`[{"verb":"pickup","call":"call_1","next":[{"verb":"supervise","call":"call_1","wait":"9s","mode":"whisper"}]}]`},
	{`[{"verb":"on","event":"held","do":[{"verb":"park","slot":"9","to":{"user":"101"},"return_after":"1s"}]},{"verb":"dial","background":true,"to":{"user":"101"}},{"verb":"divert","to":{"user":"106"},"wrap_up":"2s"},{"verb":"play","audio":"x"}]`,
		`[{"verb":"pickup","user":"106","next":[{"verb":"pickup","slot":"9"}]},{"verb":"conference","room":"r","record":true}]`,
		`[{"verb":"pickup","user":"101"},{"verb":"conference","room":"r","on":{"1":[{"verb":"record","finish_on":"2"}],"2":[{"verb":"dial","to":{"user":"109"}}]}}]`},
}

func town(t testing.TB, scripts []string) *calltest.Town {
	cfg := explorer(t)
	cfg.Presses, cfg.Holds, cfg.Late = 3, 1, 2
	tw := calltest.NewTown(cfg, calltest.Maker{New: verbs.NewCall, Read: verbs.ReadCall})
	for i, script := range scripts {
		in := inbound()
		in.Call.ID, in.Start = fmt.Sprintf("call_%d", i+1), verb.Do{Document: document(t, script)}
		if i > 0 {
			user := fmt.Sprintf("%d", 104+i)
			in.Call.From, in.Call.FromName, in.Call.User = user, "", user
		}
		must(t, tw, tw.Begin(start.Add(time.Duration(i)*time.Second), in))
	}
	return tw
}

func must(t testing.TB, tw *calltest.Town, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%v\nafter:\n%s", err, tw.Trail())
	}
}

// over brings all calls of a town to their end, in an order by the seed.
func over(t testing.TB, tw *calltest.Town, seed uint64) {
	ended := map[string]bool{}
	for step := range 5000 {
		for i, id := range tw.Calls() {
			if !ended[id] && calltest.Pick(seed, step+i, 3) == 0 {
				ended[id] = true
				must(t, tw, tw.Do(calltest.Move{Call: id, Choice: calltest.Choice{Input: call.End{Cause: call.CauseNormal, By: "api"}}}))
			}
		}
		next := tw.Ending()
		if len(next) == 0 && tw.Over() {
			must(t, tw, tw.Left())
			return
		}
		if len(next) > 0 {
			must(t, tw, tw.Do(next[calltest.Pick(seed, step, len(next))]))
		}
	}
	must(t, tw, fmt.Errorf("it does not end: %v", tw.Left()))
}

func TestCallsThatMeetInEveryOrderLeaveNothing(t *testing.T) {
	seen := map[string]int{}
	for seed := range orders(t, 2_500, 1_500) {
		scripts := meetings[seed%uint64(len(meetings))]
		tw := town(t, scripts[:2+calltest.Pick(seed, -3, len(scripts)-1)])
		for step := range 60 {
			next := tw.Next()
			if len(next) == 0 {
				break
			}
			// Half of the time something of the other calls arrives, if there is.
			if mail := tw.Mail(); len(mail) > 0 && calltest.Pick(seed, step+3000, 2) == 0 {
				next = mail
			}
			must(t, tw, tw.Do(next[calltest.Pick(seed, step, len(next))]))
			count(seen, tw.Outs())
			if calltest.Pick(seed, step+5000, 16) == 0 {
				for _, id := range tw.Calls() {
					must(t, tw, tw.Reread(id))
				}
			}
		}
		over(t, tw, seed)
	}
	for _, what := range reached {
		if seen[what] == 0 {
			t.Errorf("%s never happened", what)
		}
	}
}

// TestAllOrdersOfAShortMeeting tries every order of what may happen in two calls from the moment that one lends its leg.
func TestAllOrdersOfAShortMeeting(t *testing.T) {
	for name, scripts := range map[string][]string{
		"pickup":     {`[{"verb":"park","slot":"1","to":{"user":"101"}}]`, `[{"verb":"pickup","slot":"1"}]`},
		"conference": {`[{"verb":"conference","room":"r"}]`, `[{"verb":"conference","room":"r"}]`},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := calltest.Config{Late: 1}
			tw := calltest.NewTown(cfg, calltest.Maker{New: verbs.NewCall, Read: verbs.ReadCall})
			for i, script := range scripts {
				in := inbound()
				in.Call.ID, in.Start = fmt.Sprintf("call_%d", i+1), verb.Do{Document: document(t, script)}
				must(t, tw, tw.Begin(start, in))
			}
			seen := 0
			depth, least := 5, 2_000
			if testing.Short() {
				depth, least = 4, 300
			}
			allMeetings(t, tw, depth, &seen)
			if seen < least {
				t.Errorf("only %d orders", seen)
			}
			t.Logf("%d orders", seen)
		})
	}
}

func allMeetings(t *testing.T, tw *calltest.Town, depth int, seen *int) {
	next := tw.Next()
	if depth == 0 || len(next) == 0 {
		*seen++
		over(t, tw, uint64(*seen))
		return
	}
	for _, m := range next {
		branch, err := tw.Clone()
		must(t, tw, err)
		must(t, branch, branch.Do(m))
		allMeetings(t, branch, depth-1, seen)
	}
}

// reached are what the orders must come to, or they prove little.
var reached = []string{
	"call.parked", "call.unparked returned", "call.unparked picked_up", "call.unparked hangup", "call.unparked no_answer",
	"queue.joined", "queue.left answered", "queue.left left", "queue.left timeout", "queue.left hangup",
	"conference.joined", "conference.left ended", "conference.left hangup", "conference.left finish_key", "conference.left left",
	"conference.left time_limit", "call.supervised", "call.supervised ended",
	"result refused full", "result failed not_found", "result failed taken", "result failed same_call",
}

func count(seen map[string]int, outs []calltest.Out) {
	for _, out := range outs {
		if p, ok := out.Output.(call.Publish); ok {
			switch data := p.Data.(type) {
			case *event.Meeting:
				seen[strings.TrimSpace(p.Type+" "+data.Why)]++
			case *event.Verb:
				if data.Result != nil {
					seen["result "+data.Result.Status+" "+data.Result.Cause]++
				}
			}
		}
	}
}
