package calltest

import (
	"testing"
	"time"

	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/schemas/event"
)

var now = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

func publish(typ string, seq int64) call.Publish {
	data := &event.Custom{}
	data.Base = event.Base{CallID: "c", Seq: seq, At: now}
	return call.Publish{Type: typ, Data: data}
}

func rung() *World {
	w := New(Config{})
	w.Happens(call.Begin{Leg: true})
	return w
}

// Each of these breaks a rule with its last output, and only there.
func TestBrokenRulesAreSeen(t *testing.T) {
	first, over := publish(event.CallRinging, 1), publish(event.CallHangup, 2)
	for name, outs := range map[string][]call.Output{
		"a hole in seq":            {first, publish("custom.x", 3)},
		"first event another":      {publish("custom.x", 1)},
		"ringing twice":            {first, publish(event.CallRinging, 2)},
		"an event after hangup":    {first, over, publish("custom.x", 3)},
		"over without hangup":      {first, call.Over{}},
		"over with a leg":          {first, over, call.Over{}},
		"answered twice":           {call.LegAnswer{Leg: 1}, call.LegAnswer{Leg: 1}},
		"answered after its end":   {call.LegEnd{Leg: 1}, call.LegAnswer{Leg: 1}},
		"rings after its end":      {call.LegEnd{Leg: 1}, call.LegRing{Leg: 1}},
		"ended twice":              {call.LegEnd{Leg: 1}, call.LegEnd{Leg: 1}},
		"unknown leg":              {call.LegEnd{Leg: 7}},
		"a number twice":           {call.TimerStart{Timer: 2, After: 1}, call.PlayStart{Play: 2}},
		"stop of what is not":      {call.PlayStop{Play: 2}},
		"nothing to prepare":       {call.Prepare{}},
		"pause of what is not":     {call.PlayPause{Play: 2, Paused: true}},
		"paused twice":             {call.PlayStart{Play: 2}, call.PlayPause{Play: 2, Paused: true}, call.PlayPause{Play: 2, Paused: true}},
		"resumed and not paused":   {call.PlayStart{Play: 2}, call.PlayPause{Play: 2}},
		"move of what is not":      {call.PlaySeek{Play: 2}},
		"what pauses is heard":     {call.LegAnswer{Leg: 1}, call.PlayStart{Play: 2}, call.PlayPause{Play: 2, Paused: true}, call.SetMix{Mix: call.Mix{{From: 2, To: 1}}}},
		"timer without time":       {call.TimerStart{Timer: 2}},
		"the same mix":             {call.SetMix{}},
		"mix of a leg that is not": {call.LegAnswer{Leg: 1}, call.SetMix{Mix: call.Mix{{From: 9, To: 1}}}},
		"hears itself":             {call.LegAnswer{Leg: 1}, call.SetMix{Mix: call.Mix{{From: 1, To: 1}}}},
	} {
		w := rung()
		err := w.Did(now, outs)
		if err == nil {
			t.Errorf("%s: not seen", name)
		}
		w = rung()
		w.timers = []timer{{n: 0}} // not stuck
		if err := w.Did(now, outs[:len(outs)-1]); err != nil && name != "mix of a leg that is not" {
			t.Errorf("%s: seen too early: %v", name, err)
		}
	}
}

func TestAStuckCallIsSeen(t *testing.T) {
	w := rung()
	if err := w.Did(now, nil); err == nil {
		t.Error("a call with nothing outstanding was taken for well")
	}
}

func TestAnAnswerThatCrossedMustBeEndedAgain(t *testing.T) {
	w := rung()
	if err := w.Did(now, []call.Output{call.LegInvite{Leg: 2}, call.LegEnd{Leg: 2}}); err != nil {
		t.Fatal(err)
	}
	w.Happens(call.LegAnswered{Leg: 2})
	if err := w.Clone().Did(now, nil); err == nil {
		t.Error("not seen")
	}
	if err := w.Did(now, []call.Output{call.LegEnd{Leg: 2}}); err != nil {
		t.Error(err)
	}
}

func TestAThirdPartyLeftStandingIsSeen(t *testing.T) {
	w := rung()
	w.mix = call.Mix{}
	w.legs = append(w.legs, leg{n: 2, answered: true}, leg{n: 3, answered: true})
	w.legs[0].answered = true
	if err := w.Did(now, nil); err == nil {
		t.Error("not seen")
	}
}

func TestPickIsEvenAndRepeats(t *testing.T) {
	var seen [7]int
	for seed := range uint64(1000) {
		for step := range 7 {
			n := Pick(seed, step, 7)
			if n != Pick(seed, step, 7) {
				t.Fatal("not the same twice")
			}
			seen[n]++
		}
	}
	for i, n := range seen {
		if n < 850 || n > 1150 {
			t.Errorf("%d was picked %d times of 7000", i, n)
		}
	}
}
