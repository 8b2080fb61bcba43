package node_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/offhook/offhook/events"
	"github.com/offhook/offhook/schemas/event"
)

// What a call records, streams and listens for goes on while its leg is lent to another call.

// tell has phones speak at once, each in a code of its own.
func tell(d time.Duration, codes map[*phone]byte) {
	for range d / (20 * time.Millisecond) {
		for p, code := range codes {
			p.say(code)
		}
		time.Sleep(20 * time.Millisecond)
	}
	wait(200 * time.Millisecond)
}

// recorded waits for the end of a call's only recording: for how many seconds each channel has a code.
func (r *rig) recorded(dir, id string) (of [2]func(code byte) float64) {
	r.Helper()
	wait(time.Second)
	for _, e := range r.log.list() {
		if e.Type != event.Prefix+event.RecordingStored || e.Key != id {
			continue
		}
		var ev event.Recording
		if err := json.Unmarshal(e.Data, &ev); err != nil {
			r.Fatal(err)
		}
		_, seen := r.samples(dir, ev)
		for ch := range of {
			of[ch] = func(code byte) float64 { return float64(seen[ch][level(code)]) / 8000 }
		}
		return of
	}
	r.Fatalf("no recording of %s", id)
	return of
}

// newest is the id of the call that began last.
func (r *rig) newest() string {
	var all []events.Event
	for _, e := range r.log.list() {
		if e.Type == event.Prefix+event.CallRinging && !strings.Contains(string(e.Data), `"direction":"room"`) {
			all = append(all, e)
		}
	}
	return all[len(all)-1].Key
}

func (r *rig) about(what string, got, want float64) {
	r.Helper()
	if !about(got, want) {
		r.Errorf("%s: %.2f s, want %.2f", what, got, want)
	}
}

const (
	annas = 0x20
	bobs  = 0x30
	chief = 0x28
)

// Both rate and law are those of the phones, so that each sample tells who spoke.
func TestARecordingGoesOnInAConference(t *testing.T) {
	dir := t.TempDir()
	inBubble(t, recording(t, dir), func(r *rig) {
		anna, dialA := r.joins(6000, `[{"verb": "record", "channels": 2, "background": true}, {"verb": "conference", "room": "board", "beep": "none", "finish_on": "#", "on": {"6": [{"verb": "mute"}], "7": [{"verb": "unmute"}]}}, {"verb": "pause", "for": "60s"}]`)
		id := r.newest()
		tell(time.Second, map[*phone]byte{anna: annas}) // alone
		bob, dialB := r.joins(6001, `[{"verb": "conference", "room": "board", "beep": "none"}]`)
		tell(time.Second, map[*phone]byte{anna: annas, bob: bobs})
		anna.press(6)
		wait(100 * time.Millisecond)
		tell(time.Second, map[*phone]byte{anna: annas, bob: bobs}) // she is mute
		anna.press(7)
		wait(100 * time.Millisecond)
		tell(time.Second, map[*phone]byte{anna: annas, bob: bobs})
		anna.press(11)
		wait(100 * time.Millisecond)
		tell(time.Second, map[*phone]byte{anna: annas, bob: bobs}) // and has left
		byes(dialA, dialB)
		of := r.recorded(dir, id)
		r.about("anna", of[0](annas), 4)
		r.about("bob", of[1](bobs), 3)
		if of[0](bobs) > 0 || of[1](annas) > 0 {
			t.Error("a voice is on the other's channel")
		}
	})
}

// The agent's own call keeps the customer whom it took from a queue, and whoever joins; not what is whispered to the agent.
func TestTheRecordingOfAnAgentKeepsTheCustomerAndNoWhisper(t *testing.T) {
	dir := t.TempDir()
	inBubble(t, recording(t, dir), func(r *rig) {
		anna, dialA := r.joins(6000, `[{"verb": "enqueue", "queue": "sales"}]`)
		waits := r.newest()
		bob, dialB := r.joins(6001, `[{"verb": "record", "channels": 2, "background": true}, {"verb": "pickup", "queue": "sales"}]`)
		id := r.newest()
		tell(time.Second, map[*phone]byte{anna: annas, bob: bobs})
		boss, dialC := r.joins(6002, `[{"verb": "supervise", "call": "`+waits+`", "mode": "whisper"}]`)
		tell(time.Second, map[*phone]byte{boss: chief})
		if heard := bob.voices(); !strings.ContainsRune(string(heard), chief) {
			t.Errorf("bob hears no whisper: %x", heard)
		}
		boss.press(6) // barge
		wait(100 * time.Millisecond)
		tell(time.Second, map[*phone]byte{boss: chief})
		byes(dialC)
		wait(100 * time.Millisecond)
		byes(dialA)
		bob.reply(bob.expect("BYE"), 200, "", "")
		_ = dialB
		of := r.recorded(dir, id)
		r.about("bob", of[0](bobs), 1)
		r.about("anna", of[1](annas), 1)
		r.about("the chief, who joined", of[1](chief), 1)
	})
}

func TestAStreamHearsItsLegAndTheOthersInAConference(t *testing.T) {
	inBubble(t, streaming, func(r *rig) {
		x := r.serve(toTheEnd)
		anna, dialA := r.joins(6000, `[{"verb": "stream", "to": "ws://127.0.0.1:9000/", "track": "both", "background": true}, {"verb": "conference", "room": "board", "beep": "none"}]`)
		bob, dialB := r.joins(6001, `[{"verb": "conference", "room": "board", "beep": "none"}]`)
		tell(time.Second, map[*phone]byte{anna: annas, bob: bobs})
		if in, out := x.voice("inbound", annas), x.voice("outbound", bobs); in < 45 || out < 45 {
			t.Errorf("%d frames of anna, %d of bob", in, out)
		}
		byes(dialB)
		tell(time.Second, map[*phone]byte{bob: bobs})
		if out := x.voice("outbound", bobs); out > 55 {
			t.Errorf("%d frames of bob, who has left", out)
		}
		byes(dialA)
	})
}

func TestWhatIsListenedForIsHeardInAConference(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		anna, dialA := r.joins(6000, `[{"verb": "detect", "what": ["digits", "silence"], "silence": "1s", "background": true}, {"verb": "conference", "room": "board", "beep": "none", "on": {"59": [{"verb": "leave"}]}}, {"verb": "pause", "for": "60s"}]`)
		_, dialB := r.joins(6001, `[{"verb": "conference", "room": "board", "beep": "none"}]`)
		anna.sounds(3 * time.Second)
		if n := r.log.count(event.LegSilence); n != 1 {
			t.Errorf("%d silences", n)
		}
		anna.tones()
		if got := r.received(); got != "5 inband, 9 inband" {
			t.Errorf("received %q", got)
		}
		if left := last[event.Meeting](r, event.ConferenceLeft); left.Why != "left" {
			t.Errorf("the keys did nothing: %+v", left)
		}
		byes(dialA, dialB)
	})
}
