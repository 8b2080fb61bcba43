//go:build e2e

package verbs

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/offhook/offhook/edge/media/g711"
	"github.com/offhook/offhook/infra/e2e/real"
)

// python starts a server of this repository as it stands, in a folder of its own, and gives its port.
func python(t *testing.T, file string) (p *real.Process, dir string, port int) {
	t.Helper()
	script, err := filepath.Abs(file)
	if err != nil {
		t.Fatal(err)
	}
	dir, port = t.TempDir(), real.Port(t, 1)
	p = real.Start(t, dir, "/usr/bin/python3", script, strconv.Itoa(port))
	real.Eventually(t, file+" listens", func() bool {
		table, err := os.ReadFile("/proc/net/tcp")
		return err == nil && strings.Contains(string(table), fmt.Sprintf("0100007F:%04X 00000000:0000 0A", port))
	})
	return p, dir, port
}

func ulaw(b []byte) []int16 {
	pcm := make([]int16, len(b))
	g711.ULaw.Decode(pcm, b)
	return pcm
}

// firstTone is when a tone first went to or from a port.
func firstTone(packets []real.Packet, hz int, is func(real.Packet) bool) time.Time {
	for _, p := range packets {
		if is(p) && len(p.Payload) == 172 && p.Payload[1]&0x7f == 0 && real.Strength(ulaw(p.Payload[12:]), hz) > 0.5 {
			return p.At
		}
	}
	return time.Time{}
}

// TestAServerOfAStrangerEchoesTheCaller runs the example as its reader would.
func TestAServerOfAStrangerEchoesTheCaller(t *testing.T) {
	echo, _, port := python(t, "../../../schemas/examples/streams/echo.py")
	h := open(t, fmt.Sprintf(`"70": {answer: [{verb: stream, id: echo, to: "ws://127.0.0.1:%d/", params: {language: lv}, next: [{verb: emit, type: left, data: {why: "{result.cause}"}}, {verb: pause, for: 30s}]}]}`, port))
	caller := h.phone("300", client)
	caller.Do(t, "dial", h.uri("70"))
	caller.Wait(t, "CALL_ESTABLISHED")
	start := echo.Line(t, `"event":"start"`)
	for _, want := range []string{`"customParameters":{"language":"lv"}`, `"encoding":"audio/x-mulaw"`, `"tracks":["inbound"]`, h.event("stream.started").Subject} {
		if !strings.Contains(start, want) {
			t.Errorf("no %s in %s", want, start)
		}
	}
	<-time.After(1500 * time.Millisecond) // the echo is a second behind
	h.listen("the echo", map[ear][]int{caller: {client}})
	caller.Press(t, "5")
	left := h.event("custom.left")
	if data, _ := left.Data["data"].(map[string]any); data["why"] != "closed" {
		t.Errorf("the script saw %v", left.Data)
	}
	h.listen("the server has closed", map[ear][]int{caller: {}})
	caller.Do(t, "hangup", "")
	h.empty()
	h.judge()
	at := func(port int) bool { return port >= caller.Ears()[0] && port <= caller.Ears()[1] }
	said := firstTone(h.packets, client, func(p real.Packet) bool { return at(p.Src) })
	heard := firstTone(h.packets, client, func(p real.Packet) bool { return at(p.Dst) })
	if late := heard.Sub(said); said.IsZero() || heard.IsZero() || late < 950*time.Millisecond || late > 3*time.Second {
		t.Errorf("what was said at %v came back after %v, want a second", said, late)
	} else {
		t.Logf("the echo comes back after %v", late)
	}
	if e := h.event("stream.ended"); e.Data["why"] != "closed" || e.Data["dropped"] != nil || e.Data["refused"] != nil {
		t.Errorf("%v", e.Data)
	}
}

func TestAServerHearsBothPartiesApart(t *testing.T) {
	hear, dir, port := python(t, "hear.py")
	h := open(t, fmt.Sprintf(`"71": {answer: [{verb: stream, id: words, to: "ws://127.0.0.1:%d/hear?key=s3cret", track: both, background: true, headers: {Authorization: "Bearer t0ken"}}, {verb: dial, to: {user: "101"}}]}`, port))
	caller, agent := h.phone("300", client), h.phone("101", ilze)
	caller.Do(t, "dial", h.uri("71"))
	agent.Wait(t, "CALL_INCOMING")
	agent.Do(t, "accept", "")
	call := h.event("call.bridged").Subject
	hear.Line(t, "Bearer t0ken")
	h.listen("streamed", map[ear][]int{caller: {ilze}, agent: {client}})
	h.beside(call, `[{"verb": "stream", "action": "stop", "of_id": "words"}]`)
	hear.Line(t, `"event":"stop"`)
	h.listen("stopped", map[ear][]int{caller: {ilze}, agent: {client}})
	caller.Do(t, "hangup", "")
	h.empty()
	h.judge()
	for track, hz := range map[string]int{"inbound": client, "outbound": ilze} {
		b, err := os.ReadFile(filepath.Join(dir, track+".ulaw"))
		if err != nil {
			t.Fatal(err)
		}
		mostly(t, track, ulaw(b[max(0, len(b)-8000):]), hz)
	}
	for _, e := range h.Ended(t, call) {
		if text := fmt.Sprint(e.Data); strings.Contains(text, "s3cret") || strings.Contains(text, "t0ken") {
			t.Errorf("a secret in %v", e)
		}
	}
	if text := h.Tail(10_000); strings.Contains(text, "s3cret") || strings.Contains(text, "t0ken") {
		t.Error("a secret in the log")
	}
}

func TestTheCallGoesOnWithoutAServerThatWasKilled(t *testing.T) {
	echo, _, port := python(t, "../../../schemas/examples/streams/echo.py")
	h := open(t, fmt.Sprintf(`"72": {answer: [{verb: stream, to: "ws://127.0.0.1:%d/", reconnect: 2}, {verb: emit, type: failed, data: {why: "{result.cause}"}}, {verb: pause, for: 30s}]}`, port))
	caller := h.phone("300", client)
	caller.Do(t, "dial", h.uri("72"))
	caller.Wait(t, "CALL_ESTABLISHED")
	echo.Line(t, `"event":"start"`)
	echo.Kill()
	left := h.event("custom.failed")
	if data, _ := left.Data["data"].(map[string]any); data["why"] != "refused" {
		t.Errorf("the script saw %v", left.Data)
	}
	if e := h.event("stream.failed"); e.Data["code"] != "refused" || e.Data["why"] != "failed" {
		t.Errorf("%v", e.Data)
	}
	caller.Do(t, "hangup", "")
	h.empty()
}
