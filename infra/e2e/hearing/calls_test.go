//go:build e2e

package hearing

import (
	"math"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"github.com/offhook/offhook/infra/e2e/real"
)

const house = `
tenants:
  demo:
    users:
      "101": {password: demo-101, dtmf: inband}
      "102": {password: demo-102}
      "103": {password: demo-103}
      "300": {password: demo-300}
    numbers:
      "60": {answer: [{verb: gather, id: pin, max_digits: 4, timeout: 20s}, {verb: emit, type: pin, data: {digits: "{digits}"}}]}
      "61":
        answer:
          - {verb: on, event: fax, do: [{verb: emit, type: fax, data: {hz: "{event.hz}"}}, {verb: hangup}]}
          - {verb: answer}
          - {verb: detect, what: fax, background: true}
          - {verb: pause, for: 30s}
`

// says is the sound of a phone: a moment of silence, then what is put together, then silence.
func says(parts ...func(*sound)) []int16 {
	s := &sound{rnd: rand.New(rand.NewPCG(1, 1))}
	s.pause(1500 * time.Millisecond)
	for _, p := range parts {
		p(s)
	}
	s.pause(40 * time.Second)
	s.noisy(-60)
	return s.pcm
}

func pause(d time.Duration) func(*sound) { return func(s *sound) { s.pause(d) } }

func single(hz float64, d time.Duration) func(*sound) { return func(s *sound) { s.tone(hz, d) } }

// keyed are keys as 90 ms of tones each.
func keyed(keys string) func(*sound) {
	tones := map[rune][2]float64{'2': {697, 1336}, '4': {770, 1209}, '7': {852, 1209}, '#': {941, 1477}}
	return func(s *sound) {
		for _, k := range keys {
			for i := range rate * 9 / 100 {
				var v float64
				for _, hz := range tones[k] {
					v += 5000 * math.Sin(2*math.Pi*hz*float64(i)/rate)
				}
				s.pcm = append(s.pcm, int16(v))
			}
			s.pause(90 * time.Millisecond)
		}
	}
}

func phone(t *testing.T, h *real.Offhook, user string, auto bool, pcm []int16) *real.Baresip {
	return real.NewBaresip(t, real.BaresipOptions{User: user, Password: "demo-" + user, Server: h.SIP, Says: pcm, Auto: auto})
}

// event waits for one of a type and gives its data.
func event(t *testing.T, h *real.Offhook, kind string) map[string]any {
	t.Helper()
	var found []real.Event
	real.Eventually(t, kind, func() bool {
		found = h.Recent(t, kind)
		return len(found) > 0
	})
	return found[0].Data
}

func TestAPhoneThatSendsTonesAloneIsUnderstood(t *testing.T) {
	t.Parallel()
	h := real.StartOffhook(t, real.OffhookOptions{Config: house})
	p := phone(t, h, "101", false, says(keyed("4722")))
	p.Do(t, "dial", "sip:60@"+h.SIP)
	if data, _ := event(t, h, "custom.pin")["data"].(map[string]any); data["digits"] != "4722" {
		t.Errorf("the script has %v", data)
	}
	for _, e := range h.Recent(t, "dtmf.received") {
		if e.Data["method"] != "inband" {
			t.Errorf("%v", e.Data)
		}
	}
}

func TestTonesOfOthersAreSound(t *testing.T) {
	t.Parallel()
	h := real.StartOffhook(t, real.OffhookOptions{Config: house})
	p := phone(t, h, "102", false, says(keyed("4722")))
	p.Do(t, "dial", "sip:60@"+h.SIP)
	p.Wait(t, "CALL_ESTABLISHED")
	<-time.After(4 * time.Second)
	p.Press(t, "7")
	event(t, h, "dtmf.received")
	if all := h.Recent(t, "dtmf.received"); len(all) != 1 || all[0].Data["method"] != "rfc4733" {
		t.Errorf("%v", all)
	}
}

func TestAFaxThatCallsIsHeard(t *testing.T) {
	t.Parallel()
	h := real.StartOffhook(t, real.OffhookOptions{Config: house})
	p := phone(t, h, "102", false, says(single(1100, 500*time.Millisecond), pause(3*time.Second), single(1100, 500*time.Millisecond)))
	p.Do(t, "dial", "sip:61@"+h.SIP)
	if data, _ := event(t, h, "custom.fax")["data"].(map[string]any); data["hz"] != "1100" {
		t.Errorf("the script has %v", data)
	}
	if d := event(t, h, "leg.fax"); d["leg"] != 1.0 {
		t.Errorf("%v", d)
	}
}

// Calls go out; a person, a machine and a fax answer.
func TestWhoAnswersACallOfOurs(t *testing.T) {
	t.Parallel()
	s := open(t)
	h := real.StartOffhook(t, real.OffhookOptions{Config: house})
	speech := func(text string) func(*sound) {
		return func(x *sound) { x.pcm = append(x.pcm, s.say(voices[0], text)...) }
	}
	phone(t, h, "101", true, says(speech("Hello?")))
	phone(t, h, "102", true, says(speech(machines[0].text), pause(400*time.Millisecond), single(1000, 400*time.Millisecond)))
	phone(t, h, "103", true, says(single(2100, 3*time.Second)))
	for user, want := range map[string]string{"101": "human ", "102": "machine beep", "103": "fax "} {
		script := `{"from": "+37167000000", "to": {"user": "` + user + `"}, "verbs": [{"verb": "set", "vars": {"then": ""}},
			{"verb": "detect", "id": "first", "for": "20s", "on": {"machine": [
				{"verb": "detect", "what": ["beep", "silence"], "for": "30s"}, {"verb": "set", "vars": {"then": "{result.detected}"}}]}},
			{"verb": "emit", "type": "for_` + user + `", "data": {"then": "{then}"}}, {"verb": "hangup"}]}`
		var answer map[string]any
		if code := h.Request(t, http.MethodPost, "/v1/calls", []byte(script), &answer); code >= 300 {
			t.Fatalf("%d %v", code, answer)
		}
		data, _ := event(t, h, "custom.for_"+user)["data"].(map[string]any)
		got := ""
		for _, e := range h.Recent(t, "verb.ended") {
			if r, _ := e.Data["result"].(map[string]any); e.Data["id"] == "first" && r["detected"] != nil && e.Data["call_id"] == answer["id"] {
				got = r["detected"].(string)
			}
		}
		if got += " " + data["then"].(string); got != want {
			t.Errorf("%s: %q, want %q", user, got, want)
		}
	}
}
