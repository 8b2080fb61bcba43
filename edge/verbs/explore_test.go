package verbs_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/edge/call/calltest"
	"github.com/offhook/offhook/edge/verbs"
	"github.com/offhook/offhook/schemas/verb"
)

// scripts are what the explored calls run; each also answers the asks of the others.
var scripts = append([]string{
	`[{"verb":"answer"},{"verb":"play","audio":"welcome"},{"verb":"gather","max_digits":2,"finish_on":"#","tries":2,"prompt":[{"verb":"say","text":"Press."},{"verb":"pause","for":"1s"}],"on":{"1":[{"verb":"say","text":"One."}],"2":"/two","no_input":[{"verb":"log","text":"none"}],"bad_input":"/bad"},"next":"/menu"},{"verb":"hangup"}]`,
	`[{"verb":"dial","to":[{"user":"101","on":{"busy":[{"verb":"log","text":"101 is busy"}],"ringing":"/rings"}},{"user":"105"}],"ring_for":"20s","on":{"no_answer":[{"verb":"say","text":"Nobody is free."}],"busy":"/busy","answered":[{"verb":"emit","type":"got"}],"hangup":"/over"},"next":"/after"}]`,
	`[{"verb":"on","event":"held","do":[{"verb":"email","to":"boss@acme.test","subject":"Hold","text":"{agent_name} held {caller_number}, {event.by}"}]},{"verb":"on","event":"hangup","do":[{"verb":"pause","for":"2s"},{"verb":"email","to":"a@b.test","text":"{event.cause.reason}"},{"verb":"redirect","to":"/wrapped"}]},{"verb":"answer"},{"verb":"dial","to":{"user":"101"},"time_limit":"60s","ringback":"tone:beep"},{"verb":"say","text":"Good bye."}]`,
	`[{"verb":"ring","early_media":true},{"verb":"dial","background":true,"to":[{"user":"101"},{"user":"105"}],"ring":"in_order","on":{"failed":"/failed","timeout":[{"verb":"log","text":"late"}]}},{"verb":"dial","background":true,"to":{"number":"+371","gateway":"telia"}},{"verb":"play","audio":["a","b"],"loop":-1},{"verb":"gather","timeout":"3s"},{"verb":"pause","for":"5s"}]`,
	`[{"verb":"parallel","do":[[{"verb":"pause","for":"1s"},{"verb":"play","audio":"side"},{"verb":"dial","to":{"user":"106"}}],[{"verb":"gather","prompt":[{"verb":"gather","timeout":"2s"}]},{"verb":"redirect","to":"/side"}]]},{"verb":"set","vars":{"a":"{digits}"}},{"verb":"say","text":"{a}"},{"verb":"dial","to":{"sip":"sip:x@y.test"}}]`,
	`[{"verb":"on","event":"custom.x","do":[{"verb":"emit","type":"x"},{"verb":"emit","type":"y"}]},{"verb":"on","event":"custom.y","do":[{"verb":"emit","type":"x"}]},{"verb":"on","event":"dtmf","do":"/digit"},{"verb":"emit","type":"z","data":{"n":1}},{"verb":"say","text":"{nobody}"},{"verb":"off","event":"custom.x"},{"verb":"gather","max_digits":1}]`,
	`[{"verb":"hold","music":"waltz"},{"verb":"on","event":"call.held","do":[{"verb":"tag","tags":{"by":"{event.by}"}}]},{"verb":"mute"},{"verb":"dial","to":{"user":"101"},"on":{"answered":[{"verb":"dtmf","digits":"w12","party":"agent"},{"verb":"hold","party":"agent","music":"tone:beep"},{"verb":"unhold"},{"verb":"pause","for":"3s"},{"verb":"unhold","party":"agent"},{"verb":"hold","party":"agent"}],"hangup":[{"verb":"unhold"},{"verb":"dtmf","digits":"9"}]}},{"verb":"message_waiting","user":"101","new":1},{"verb":"unmute"},{"verb":"play","audio":"a"}]`,
	`[{"verb":"answer"},{"verb":"dial","id":"bg","background":true,"to":[{"user":"101"},{"user":"105"}]},{"verb":"play","id":"mus","audio":"waltz","loop":-1,"background":true},{"verb":"gather","max_digits":1},{"verb":"say","text":"Out.","to":"all","background":true},{"verb":"cancel","of_id":"mus"},{"verb":"gather","max_digits":1,"timeout":"9s"},{"verb":"cancel","of_id":"bg"},{"verb":"play","audio":"b","to":"agent"},{"verb":"parallel","do":[[{"verb":"play","audio":"c","to":"all"}],[{"verb":"cancel","of_id":"mus"},{"verb":"hold"}]]},{"verb":"dial","to":{"user":"106"},"on":{"answered":[{"verb":"say","text":"Hello.","to":"agent"},{"verb":"play","audio":"waltz","to":"agent","background":true,"loop":-1}]}}]`,
	`[{"verb":"on","event":"recording.stored","do":[{"verb":"email","to":"a@b.test","text":"{event.location}"}]},{"verb":"record","id":"all","channels":2,"background":true},{"verb":"parallel","do":[[{"verb":"pause","for":"1s"},{"verb":"record","action":"pause"},{"verb":"record","action":"resume","of_id":"all"},{"verb":"record","action":"stop","of_id":"vm"}]]},{"verb":"record","id":"vm","beep":true,"silence":"5s","finish_on":"#","next":"/recorded"}]`,
	`[{"verb":"record","id":"two","background":true,"beep":true},{"verb":"on","event":"recording.failed","do":"/failed"},{"verb":"dial","to":{"user":"101"},"background":true},{"verb":"record","of":"agent","time_limit":"9s"},{"verb":"record","finish_on":"12"},{"verb":"record","action":"stop"},{"verb":"pause","for":"4s"}]`,
	`[{"verb":"on","event":"stream.ended","do":[{"verb":"log","text":"{event.why}"}]},{"verb":"stream","id":"words","to":"wss://a.test/","track":"both","background":true},{"verb":"dial","background":true,"to":{"user":"101"}},{"verb":"parallel","do":[[{"verb":"pause","for":"2s"},{"verb":"stream","action":"stop","of_id":"words"},{"verb":"stream","to":"wss://d.test/","mode":"talk","background":true}]]},{"verb":"stream","to":"wss://b.test/","finish_on":"#","time_limit":"9s","next":"/after"},{"verb":"gather","max_digits":1}]`,
	`[{"verb":"record","channels":2,"background":true},{"verb":"record","of":"agent","background":true},{"verb":"on","event":"stream.failed","do":"/failed"},{"verb":"dial","to":{"user":"101"},"on":{"answered":[{"verb":"stream","to":"wss://a.test/?key=1","track":"agent","mode":"listen","time_limit":"3s"}]}},{"verb":"stream","to":"wss://b.test/","mode":"listen"},{"verb":"stream","action":"stop"}]`,
	`[{"verb":"on","event":"dtmf","do":[{"verb":"park","slot":"7","tries":1,"on":{"no_answer":"/rung"}}]},{"verb":"parallel","do":[[{"verb":"pause","for":"2s"},{"verb":"park","to":{"user":"105"},"return_after":"2s"}]]},{"verb":"dial","to":{"user":"101"}},{"verb":"park","to":[{"user":"101"},{"user":"105"}],"return_after":"3s","ring_for":"4s","tries":3,"on":{"answered":[{"verb":"say","text":"Hello.","to":"agent"}],"no_answer":[{"verb":"log","text":"no"}]},"next":"/parked"}]`,
	`[{"verb":"dial","background":true,"to":{"user":"101"}},{"verb":"enqueue","queue":"q","max_wait":"30s","music":"waltz","wait":[{"verb":"say","text":"{queue_position}"},{"verb":"gather","max_digits":1,"on":{"1":[{"verb":"leave"}],"2":"/voicemail","9":[{"verb":"dial","to":{"user":"106"}}]}}],"on":{"left":"/left","timeout":[{"verb":"say","text":"late"}]},"next":"/after"},{"verb":"parallel","do":[[{"verb":"enqueue","queue":"a","wait":[]}]]},{"verb":"enqueue","queue":"b","wait":[{"verb":"log","text":"x"}]}]`,
	`[{"verb":"answer"},{"verb":"parallel","do":[[{"verb":"dial","to":{"user":"101"}}],[{"verb":"pause","for":"1s"},{"verb":"supervise","user":"101","wait":"3s","finish_on":"#"}],[{"verb":"pause","for":"2s"},{"verb":"leave"}]]},{"verb":"pause","for":"1s"},{"verb":"conference","room":"r","finish_on":"#","time_limit":"9s","on":{"1":[{"verb":"mute"},{"verb":"hold"},{"verb":"play","audio":"a"}],"12":"/key","2":[{"verb":"leave"}]},"next":[{"verb":"pickup","user":"106"},{"verb":"pickup","call":"call_1"}]}]`,
	`[{"verb":"on","event":"audio.failed","do":[{"verb":"play","audio":"sorry"},{"verb":"play","action":"resume"}]},{"verb":"on","event":"dtmf","do":[{"verb":"play","action":"skip","of_id":"m","by":"-10s"},{"verb":"play","action":"pause"}]},{"verb":"parallel","do":[[{"verb":"pause","for":"1s"},{"verb":"play","action":"pause","of_id":"m"},{"verb":"play","action":"skip","from":"2s"},{"verb":"pause","for":"1s"},{"verb":"play","action":"resume"},{"verb":"play","action":"stop","of_id":"m"}]]},{"verb":"play","id":"m","audio":["a","b"],"from":"1s","until":"9s","fallback":"c"},{"verb":"play","id":"m","audio":"waltz","loop":-1,"background":true},{"verb":"dial","to":{"user":"101"},"on":{"answered":[{"verb":"play","id":"m","audio":"a","to":"all"},{"verb":"play","action":"stop"}]}},{"verb":"say","id":"m","text":"Bye."}]`,
	`[{"verb":"detect","what":["digits","fax","beep"],"background":true,"for":"1m","on":{"fax":[{"verb":"redirect","to":"/fax"}],"timeout":[{"verb":"log","text":"late"}]}},{"verb":"parallel","do":[[{"verb":"detect","what":"silence","on":{"silence":"/quiet"}}]]},{"verb":"dial","to":{"user":"101","confirm":[{"verb":"detect","what":"machine","for":"5s","on":{"machine":[{"verb":"hangup"}]}}]},"on":{"answered":[{"verb":"detect","id":"d","party":"agent","what":"busy_tone","background":true,"on":{"busy_tone":[{"verb":"hangup"}]}}]}},{"verb":"detect","next":"/after"},{"verb":"cancel","of_id":"d"}]`,
	`[{"verb":"reject","status":603}]`,
	`[{"verb":"hangup","cause":"busy"}]`,
	`[{"verb":"redirect","to":"/again"}]`,
	`[]`,
}, handing...)

func document(t testing.TB, text string) verb.Document {
	var doc verb.Document
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

// explorer is the config of all worlds here: asks are answered by any script, a user has none to two devices.
func explorer(t testing.TB) calltest.Config {
	var answers []call.AskAnswered
	for _, text := range scripts {
		doc := document(t, text)
		answers = append(answers, call.AskAnswered{OK: true, Source: "url", URL: "http://app.test/x", Status: 200, Attempts: 1,
			Verbs: doc, Empty: len(doc) == 0, Vars: map[string]any{"seen": true}, State: json.RawMessage(`{"n":1}`)})
	}
	return calltest.Config{
		Answers: func(call.AskStart) []call.AskAnswered { return answers },
		Destinations: func(r call.Resolve) []call.Resolved {
			a, b := call.Destination{URI: "sip:a@10.0.0.1"}, call.Destination{URI: "sip:b@10.0.0.2"}
			return []call.Resolved{{Name: "Ilze", Number: "101", Destinations: []call.Destination{a}, RingForMS: 15000},
				{Name: "Ilze", Number: "101", Destinations: []call.Destination{a, b}}, {Error: "not_registered"}}
		},
		Digits: []string{"1", "2", "#", "9"}, Holds: 2, Presses: 6, Late: 4, Parties: 6, Moved: []string{"sip:105@demo.test", "sip:106@demo.test"},
		Refers: []call.LegReferred{{To: "105"}, {To: "x", URI: "sip:x@far.test"}},
	}
}

// explored is one call in its world, and what came out as text.
type explored struct {
	t     testing.TB
	call  *call.Call
	world *calltest.World
	now   time.Time
	trail []string
	keep  bool // outs are kept
	outs  []string
	seen  map[string]int // what was come to, when counted
}

func explore(t testing.TB, begin call.Begin) *explored {
	return exploreWorld(t, begin, explorer(t))
}

func exploreWorld(t testing.TB, begin call.Begin, cfg calltest.Config) *explored {
	e := &explored{t: t, call: verbs.NewCall("call_1"), world: calltest.New(cfg), now: start}
	e.step(calltest.Choice{Input: begin})
	return e
}

func (e *explored) step(c calltest.Choice) {
	e.now = c.When(e.now)
	raw, err := call.MarshalInput(c.Input)
	if err != nil {
		e.t.Fatal(err)
	}
	e.trail = append(e.trail, string(raw))
	e.world.Happens(c.Input)
	outs := e.call.Step(e.now, c.Input)
	if err := e.world.Did(e.now, outs); err != nil {
		e.fail(err)
	}
	if err := orphan(e.call); err != nil {
		e.fail(err)
	}
	if e.keep {
		e.outs = append(e.outs, render(e.t, outs))
	}
	if e.seen != nil {
		handedOn(e.seen, outs)
	}
}

// orphan finds a leg that nobody answers for: it stands, is not the caller nor a supervisor, and no run owns it.
func orphan(c *call.Call) error {
	runs := map[int]bool{}
	for _, s := range c.Strands {
		if s.Run != nil {
			runs[s.Run.N] = true
		}
	}
	for _, l := range c.Legs {
		if l.Ending == nil && l.N != c.Caller && l.Whisper == 0 && !runs[l.Owner] {
			return fmt.Errorf("nobody answers for leg %d", l.N)
		}
	}
	return nil
}

func (e *explored) fail(err error) {
	state, _ := json.Marshal(e.call)
	e.t.Fatalf("%v\nafter:\n%s\nstate: %s", err, strings.Join(e.trail, "\n"), state)
}

func render(t testing.TB, outs []call.Output) string {
	var b strings.Builder
	for _, out := range outs {
		raw, err := call.MarshalOutput(out)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(raw)
		b.WriteByte('\n')
	}
	return b.String()
}

func (e *explored) reread() { e.call = reread(e.t, e.call) }

// finish brings the call to its end: nobody does anything any more.
func (e *explored) finish() {
	e.step(calltest.Choice{Input: call.End{Cause: call.CauseNormal, By: "api"}})
	for range 2000 {
		ends := e.world.Ending()
		if e.world.Over() {
			if !e.call.Over() {
				e.fail(fmt.Errorf("not over"))
			}
			return
		}
		if len(ends) == 0 {
			e.fail(fmt.Errorf("nothing can end it"))
		}
		e.step(ends[0])
	}
	e.fail(fmt.Errorf("it does not end"))
}

func beginOf(t testing.TB, seed uint64) call.Begin {
	in := inbound()
	n := calltest.Pick(seed, -1, len(scripts)+2)
	switch {
	case n < len(scripts):
		in.Start = verb.Do{Document: document(t, scripts[n])}
	case n == len(scripts):
		in.Start = verb.Do{URL: "/start"}
	default:
		in.Leg, in.To, in.Start = false, &verb.Target{User: "101"}, verb.Do{URL: "/start"}
	}
	return in
}

// walk lets a call live by the hash of a seed.
func (e *explored) walk(seed uint64, before func(step int)) {
	for step := range 60 {
		next := e.world.Next()
		if e.world.Over() {
			return
		}
		if calltest.Pick(seed, step+1000, 50) == 0 {
			next = []calltest.Choice{{Input: call.Replace{Document: document(e.t, scripts[step%len(scripts)]), Base: "http://app.test/"}}}
		}
		before(step)
		e.step(next[calltest.Pick(seed, step, len(next))])
	}
	e.finish()
}

// orders is how many orders an exploration tries; VERBS_ORDERS=20000 has each of them try that many.
func orders(t testing.TB, usual, short uint64) uint64 {
	if s := os.Getenv("VERBS_ORDERS"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatalf("VERBS_ORDERS=%q is no number", s)
		}
		return n
	}
	if testing.Short() {
		return short
	}
	return usual
}

func TestEveryOrderEndsInOneFinalEventWithNothingHeld(t *testing.T) {
	for seed := range orders(t, 4_000, 1_000) {
		e := explore(t, beginOf(t, seed))
		e.walk(seed, func(step int) {
			if calltest.Pick(seed, step+5000, 16) == 0 {
				e.reread()
			}
		})
	}
}

func TestCallsReadBackFromJSONGoOnAlike(t *testing.T) {
	for seed := range uint64(400) {
		var outs [2]string
		for i := range outs {
			e := explore(t, beginOf(t, seed))
			e.keep = true
			e.walk(seed, func(int) {
				if i == 1 {
					e.reread()
				}
			})
			outs[i] = strings.Join(e.outs, "")
		}
		if outs[0] != outs[1] {
			t.Fatalf("seed %d: %s", seed, firstDifference(outs[1], outs[0]))
		}
	}
}

// TestNoVerbChangesItsDocument: verbs that nothing is filled into are those of the document, which other calls may run too.
func TestNoVerbChangesItsDocument(t *testing.T) {
	cfg := explorer(t)
	text := func() string {
		raw, err := json.Marshal(cfg.Answers(call.AskStart{}))
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	before := text()
	for seed := range orders(t, 400, 100) {
		in := inbound()
		in.Start = verb.Do{Document: cfg.Answers(call.AskStart{})[seed%uint64(len(scripts))].Verbs}
		exploreWorld(t, in, cfg).walk(seed, func(int) {})
	}
	if after := text(); after != before {
		t.Fatal(firstDifference(after, before))
	}
}

// TestAllOrdersOfAShortCall tries every order of what may happen, six steps deep, and then ends the call.
func TestAllOrdersOfAShortCall(t *testing.T) {
	in := inbound()
	in.Start = verb.Do{Document: document(t, `[{"verb":"answer"},{"verb":"dial","to":[{"user":"101"},{"user":"105"}]}]`)}
	e := explore(t, in)
	e.world = calltest.New(calltest.Config{Holds: 1, Late: 2})
	e.call, e.trail = verbs.NewCall("call_1"), nil
	e.step(calltest.Choice{Input: in})
	seen := 0
	depth, least := 5, 10_000
	if testing.Short() {
		depth, least = 4, 1_000
	}
	e.all(depth, &seen)
	if seen < least {
		t.Errorf("only %d orders", seen)
	}
	t.Logf("%d orders", seen)
}

func (e *explored) all(depth int, seen *int) {
	if e.world.Over() || depth == 0 {
		*seen++
		if !e.world.Over() {
			e.finish()
		}
		return
	}
	raw, err := json.Marshal(e.call)
	if err != nil {
		e.t.Fatal(err)
	}
	for _, c := range e.world.Next() {
		branch := &explored{t: e.t, world: e.world.Clone(), now: e.now, trail: append([]string{}, e.trail...)}
		if branch.call, err = verbs.ReadCall(raw); err != nil {
			e.t.Fatal(err)
		}
		branch.step(c)
		branch.all(depth-1, seen)
	}
}
