package console_test

import (
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/offhook/offhook/edge/console"
	"github.com/offhook/offhook/schemas"
)

// golden is an event of every type and how it reads.
var golden = []struct{ kind, data, want string }{
	{"call.ringing", `{"from":"+371","to":"100","trunk":"local"}`, "+371 → 100 · by trunk local"},
	{"call.ringing", `{"from":"101","to":"105","user":"101"}`, "101 → 105 · by user 101"},
	{"call.answered", `{}`, ""},
	{"call.bridged", `{"agent_number":"101","agent_name":"Ilze"}`, "agent 101 · Ilze"},
	{"call.held", `{"by":"agent","agent_number":"101"}`, "by agent · agent 101"},
	{"call.resumed", `{"by":"caller"}`, "by caller"},
	{"call.hangup", `{"by":"caller","cause":{"reason":"media_timeout"},"duration_ms":61250}`, "by caller · media timeout · 1m1.3s"},
	{"leg.ringing", `{"leg":2,"target":"user:101"}`, "leg 2 · user:101"},
	{"leg.early_media", `{"leg":2,"target":"user:101"}`, "leg 2 · user:101"},
	{"leg.answered", `{"leg":2,"target":"user:101"}`, "leg 2 · user:101"},
	{"leg.no_answer", `{"leg":2,"target":"user:101","sip":{"code":480,"phrase":"Away"},"cause":{"reason":"no_answer"}}`, "leg 2 · user:101 · 480 · Away · no answer"},
	{"leg.busy", `{"leg":2,"sip":{"code":486},"cause":{"reason":"busy"}}`, "leg 2 · 486 · busy"},
	{"leg.timeout", `{"leg":2,"cause":{"reason":"response_timeout"}}`, "leg 2 · response timeout"},
	{"leg.failed", `{"leg":2,"cause":{"reason":"transport"}}`, "leg 2 · transport"},
	{"leg.held", `{"leg":2}`, "leg 2"},
	{"leg.resumed", `{"leg":2}`, "leg 2"},
	{"leg.hangup", `{"leg":2,"cause":{"reason":"completed_elsewhere"}}`, "leg 2 · completed elsewhere"},
	{"verb.started", `{"verb":"gather"}`, "gather"},
	{"verb.ended", `{"verb":"gather","result":{"status":"done","digits":"12"}}`, "gather · done · “12”"},
	{"verb.ended", `{"verb":"dial","result":{"status":"failed","cause":"unknown_gateway"}}`, "dial · failed · unknown gateway"},
	{"verb.ended", `{"verb":"play","result":{"status":"failed","error":"no sample"}}`, "play · failed · no sample"},
	{"verb.ended", `{"verb":"dial","result":{"status":"failed","cause":"not_registered"}}`, "dial · failed · not registered"},
	{"verb.ended", `{"verb":"say","result":{"status":"cancelled","cause":"cancelled"}}`, "say · cancelled"},
	{"verb.ended", `{"verb":"hangup","result":{"status":"done","cause":"hangup"}}`, "hangup · done"},
	{"verb.ended", `{"verb":"log","result":{"status":"done"},"level":"warn","text":"caller chose 1"}`, "log · done · caller chose 1"},
	{"dtmf.received", `{"digit":"5","leg":1,"method":"info"}`, "5 · leg 1 · info"},
	{"ask.answered", `{"reason":"call","url":"fn:router","source":"url","status":200,"took_ms":3}`, "call · fn:router · status 200 · 3 ms"},
	{"ask.answered", `{"reason":"call","url":"http://h/","source":"fallback","took_ms":3}`, "call · http://h/ · fallback · 3 ms"},
	{"ask.failed", `{"reason":"call","url":"http://h/","took_ms":5000,"code":"timeout","detail":"no answer"}`, "call · http://h/ · 5000 ms · timeout · no answer"},
	{"ask.failed", `{"reason":"next","code":"bad_document","took_ms":1,"faults":[{"code":"bad_duration","pointer":"/4/ring_for","line":9,"expected":"a duration","found":"\"x\"","hint":"write 20s"}]}`,
		"next · 1 ms · bad_document\n    bad_duration at /4/ring_for (line 9): expected a duration, found \"x\"; write 20s"},
	{"ask.failed", `{"reason":"call","code":"bad_document","took_ms":1,"faults":[{"code":"wrong_type","pointer":"","line":1,"expected":"a document","found":"null"}]}`,
		"call · 1 ms · bad_document\n    wrong_type at / (line 1): expected a document, found null"},
	{"email.requested", `{"to":["a@x.test"],"subject":"On hold"}`, "to a@x.test · “On hold”"},
	{"user.registered", `{"user":"101","contact":"sip:101@h"}`, "101 · sip:101@h"},
	{"user.unregistered", `{"user":"101","contact":"sip:101@h","reason":"expired"}`, "101 · sip:101@h · expired"},
	{"user.messages", `{"user":"101","new":2,"old":5}`, "101 · new 2 · old 5"},
	{"call.replaced", `{"leg":2,"agent_number":"101","agent_name":"Ilze"}`, "agent 101 · Ilze"},
	{"call.parked", `{"leg":1,"name":"701","by":"101"}`, "701 · by 101"},
	{"call.unparked", `{"leg":1,"name":"701","by":"105","with_call":"call_2","waited_ms":4200,"why":"picked_up"}`, "701 · by 105 · picked up · after 4.2s · with call_2"},
	{"call.picked_up", `{"leg":3,"name":"101","by":"105","with_call":"call_2"}`, "101 · by 105 · with call_2"},
	{"call.supervised", `{"leg":3,"mode":"whisper","by":"106","with_call":"call_2"}`, "whisper · by 106 · with call_2"},
	{"call.transferred", `{"leg":2,"kind":"blind","by":"101","to":"105","status":"no_answer","cause":{"reason":"no_answer"}}`, "blind · to 105 · by 101 · no answer · no answer"},
	{"call.tagged", `{"tags":{"reason":"invoice","campaign":"spring"}}`, "campaign=spring · reason=invoice"},
	{"queue.joined", `{"leg":1,"name":"sales","position":2,"size":2}`, "sales · place 2"},
	{"queue.left", `{"leg":1,"name":"sales","waited_ms":61000,"why":"answered","by":"101"}`, "sales · by 101 · answered · after 1m1s"},
	{"conference.joined", `{"leg":1,"name":"board","mode":"speaking","size":3}`, "board · speaking · now 3"},
	{"conference.left", `{"leg":1,"name":"board","size":2,"why":"hangup"}`, "board · now 2 · hangup"},
	{"recording.started", `{"recording":"call_1-7","verb_id":"whole","of":"call","channels":2}`, "of call · by whole"},
	{"audio.failed", `{"verb":"play","audio":"nosuch","code":"not_found","error":"no such sound"}`, "play · nosuch · no such sound"},
	{"recording.paused", `{"recording":"call_1-7","of":"call"}`, "of call"},
	{"recording.resumed", `{"recording":"call_1-7","of":"call"}`, "of call"},
	{"recording.stored", `{"recording":"call_1-7","of":"agent","duration_ms":8200,"location":"demo/x.wav","why":"time_limit"}`, "of agent · 8.2s · ended by time limit · demo/x.wav"},
	{"stream.started", `{"stream":"call_1-7","verb_id":"words","to":"wss://a.test/","mode":"listen","track":"both"}`, "listen · both · to wss://a.test/ · by words"},
	{"stream.ended", `{"stream":"call_1-7","to":"wss://a.test/","mode":"talk","track":"caller","why":"finish_key","duration_ms":8200,"dropped":3}`, "talk · caller · to wss://a.test/ · 8.2s · ended by finish key · dropped 3"},
	{"stream.failed", `{"stream":"call_1-7","to":"wss://a.test/","mode":"talk","track":"caller","why":"failed","error":"connection refused"}`, "talk · caller · to wss://a.test/ · connection refused"},
	{"recording.failed", `{"recording":"call_1-7","of":"call","error":"no space left on device"}`, "of call · no space left on device"},
	{"leg.human", `{"leg":2,"confidence":0.8,"after_ms":2100,"duration_ms":900}`, "leg 2 · 900ms · confidence 0.8"},
	{"leg.machine", `{"leg":2,"verb_id":"who","confidence":0.9,"after_ms":5600,"duration_ms":4800}`, "leg 2 · by who · 4.8s · confidence 0.9"},
	{"leg.fax", `{"leg":1,"confidence":1,"after_ms":700,"hz":1100}`, "leg 1 · 1100 Hz · confidence 1"},
	{"leg.beep", `{"leg":2,"confidence":0.9,"after_ms":6800,"duration_ms":400,"hz":1000}`, "leg 2 · 400ms · 1000 Hz · confidence 0.9"},
	{"leg.busy_tone", `{"leg":2,"confidence":0.9,"after_ms":2300,"hz":425}`, "leg 2 · 425 Hz · confidence 0.9"},
	{"leg.silence", `{"leg":1,"confidence":1,"after_ms":2000,"duration_ms":2000}`, "leg 1 · 2s · confidence 1"},
	{"custom.order", `{"data":{"x":1}}`, ""},
	{"call.ringing", `no json`, "malformed data"},
}

func TestEventsInWords(t *testing.T) {
	for _, c := range golden {
		l := console.Describe(delivered("call_1", c.kind, c.data))
		if l.Text != c.want || l.Type != c.kind || l.Call != "call_1" {
			t.Errorf("%s: %q, want %q", c.kind, l.Text, c.want)
		}
		if bad := strings.HasSuffix(c.kind, ".failed") || c.data == "no json"; l.Bad != bad {
			t.Errorf("%s: bad is %v", c.kind, l.Bad)
		}
	}
}

func TestEveryEventOfTheSchemasHasItsWords(t *testing.T) {
	files, err := fs.Glob(schemas.Files, "event/*.*.json")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d events: %v", len(files), err)
	}
	for _, file := range files {
		kind := strings.TrimSuffix(strings.TrimPrefix(file, "event/"), ".json")
		if !slices.ContainsFunc(golden, func(c struct{ kind, data, want string }) bool { return c.kind == kind }) {
			t.Errorf("%s has no line above", kind)
		}
	}
}

func TestNoControlCharacterOfACallerReachesATerminal(t *testing.T) {
	for _, c := range []struct{ kind, data string }{
		{"call.ringing", `{"from":"\u001b[2J\u0007evil\r\nforged \u202e line","to":"100\u009b31m"}`},
		{"ask.failed", `{"detail":"\u001b]0;x\u0007","code":"x","faults":[{"found":"\u001b[2J","expected":"\n","hint":"\r"}]}`},
		{"email.requested", `{"to":["\u001b"],"subject":"\n\n"}`},
	} {
		text := console.Describe(delivered("call_1", c.kind, c.data)).Text
		if strings.ContainsAny(strings.ReplaceAll(text, "\n    ", ""), "\x1b\x07\r\n\u009b\u202e") {
			t.Errorf("%s: %q", c.kind, text)
		}
	}
}
