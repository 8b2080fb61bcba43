package verbs_test

import (
	"cmp"
	"fmt"
	"testing"

	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/edge/call/calltest"
	"github.com/offhook/offhook/edge/verbs"
	"github.com/offhook/offhook/schemas/event"
	"github.com/offhook/offhook/schemas/verb"
)

// handing are scripts that hand the call on, and that others hand on.
var handing = []string{
	`[{"verb":"dial","confirm":"1","to":[{"user":"101"},{"user":"105","confirm":[{"verb":"say","text":"Acme."},{"verb":"gather","max_digits":1,"on":{"2":[{"verb":"hangup"}]}}]}],"ringback":"waltz","on":{"refused":[{"verb":"log","text":"{result.cause}"}]},"next":"/after"},{"verb":"dial","answer":"at_once","early_media":"ignore","to":{"user":"106"},"confirm":[{"verb":"dial","to":{"user":"107"}},{"verb":"transfer","to":{"user":"107"}}]}]`,
	`[{"verb":"parallel","do":[[{"verb":"play","audio":"waltz"},{"verb":"divert","to":{"user":"106"},"wrap_up":"5s"},{"verb":"say","text":"wrap"}],[{"verb":"dial","background":true,"to":{"user":"107"},"confirm":"1"}]]},{"verb":"ring","early_media":true},{"verb":"divert","to":[{"user":"101"},{"user":"105"}],"next":[{"verb":"say","text":"refused"},{"verb":"email","to":"a@b.test","text":"{result.status}"},{"verb":"pause","for":"40s"}],"on":{"hangup":[{"verb":"log","text":"over"}]}},{"verb":"transfer","to":{"user":"101"}}]`,
	`[{"verb":"on","event":"held","do":[{"verb":"transfer","to":{"user":"106"},"ring_for":"5s"},{"verb":"log","text":"{result.status}"}]},{"verb":"on","event":"replaced","do":[{"verb":"emit","type":"taken"}]},{"verb":"answer"},{"verb":"transfer","to":{"user":"107"},"on":{"busy":[{"verb":"say","text":"Busy."}]}},{"verb":"dial","to":{"user":"101"},"on":{"answered":[{"verb":"dial","background":true,"to":{"user":"105"}},{"verb":"transfer","to":[{"user":"107"},{"user":"108"}],"ring":"in_order"}]}},{"verb":"say","text":"back"},{"verb":"refer","to":"sip:105@example.org","timeout":"5s"},{"verb":"dial","to":{"user":"101"},"on":{"answered":[{"verb":"refer","party":"agent","to":"sip:x@example.org"}]}}]`,
	`[{"verb":"gather","max_digits":1,"prompt":[{"verb":"transfer","to":{"user":"105"}},{"verb":"divert","to":{"user":"106"}}]},{"verb":"pause","for":"9s"}]`,
	`[{"verb":"dial","to":{"user":"105"},"on":{"busy":[{"verb":"reject","status":486}],"no_answer":[{"verb":"reject","status":480}]}}]`,
}

// handedOn counts how handing a call on went.
func handedOn(seen map[string]int, outs []call.Output) {
	for _, out := range outs {
		switch o := out.(type) {
		case call.LegNotify:
			seen[fmt.Sprintf("notify %d", o.Code)]++
		case call.Publish:
			switch data := o.Data.(type) {
			case *event.Transfer:
				seen[data.Kind+" "+data.Status]++
			case *event.Verb:
				if data.Result != nil {
					seen[data.Verb+" "+data.Result.Status+" "+cmp.Or(data.Result.Cause, data.Result.Error)]++
				}
			}
		}
	}
}

// reachedAlone are what the orders must come to, or they prove little.
var reachedAlone = []string{
	"blind started", "blind answered", "blind failed", "divert started", "divert answered", "divert failed", "redirect started",
	"refer started", "refer answered", "refer failed", "notify 100", "notify 180", "notify 200", "notify 491", "notify 603", "dial cancelled completed_elsewhere",
	"dial refused not_confirmed", "say failed wrap_up", "play cancelled replaced", "dial answered replaced", "dial answered transferred",
	"transfer answered hangup", "transfer busy busy", "divert no_answer no_answer", "refer refused declined", "refer timeout response_timeout",
}

func TestEveryOrderOfHandingOnEndsWithNothingHeld(t *testing.T) {
	cfg := explorer(t)
	var answers []call.AskAnswered
	for _, text := range handing {
		answers = append(answers, call.AskAnswered{OK: true, Source: "function", URL: "fn:router", Attempts: 1, Verbs: document(t, text)})
	}
	cfg.Answers = func(call.AskStart) []call.AskAnswered { return answers }
	seen := map[string]int{}
	for seed := range orders(t, 2_500, 2_000) {
		in := inbound()
		in.Start = verb.Do{Document: document(t, handing[seed%uint64(len(handing))])}
		e := &explored{t: t, call: verbs.NewCall("call_1"), world: calltest.New(cfg), now: start, seen: seen}
		e.step(calltest.Choice{Input: in})
		e.walk(seed, func(step int) {
			if calltest.Pick(seed, step+5000, 16) == 0 {
				e.reread()
			}
		})
	}
	for _, what := range reachedAlone {
		if seen[what] == 0 {
			t.Errorf("%s never happened", what)
		}
	}
}
