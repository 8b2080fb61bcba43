package verbs_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/edge/verbs"
	"github.com/offhook/offhook/schemas/ask"
)

var rewrite = flag.Bool("rewrite", false, "write what comes out into the transcripts")

var start = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

// A transcript is a call: lines "> [+time] kind {json}" are inputs, lines "< ..." all that came out, "#" is a comment.
// @leg, @loan, @play, @timer, @ask, @resolve, @record, @stream stand for the last number of their kind that came out, @leg2 for the second.
// The call goes through JSON between any two steps.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*/*.txt")
	if err != nil || len(files) < 40 {
		t.Fatalf("%d transcripts, error %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(strings.TrimPrefix(file, "testdata/"), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := replay(t, string(want))
			if *rewrite {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if got != string(want) {
				t.Errorf("%s; -rewrite accepts it", firstDifference(got, string(want)))
			}
		})
	}
}

func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range g {
		if i >= len(w) || g[i] != w[i] {
			return fmt.Sprintf("line %d:\n got %s\nwant %s", i+1, g[i], strings.Join(w[min(i, len(w)):min(i+1, len(w))], ""))
		}
	}
	return fmt.Sprintf("line %d is missing: %s", len(g), w[len(g)])
}

// replay keeps the inputs and comments of a transcript and writes what comes out now.
func replay(t *testing.T, script string) string {
	var b strings.Builder
	c, now, seen := verbs.NewCall("call_1"), start, map[string][]int{}
	for line := range strings.Lines(script) {
		if strings.HasPrefix(line, "<") {
			continue
		}
		b.WriteString(line)
		rest, ok := strings.CutPrefix(strings.TrimSpace(line), "> ")
		if !ok {
			continue
		}
		after, in := readInput(t, named(rest, seen))
		now = now.Add(after)
		for _, out := range c.Step(now, in) {
			b.WriteString("< " + show(t, out) + "\n")
			number(out, seen)
		}
		c = reread(t, c)
	}
	return b.String()
}

func number(out call.Output, seen map[string][]int) {
	switch o := out.(type) {
	case call.Send:
		if lent, ok := o.In.(call.Lent); ok {
			seen["loan"] = append(seen["loan"], lent.From.N)
		}
	case call.LegInvite:
		seen["leg"] = append(seen["leg"], o.Leg)
	case call.PlayStart:
		seen["play"] = append(seen["play"], o.Play)
	case call.TimerStart:
		seen["timer"] = append(seen["timer"], o.Timer)
	case call.AskStart:
		seen["ask"] = append(seen["ask"], o.Ask)
	case call.Resolve:
		seen["resolve"] = append(seen["resolve"], o.Resolve)
	case call.StreamStart:
		seen["stream"] = append(seen["stream"], o.Stream)
	case call.DetectStart:
		seen["detect"] = append(seen["detect"], o.Detect)
	case call.RecordStart:
		seen["record"] = append(seen["record"], o.Record)
	}
}

var reference = regexp.MustCompile(`@(loan|leg|play|timer|ask|resolve|record|stream|detect)([0-9]*)`)

func named(line string, seen map[string][]int) string {
	return reference.ReplaceAllStringFunc(line, func(ref string) string {
		m := reference.FindStringSubmatch(ref)
		of := seen[m[1]]
		at, err := strconv.Atoi(m[2])
		if err != nil {
			at = len(of)
		}
		if at < 1 || at > len(of) {
			return "0"
		}
		return strconv.Itoa(of[at-1])
	})
}

func reread(t testing.TB, c *call.Call) *call.Call {
	raw, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	again, err := verbs.ReadCall(raw)
	if err != nil {
		t.Fatal(err)
	}
	return again
}

func readInput(t *testing.T, line string) (time.Duration, call.Input) {
	var after time.Duration
	if rest, ok := strings.CutPrefix(line, "+"); ok {
		at, tail, _ := strings.Cut(rest, " ")
		d, err := time.ParseDuration(at)
		if err != nil {
			t.Fatal(err)
		}
		after, line = d, tail
	}
	kind, body, _ := strings.Cut(line, " ")
	switch kind {
	case "begin":
		return after, readOver(t, body, inbound())
	case "originate":
		in := inbound()
		in.Leg, in.Call.Direction, in.Call.To = false, "outbound", "101"
		return after, readOver(t, body, in)
	case "ask_answered":
		return after, readOver(t, body, call.AskAnswered{OK: true, Source: "url", URL: "http://app.test/call", Status: 200, Attempts: 1, TookMS: 20})
	}
	in, err := call.UnmarshalInput([]byte(`{"` + kind + `":` + body + `}`))
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return after, in
}

func readOver[T call.Input](t *testing.T, body string, in T) T {
	if err := json.Unmarshal([]byte(body), &in); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return in
}

// inbound is a call from Anna to 100.
func inbound() call.Begin {
	return call.Begin{Leg: true, Base: "http://app.test/call", Call: ask.Call{ID: "call_1", Tenant: "demo", Direction: "inbound",
		Status: "ringing", From: "+37120001111", FromName: "Anna", To: "100", Trunk: "local", Headers: map[string]string{},
		Params: map[string]string{}, CreatedAt: start}}
}

// show writes an output on one line, without what is the same everywhere.
func show(t *testing.T, out call.Output) string {
	name, body := out.Kind(), any(out)
	switch o := out.(type) {
	case call.Publish:
		name, body = name+" "+o.Type, o.Data
	case call.AskStart:
		body = map[string]any{"ask": o.Ask, "to": o.To, "notice": o.Notice, "id": o.Payload.ID, "reason": o.Payload.Reason,
			"status": o.Payload.Call.Status, "referred_by": o.Payload.Call.ReferredBy, "user": o.Payload.Call.User, "event": o.Payload.Event, "result": o.Payload.Result, "vars": o.Payload.Vars, "state": o.Payload.State}
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(body); err != nil {
		t.Fatal(err)
	}
	return name + " " + trim(t, out, buf.Bytes())
}

func trim(t *testing.T, out call.Output, raw []byte) string {
	if out.Kind() != "publish" && out.Kind() != "ask_start" {
		return strings.TrimSpace(string(raw))
	}
	var m map[string]any
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatal(err)
	}
	for k, v := range m {
		if v == nil || v == false || v == "" && k == "user" || k == "call_id" || k == "tenant" || k == "at" {
			delete(m, k)
		}
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(m); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(buf.String())
}
