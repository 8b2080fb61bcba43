package call_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/schemas/ask"
	"github.com/offhook/offhook/schemas/event"
	"github.com/offhook/offhook/schemas/verb"
)

var at = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

var doc = verb.Document{&verb.Say{Text: "Hello."}, &verb.Hangup{}}

func TestInputsSurviveJSON(t *testing.T) {
	for _, in := range []call.Input{
		call.Begin{Call: ask.Call{ID: "call_1", Headers: map[string]string{"X-A": "1"}, CreatedAt: at}, Leg: true, Start: verb.Do{Document: doc}, Base: "http://a/", Vars: map[string]any{"a": "b"}},
		call.Begin{To: &verb.Target{User: "101"}, Start: verb.Do{URL: "fn:router"}},
		call.LegProgress{Leg: 2, Code: 183, Phrase: "Progress", EarlyMedia: true},
		call.LegAnswered{Leg: 2}, call.LegHeld{Leg: 2}, call.LegResumed{Leg: 2},
		call.LegEnded{Leg: 2, Cause: call.CauseOf(486, "Busy"), Remote: true, Media: &event.Media{Codec: "PCMU", Lost: 3}},
		call.Digit{Leg: 1, Digit: "#", Method: "info", DurationMS: 90},
		call.PlayEnded{Play: 3, Error: "no", PositionMS: 20}, call.PlayFailed{Play: 3, Audio: "a", Code: "not_found", Error: "no", Fallback: true}, call.TimerFired{Timer: 4},
		call.AskAnswered{Ask: 5, OK: true, Verbs: doc, Vars: map[string]any{"n": 1.5}, State: json.RawMessage(`{"a":1}`),
			Failures: []call.AskFailure{{URL: "u", Code: "timeout", Faults: []event.Fault{{Code: "c", Pointer: "/0"}}}}},
		call.Resolved{Resolve: 6, Destinations: []call.Destination{{URI: "sip:a", Via: "udp:1.2.3.4:5060", Route: []string{"<sip:p>"}}}, RingForMS: 5},
		call.Replace{Document: doc, Base: "http://a/"}, call.End{Cause: call.CauseNormal, By: "api"},
	} {
		raw, err := call.MarshalInput(in)
		if err != nil {
			t.Fatal(err)
		}
		got, err := call.UnmarshalInput(raw)
		if err != nil || !reflect.DeepEqual(got, in) {
			t.Errorf("%s came back as %+v (%v)", raw, got, err)
		}
	}
}

func TestOutputsSurviveJSON(t *testing.T) {
	base := event.Base{CallID: "call_1", Tenant: "demo", Seq: 3, At: at}
	outs := []call.Output{
		call.LegRing{Leg: 1, EarlyMedia: true}, call.LegAnswer{Leg: 1}, call.LegEnd{Leg: 1, Cause: call.CauseBusy},
		call.LegInvite{Leg: 2, Destination: call.Destination{URI: "sip:a"}, CallerID: "1", Headers: map[string]string{"X": "y"}},
		call.SetMix{Mix: call.Mix{{From: 1, To: 2, Gain: 0.5}}}, call.PlayStart{Play: 3, Audio: verb.Audios{{Name: "a"}, {Name: "b"}}, Loop: -1, From: time.Second, Until: time.Minute, Fallback: &verb.Audio{Name: "c"}},
		call.PlayStop{Play: 3}, call.PlayPause{Play: 3, Paused: true}, call.PlaySeek{Play: 3, To: -time.Second, By: true},
		call.Prepare{Audio: verb.Audios{{Say: &verb.Say{Text: "a"}}}}, call.TimerStart{Timer: 4, After: time.Second}, call.TimerStop{Timer: 4},
		call.AskStart{Ask: 5, To: "http://a/", Payload: ask.Ask{ID: "call_1.5", Reason: "call", Event: json.RawMessage(`{"a":1}`), State: json.RawMessage(`null`), Vars: map[string]any{}}},
		call.AskStop{Ask: 5}, call.Resolve{Resolve: 6, Target: verb.Target{User: "101"}}, call.LogLine{Level: "info", Text: "x"}, call.Over{},
	}
	for typ, data := range map[string]call.Data{
		event.CallRinging: &event.Call{Base: base, From: "1"}, event.CallHangup: &event.Hangup{Base: base, Cause: call.CauseNormal, Legs: []event.LegEnd{}},
		event.CallBridged: &event.Leg{Base: base, Leg: 2, With: 1}, event.LegBusy: &event.Leg{Base: base, SIP: &ask.SIPStatus{Code: 486}},
		event.VerbEnded:    &event.Verb{Base: base, Verb: "say", Result: &ask.Result{Status: "done"}},
		event.DTMFReceived: &event.DTMF{Base: base, Digit: "1"}, event.AskFailed: &event.Asked{Base: base, Code: "timeout"},
		event.AudioFailed:    &event.Audio{Base: base, Audio: "a", Code: "not_found", Error: "no"},
		event.EmailRequested: &event.Email{Base: base, To: []string{"a@b"}}, "custom.x": &event.Custom{Base: base, Data: map[string]any{"a": "b"}},
	} {
		outs = append(outs, call.Publish{Type: typ, Data: data})
	}
	for _, out := range outs {
		raw, err := call.MarshalOutput(out)
		if err != nil {
			t.Fatal(err)
		}
		got, err := call.UnmarshalOutput(raw)
		if err != nil || !reflect.DeepEqual(got, out) {
			t.Errorf("%s came back as %+v (%v)", raw, got, err)
		}
	}
}

func TestRecordingsThatAreNoneAreRefused(t *testing.T) {
	for raw, want := range map[string]string{
		`{`: "unexpected end", `{}`: "one name", `{"digit":{},"end":{}}`: "one name", `{"nosuch":{}}`: "unknown kind",
		`{"digit":{"leg":"x"}}`: "digit:",
	} {
		if _, err := call.UnmarshalInput([]byte(raw)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", raw, err)
		}
	}
	if _, err := call.UnmarshalOutput([]byte(`{"publish":{"type":"nosuch","data":{}}}`)); err == nil {
		t.Error("an unknown event was read")
	}
}
