package call_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/edge/verbs"
	"github.com/offhook/offhook/schemas/ask"
	"github.com/offhook/offhook/schemas/event"
	"github.com/offhook/offhook/schemas/verb"
)

// line is a call that runs a document, and what it put out.
type line struct {
	*call.Call
	t   *testing.T
	now time.Time
	out []call.Output // of the last step
	all []call.Output
}

func dialIn(t *testing.T, document string) *line {
	var start verb.Do
	if err := json.Unmarshal([]byte(document), &start); err != nil {
		t.Fatal(err)
	}
	l := &line{Call: verbs.NewCall("call_1"), t: t, now: at}
	l.step(call.Begin{Leg: true, Start: start, Call: ask.Call{ID: "call_1", Tenant: "demo", From: "1", To: "100", CreatedAt: at}})
	return l
}

func (l *line) step(in call.Input) []call.Output {
	l.now = l.now.Add(time.Second)
	l.out = l.Step(l.now, in)
	l.all = append(l.all, l.out...)
	return l.out
}

// last gives the last output of its type in the last step.
func last[T call.Output](l *line) T {
	for _, out := range slices.Backward(l.out) {
		if o, ok := out.(T); ok {
			return o
		}
	}
	l.t.Helper()
	l.t.Fatalf("no %T in %+v", *new(T), l.out)
	return *new(T)
}

func (l *line) hangup() event.Hangup {
	l.step(call.LegEnded{Leg: 1, Cause: call.CauseNormal, Remote: true})
	for _, out := range l.all {
		if p, ok := out.(call.Publish); ok && p.Type == event.CallHangup {
			return *p.Data.(*event.Hangup)
		}
	}
	l.t.Helper()
	l.t.Fatalf("no final event: %+v", l.out)
	return event.Hangup{}
}

func (l *line) logged(text string) bool {
	return slices.ContainsFunc(l.all, func(o call.Output) bool {
		line, ok := o.(call.LogLine)
		return ok && strings.Contains(line.Text, text)
	})
}

func TestNothingHappensBeforeBeginNorAfterOver(t *testing.T) {
	l := &line{Call: verbs.NewCall("call_1"), t: t, now: at}
	inputs := []call.Input{call.LegAnswered{Leg: 1}, call.LegEnded{Leg: 1}, call.Digit{Leg: 1, Digit: "1"}, call.TimerFired{Timer: 0},
		call.PlayEnded{Play: 0}, call.AskAnswered{Ask: 0}, call.Resolved{}, call.Replace{}, call.End{}, call.LegHeld{Leg: 1},
		call.LegResumed{Leg: 1}, call.LegProgress{Leg: 1}, nil}
	for _, in := range inputs {
		if out := l.step(in); out != nil || l.Over() {
			t.Errorf("before Begin %T gave %v", in, out)
		}
	}
	l = dialIn(t, `[{"verb":"hangup"}]`)
	l.step(call.LegEnded{Leg: 1})
	if !l.Over() {
		t.Fatal("not over")
	}
	for _, in := range append(inputs, call.Begin{Leg: true}) {
		if out := l.step(in); out != nil {
			t.Errorf("after Over %T gave %v", in, out)
		}
	}
}

func TestInputsThatConcernNothingAreIgnored(t *testing.T) {
	l := dialIn(t, `[{"verb":"answer"},{"verb":"play","audio":"x","loop":-1}]`)
	for _, in := range []call.Input{call.LegAnswered{Leg: 99}, call.LegEnded{Leg: 99}, call.Digit{Leg: 99, Digit: "1"}, call.Digit{Leg: 1, Digit: "12"},
		call.TimerFired{Timer: 99}, call.PlayEnded{Play: 99}, call.AskAnswered{Ask: 99, OK: true}, call.Resolved{Resolve: 99}, call.LegHeld{Leg: 99},
		call.LegResumed{Leg: 1}, call.LegProgress{Leg: 1, Code: 180}, call.Begin{Leg: true}, nil} {
		if out := l.step(in); len(out) > 0 {
			t.Errorf("%T gave %+v", in, out)
		}
	}
}

func TestACallWithoutAPartyEnds(t *testing.T) {
	l := &line{Call: verbs.NewCall("call_1"), t: t, now: at}
	l.step(call.Begin{Start: verb.Do{URL: "http://a/"}})
	if !l.Over() {
		t.Error("it lives")
	}
}

func TestLoopsEnd(t *testing.T) {
	for name, document := range map[string]string{
		"handlers that start each other": `[{"verb":"on","event":"custom.x","do":[{"verb":"emit","type":"y"}]},{"verb":"on","event":"custom.y","do":[{"verb":"emit","type":"x"}]},{"verb":"emit","type":"x"},{"verb":"pause","for":"1s"}]`,
		"a document without end":         `[` + strings.Repeat(`{"verb":"log","text":"x"},`, call.MaxAtOnce) + `{"verb":"pause","for":"1s"}]`,
	} {
		l := dialIn(t, document)
		if got := l.hangup().Cause; got.Reason != "loop_guard" {
			t.Errorf("%s: ended by %+v", name, got)
		}
	}
}

func TestAfterTooManyRedirectsTheFallbackAnswersOnce(t *testing.T) {
	l := dialIn(t, `"http://app.test/"`)
	again := func() {
		l.step(call.AskAnswered{Ask: last[call.AskStart](l).Ask, OK: true, URL: "http://app.test/", Verbs: verb.Document{&verb.Redirect{To: "/again"}}})
	}
	asked := 0
	for ; last[call.AskStart](l).To != "" && asked < 2*call.MaxRedirects; asked++ {
		again()
	}
	if asked != call.MaxRedirects+2 || !l.logged("too_many_redirects") { // the first two ask about the call
		t.Fatalf("the fallback is asked for after %d redirects: %+v", asked, l.out)
	}
	for asked = 0; l.Phase == call.PhaseLive && asked < 2*call.MaxRedirects; asked++ {
		again() // the fallback leads into the same circle
	}
	if got := l.hangup().Cause; got.Reason != "ask_failed" || asked != call.MaxRedirects+1 {
		t.Errorf("ended by %+v after %d more", got, asked)
	}
}

func TestAFallbackThatLeadsNowhereEndsTheCall(t *testing.T) {
	lost := verb.Document{&verb.Redirect{To: "/menu"}}
	waits := append(verb.Document{&verb.Pause{For: verb.Duration(time.Second)}}, lost...)
	l := dialIn(t, `[{"verb":"redirect","to":"/menu"}]`)
	for range 3 { // each time after a verb that took time
		l.step(call.AskAnswered{Ask: last[call.AskStart](l).Ask, OK: true, Source: "fallback", Verbs: waits})
		l.step(call.TimerFired{Timer: last[call.TimerStart](l).Timer})
		if to := last[call.AskStart](l).To; to != "" {
			t.Fatalf("asked %q", to)
		}
	}
	l.step(call.AskAnswered{Ask: last[call.AskStart](l).Ask, OK: true, Source: "fallback", Verbs: lost})
	if got := l.hangup().Cause; got.Reason != "ask_failed" {
		t.Errorf("ended by %+v", got)
	}
}

func TestVariablesAreBounded(t *testing.T) {
	l := dialIn(t, `[{"verb":"set","vars":{"a":"small"}},{"verb":"set","vars":{"a":"`+strings.Repeat("x", call.MaxVarBytes)+`","b":"1"}},{"verb":"log","text":"still {a}"},{"verb":"log","text":"{b}"}]`)
	if !l.logged("still small") || !l.logged("unknown variable {b}") || !l.logged("variables not set") {
		t.Errorf("%+v", l.all)
	}
	l = dialIn(t, `[`+strings.Repeat(`{"verb":"set","vars":{"a":"`+strings.Repeat("x", call.MaxVarBytes*2/3)+`"}},`, 5)+`{"verb":"log","text":"replaced"}]`)
	if l.logged("variables not set") {
		t.Error("a variable that is replaced was counted twice")
	}
}

func TestWaitingDigitsAreBounded(t *testing.T) {
	l := dialIn(t, `[{"verb":"answer"},{"verb":"play","audio":"x"},{"verb":"gather","finish_on":"#"},{"verb":"log","text":"{digits}"}]`)
	play := last[call.PlayStart](l).Play
	for i := range call.MaxDigits + 5 {
		l.step(call.Digit{Leg: 1, Digit: fmt.Sprint(i % 10)})
	}
	l.step(call.PlayEnded{Play: play})
	want := strings.Repeat("0123456789", call.MaxDigits/10) + "01234567"
	if !l.logged(want) || l.logged(want+"8") || !l.logged("digit dropped") {
		t.Error("the first digits were not kept")
	}
}

func TestStrandsAndHandlersAreBounded(t *testing.T) {
	branch := `[{"verb":"pause","for":"60s"}]`
	l := dialIn(t, `[{"verb":"parallel","do":[`+strings.Repeat(branch+",", call.MaxStrands)+branch+`]},{"verb":"log","text":"{result.error}"},{"verb":"pause","for":"1s"}]`)
	if !l.logged("too many strands") || len(l.Strands) > call.MaxStrands {
		t.Errorf("%d strands", len(l.Strands))
	}
	l = dialIn(t, `[`+strings.Repeat(`{"verb":"on","event":"held","do":[]},`, call.MaxHandlers+1)+`{"verb":"log","text":"{result.status}"},{"verb":"pause","for":"1s"}]`)
	if !l.logged("failed") || len(l.Handlers) != call.MaxHandlers {
		t.Errorf("%d handlers", len(l.Handlers))
	}
}

func TestDocumentsInsideEachOtherAreBounded(t *testing.T) {
	l := dialIn(t, `[{"verb":"gather","max_digits":1,"on":{"1":"/deeper"}},{"verb":"log","text":"left"}]`)
	deeper := doc
	if err := json.Unmarshal([]byte(`[{"verb":"gather","max_digits":1,"on":{"1":"http://app.test/deeper"}},{"verb":"log","text":"left"}]`), &deeper); err != nil {
		t.Fatal(err)
	}
	l.step(call.Replace{Document: deeper})
	for range call.MaxFrames + 2 {
		if l.Phase != call.PhaseLive {
			break
		}
		l.step(call.Digit{Leg: 1, Digit: "1"})
		l.step(call.AskAnswered{Ask: last[call.AskStart](l).Ask, OK: true, URL: "http://app.test/", Verbs: deeper})
	}
	if got := l.hangup().Cause; got.Reason != "loop_guard" {
		t.Errorf("ended by %+v", got)
	}
}

func TestAVerbThatIsNotInTheTableFailsAndTheScriptGoesOn(t *testing.T) {
	registry := call.Registry{"log": verbs.Registry["log"]}
	c := call.New("call_1", registry)
	outs := c.Step(at, call.Begin{Leg: true, Start: verb.Do{Document: verb.Document{&verb.Answer{}, &verb.Log{Text: "{result.cause}"}}}})
	if !slices.Contains(outs, call.Output(call.LogLine{Level: "info", Text: "unknown_verb"})) {
		t.Errorf("%+v", outs)
	}
}

func TestStateThatIsNoneIsRefused(t *testing.T) {
	l := dialIn(t, `[{"verb":"play","audio":"x"}]`)
	raw, err := json.Marshal(l.Call)
	if err != nil {
		t.Fatal(err)
	}
	for _, broken := range []string{`[]`, strings.Replace(string(raw), `"verb":"play"`, `"verb":"nosuch"`, 1), strings.Replace(string(raw), `"audio":"x"`, `"audio":7`, 1)} {
		if _, err := verbs.ReadCall([]byte(broken)); err == nil {
			t.Errorf("read: %s", broken)
		}
	}
}

func TestWhatIsPutOutIsNotChangedByLaterSteps(t *testing.T) {
	l := dialIn(t, `[{"verb":"set","vars":{"a":"1"}},{"verb":"redirect","to":"http://app.test/"}]`)
	vars := last[call.AskStart](l).Payload.Vars
	l.step(call.AskAnswered{Ask: last[call.AskStart](l).Ask, OK: true, URL: "http://app.test/", Vars: map[string]any{"a": "2", "b": "3"}})
	if len(vars) != 1 || vars["a"] != "1" {
		t.Errorf("the ask's variables became %v", vars)
	}
}
