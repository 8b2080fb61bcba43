package node_test

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/offhook/offhook/edge/media/g711"
	"github.com/offhook/offhook/schemas/event"
)

const onlySound = "0"

// sounds sends tones, 20 ms a packet; none are silence.
func (p *phone) sounds(d time.Duration, hz ...float64) {
	for range d / (20 * time.Millisecond) {
		var pcm [160]int16
		for i := range pcm {
			for _, f := range hz {
				pcm[i] += int16(5000 * math.Sin(2*math.Pi*f*float64(int(p.spoken)+i)/8000))
			}
		}
		b := make([]byte, 160)
		g711.ULaw.Encode(b, pcm[:])
		p.rtp(0, false, p.spoken, b)
		p.spoken += 160
		time.Sleep(20 * time.Millisecond)
	}
}

// tones sends 5 and 9 as tones.
func (p *phone) tones() {
	p.sounds(200 * time.Millisecond)
	p.sounds(100*time.Millisecond, 770, 1336)
	p.sounds(100 * time.Millisecond)
	p.sounds(100*time.Millisecond, 852, 1477)
	p.sounds(300 * time.Millisecond)
}

func inbandTrunk(s *setup) {
	s.config = strings.Replace(demo, "local: {allow: [127.0.0.0/8]}", "local: {allow: [127.0.0.0/8], dtmf: inband}", 1)
}

// received are digits and how they came.
func (r *rig) received() string {
	wait(0)
	var all []string
	for _, e := range r.log.list() {
		if e.Type != event.Prefix+event.DTMFReceived {
			continue
		}
		var d event.DTMF
		if err := json.Unmarshal(e.Data, &d); err != nil {
			r.Fatal(err)
		}
		all = append(all, d.Digit+" "+d.Method)
	}
	return strings.Join(all, ", ")
}

func TestTonesOfATrunkAreDigits(t *testing.T) {
	inBubble(t, inbandTrunk, func(r *rig) {
		r.script(`[{"verb": "gather", "max_digits": 2, "timeout": "9s"}, {"verb": "log", "text": "x"}, {"verb": "pause", "for": "9s"}]`)
		anna := r.phone(6000)
		anna.established("200", onlySound)
		anna.tones()
		if got := r.received(); got != "5 inband, 9 inband" {
			t.Errorf("received %q", got)
		}
		if v := last[event.Verb](r, event.VerbEnded); v.Verb != "log" {
			t.Errorf("the gather did not end: %+v", v)
		}
	})
}

func TestTonesAreSoundUnlessAskedFor(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		r.script(`[{"verb": "gather", "max_digits": 2, "timeout": "9s"}]`)
		anna := r.phone(6000)
		anna.established("200", onlySound)
		anna.tones()
		if got := r.received(); got != "" {
			t.Errorf("received %q", got)
		}
	})
}

// A phone that sends both is taken at its events, from the first digit on.
func TestTelephoneEventsWin(t *testing.T) {
	inBubble(t, inbandTrunk, func(r *rig) {
		r.script(`[{"verb": "gather", "timeout": "20s"}]`)
		anna := r.phone(6000)
		anna.established("200", withDigits)
		anna.sounds(200 * time.Millisecond)
		for range 2 {
			anna.sounds(60*time.Millisecond, 770, 1336)
			anna.press(5)
			anna.sounds(60*time.Millisecond, 770, 1336)
			anna.sounds(300 * time.Millisecond)
		}
		if got := r.received(); got != "5 rfc4733, 5 rfc4733" {
			t.Errorf("received %q", got)
		}
	})
}

func TestAVerbListensForTones(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		r.script(`[{"verb": "detect", "what": "digits", "background": true, "id": "ear"}, {"verb": "gather", "max_digits": 2, "timeout": "9s"},
			{"verb": "cancel", "of_id": "ear"}, {"verb": "pause", "for": "20s"}]`)
		anna := r.phone(6000)
		anna.established("200", onlySound)
		anna.tones()
		anna.tones()
		if got := r.received(); got != "5 inband, 9 inband" {
			t.Errorf("received %q, and nothing after the end", got)
		}
	})
}

// Who hears the sound alone has heard the tone; who has telephone-events is sent the digit as one.
func TestTonesAreToldToWhomItConcerns(t *testing.T) {
	for formats, want := range map[string]bool{onlySound: false, withDigits: true} {
		inBubble(t, inbandTrunk, func(r *rig) {
			r.script(bridge)
			anna, bob := r.phone(6000), r.phone(7000)
			caller := anna.dial("200")
			caller.invite(anna.sdp("sendrecv", onlySound))
			bob.take(formats)
			anna.expect("100 INVITE")
			caller.learn(anna.expect("200 INVITE"))
			caller.request("ACK", "", "")
			wait(100 * time.Millisecond)
			bob.heard()
			anna.tones()
			wait(time.Second)
			if got := bob.heard(); slices.Contains(got, 101) != want || !slices.Contains(got, 0) {
				t.Errorf("%q: heard %v", formats, got)
			}
			if n := r.log.count(event.DTMFReceived); n != 2 {
				t.Errorf("%d digits", n)
			}
		})
	}
}

func TestAFaxIsHeard(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		r.script(`[{"verb": "on", "event": "fax", "do": [{"verb": "tag", "tags": {"fax": "{event.hz}"}}]}, {"verb": "answer"},
			{"verb": "detect", "id": "f", "what": "fax", "background": true}, {"verb": "pause", "for": "20s"}]`)
		anna := r.phone(6000)
		anna.established("200", onlySound)
		anna.sounds(500 * time.Millisecond)
		anna.sounds(500*time.Millisecond, 1100)
		anna.sounds(time.Second)
		got := last[event.Detection](r, event.LegFax)
		if got.Leg != 1 || got.VerbID != "f" || got.Confidence < 0.5 || got.AfterMS < 900 || got.AfterMS > 1500 {
			t.Errorf("%+v", got)
		}
		if tags := last[event.Tags](r, event.CallTagged); tags.Tags["fax"] != "1100" {
			t.Errorf("%+v", tags)
		}
	})
}

func TestNothingListensAfterTheCall(t *testing.T) {
	inBubble(t, inbandTrunk, func(r *rig) {
		r.script(`[{"verb": "answer"}, {"verb": "detect", "background": true, "what": ["digits", "silence"]}, {"verb": "pause", "for": "20s"}]`)
		anna := r.phone(6000)
		d := anna.established("200", onlySound)
		anna.tones()
		d.request("BYE", "", "")
		anna.expect("200 BYE")
		wait(time.Second)
		anna.tones()
		r.log.whole(t)
		if got := r.received(); got != "5 inband, 9 inband" {
			t.Errorf("received %q: by two that ask each digit once, and none after the end", got)
		}
	})
}
