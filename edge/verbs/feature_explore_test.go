package verbs_test

import (
	"testing"

	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/edge/call/calltest"
	"github.com/offhook/offhook/schemas/verb"
)

// featureScripts bring the caller together with a user, by what else may go on in a call.
var featureScripts = []string{
	`[{"verb":"dial","to":{"user":"101"},"on":{"hangup":[{"verb":"say","text":"Gone."}]}},{"verb":"dial","to":{"user":"105"}}]`,
	`[{"verb":"answer"},{"verb":"hold"},{"verb":"dial","to":{"user":"101"},"on":{"answered":[{"verb":"unhold"},{"verb":"gather","max_digits":1}]}},{"verb":"pause","for":"1m"}]`,
	`[{"verb":"answer"},{"verb":"record","background":true},{"verb":"play","audio":"waltz","loop":-1,"background":true},{"verb":"dial","background":true,"to":{"user":"101"}},{"verb":"gather","max_digits":1},{"verb":"pause","for":"1m"}]`,
	`[{"verb":"dial","to":{"user":"106"},"time_limit":"30s"},{"verb":"say","text":"Over."}]`,
	`[{"verb":"say","text":"The user is away."},{"verb":"hangup"}]`,
	`[]`,
}

// featureExplorer is a world in which nearly every key is a feature code.
func featureExplorer(t testing.TB) calltest.Config {
	cfg := explorer(t)
	var answers []call.AskAnswered
	for _, text := range featureScripts {
		doc := document(t, text)
		answers = append(answers, call.AskAnswered{OK: true, Source: "function", URL: "fn:router", Attempts: 1, Verbs: doc, Empty: len(doc) == 0})
	}
	cfg.Answers = func(call.AskStart) []call.AskAnswered { return answers }
	cfg.Digits, cfg.Presses, cfg.Parties = []string{"1", "2", "*", "#"}, 12, 3
	return cfg
}

func featureBegin(t testing.TB, seed uint64) call.Begin {
	in := inbound()
	in.Settings = call.Settings{Blind: "2", Attended: "1", Park: "*2", Record: "*1"}
	if seed%2 == 0 {
		in.Call.User, in.Call.From = "105", "105"
	}
	in.Start = verb.Do{Document: document(t, featureScripts[seed/2%4])}
	return in
}

// happens has the first choice come true that fits.
func (e *explored) happens(fits func(in call.Input) bool) {
	for _, c := range e.world.Next() {
		if fits(c.Input) {
			e.step(c)
			return
		}
	}
	e.t.Fatalf("it can't happen after %v", e.trail)
}

func is[T call.Input](in call.Input) bool {
	_, ok := in.(T)
	return ok
}

// consults brings a call to where its user speaks with somebody else and the other party waits.
func (e *explored) consults(user int) {
	e.happens(is[call.Resolved])
	e.happens(func(in call.Input) bool { a, ok := in.(call.LegAnswered); return ok && a.Leg != 1 })
	e.happens(is[call.LegAnswered])
	for _, key := range []string{"1", "2", "#"} { // the code and a number
		e.happens(func(in call.Input) bool {
			d, ok := in.(call.Digit)
			return ok && d.Digit == key && (d.Leg == 1) == (user == 1)
		})
	}
	e.happens(is[call.AskAnswered])
	e.happens(is[call.Resolved])
	e.happens(is[call.LegAnswered])
}

func TestEveryOrderOfAConsultEndsWithNothingHeld(t *testing.T) {
	for seed := range orders(t, 2_000, 700) {
		begin := featureBegin(t, seed)
		begin.Start = verb.Do{Document: document(t, featureScripts[0])}
		e := exploreWorld(t, begin, featureExplorer(t))
		if seed%2 == 0 {
			e.consults(1)
		} else {
			e.consults(2)
		}
		e.walk(seed, func(step int) {
			if calltest.Pick(seed, step+5000, 16) == 0 {
				e.reread()
			}
		})
	}
}

func TestEveryOrderOfFeatureCodesEndsWithNothingHeld(t *testing.T) {
	for seed := range orders(t, 2_500, 1_000) {
		e := exploreWorld(t, featureBegin(t, seed), featureExplorer(t))
		e.walk(seed, func(step int) {
			if calltest.Pick(seed, step+5000, 16) == 0 {
				e.reread()
			}
		})
	}
}
