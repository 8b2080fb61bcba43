//go:build e2e

package verbs

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/offhook/offhook/infra/e2e/real"
)

// stored waits for a recording, checks length and checksum against the event, and gives its channels.
func (h *hall) stored() (left, right []int16) {
	h.t.Helper()
	e := h.event("recording.stored")
	where, _ := e.Data["location"].(string)
	raw, err := os.ReadFile(filepath.Join(h.Data, "recordings", where))
	if err != nil {
		h.t.Fatal(err)
	}
	sum := sha256.Sum256(raw)
	if e.Data["sha256"] != hex.EncodeToString(sum[:]) || e.Data["bytes"] != float64(len(raw)) {
		h.t.Errorf("the file has %d bytes and sha256 %x, the event says %v", len(raw), sum, e.Data)
	}
	channels := int(binary.LittleEndian.Uint16(raw[22:]))
	pcm := raw[44:]
	for i := 0; i+2*channels <= len(pcm); i += 2 * channels {
		left = append(left, int16(binary.LittleEndian.Uint16(pcm[i:])))
		if channels == 2 {
			right = append(right, int16(binary.LittleEndian.Uint16(pcm[i+2:])))
		}
	}
	ms := float64(len(left)) / 8
	if got, _ := e.Data["duration_ms"].(float64); got < ms-25 || got > ms+25 {
		h.t.Errorf("the file is %.0f ms long, the event says %.0f", ms, got)
	}
	return left, right
}

func mostly(t *testing.T, what string, pcm []int16, hz int) {
	t.Helper()
	if got, all := real.Has(pcm, hz); all < 10 || got < all*7/10 {
		t.Errorf("%s: %d Hz in %d of %d windows", what, hz, got, all)
	}
}

func TestACallIsRecordedOnTwoChannels(t *testing.T) {
	h := open(t, `"50": {answer: [{verb: record, background: true, channels: 2}, {verb: dial, to: {user: "101"}}]}`)
	caller, agent := h.phone("300", client), h.phone("101", ilze)
	caller.Do(t, "dial", h.uri("50"))
	agent.Answer(t)
	h.event("call.bridged")
	h.listen("recorded", map[ear][]int{caller: {ilze}, agent: {client}})
	caller.Do(t, "hangup", "")
	h.empty()
	left, right := h.stored()
	tail := 8000 // the conversation's end: before it the phone rang
	mostly(t, "left", left[max(0, len(left)-tail):], client)
	mostly(t, "right", right[max(0, len(right)-tail):], ilze)
	h.judge()
}

func TestVoiceMailEndsByTheFinishKey(t *testing.T) {
	h := open(t, `"51": {answer: [{verb: record, beep: true, finish_on: "#", time_limit: 30s}, {verb: emit, type: saved, data: {recording: "{result.recording}", why: "{result.cause}"}}]}`)
	caller := h.phone("300", client)
	caller.Do(t, "dial", h.uri("51"))
	caller.Wait(t, "CALL_ESTABLISHED")
	h.event("recording.started")
	<-time.After(2 * time.Second)
	caller.Press(t, "#")
	e := h.event("custom.saved")
	data, _ := e.Data["data"].(map[string]any)
	if data["why"] != "finish_key" {
		t.Errorf("the script saw %v", data)
	}
	caller.Wait(t, "CALL_CLOSED")
	h.empty()
	left, _ := h.stored()
	mostly(t, "the message", left, client)
	if n := len(left) / 8; n < 1000 {
		t.Errorf("the message has %d ms, want about 2,000", n)
	}
}

func TestARecordingIsPausedForWhatMustNotBeKept(t *testing.T) {
	h := open(t, `"52": {answer: [{verb: answer}, {verb: record, id: all, background: true}, {verb: pause, for: 1s}, {verb: record, action: pause, of_id: all}, {verb: pause, for: 3s}, {verb: record, action: resume, of_id: all}, {verb: pause, for: 1s}]}`)
	caller := h.phone("300", client)
	caller.Do(t, "dial", h.uri("52"))
	caller.Wait(t, "CALL_CLOSED")
	h.empty()
	left, _ := h.stored()
	if ms := len(left) / 8; ms < 1000 || ms > 3500 {
		t.Errorf("the file has %d ms, want two seconds of five", ms)
	}
}
