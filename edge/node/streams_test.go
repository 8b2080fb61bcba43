package node_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/offhook/offhook/edge/ask"
	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/edge/verbs"
	"github.com/offhook/offhook/events"
	"github.com/offhook/offhook/schemas/event"
)

// server is where streams of a test lead: on the rig's network, at 127.0.0.1:9000.
type server struct {
	*rig
	mu    sync.Mutex
	got   []heardFrame
	heads []http.Header
}

// heardFrame is a frame that came.
type heardFrame struct {
	Event string
	Start struct {
		StreamSid, CallSid, AccountSid string
		Tracks                         []string
		CustomParameters               map[string]string
	}
	Media struct {
		Track   string
		Payload []byte
	}
	DTMF struct{ Digit string }
	Mark struct{ Name string }
}

// streaming lets a node make streams.
func streaming(s *setup) {
	s.node.Socket = func(ask.Policy) *http.Client {
		return &http.Client{Transport: &http.Transport{DialContext: s.net.DialContext, DisableKeepAlives: true}}
	}
}

// serve begins a server whose connections do what f says.
func (r *rig) serve(f func(*websocket.Conn, func() (heardFrame, bool))) *server {
	x := &server{rig: r}
	l, err := r.net.Listen("tcp", "127.0.0.1:9000")
	if err != nil {
		r.Fatal(err)
	}
	s := &http.Server{ErrorLog: log.New(io.Discard, "", 0), Handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		x.mu.Lock()
		x.heads = append(x.heads, req.Header.Clone())
		x.mu.Unlock()
		conn, err := websocket.Accept(w, req, nil)
		if err != nil {
			return
		}
		defer conn.CloseNow()
		f(conn, func() (heardFrame, bool) { return x.next(conn) })
	})}
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(l) }()
	r.atEnd = append(r.atEnd, func() { _ = s.Close(); <-done })
	return x
}

func (x *server) next(conn *websocket.Conn) (m heardFrame, ok bool) {
	_, b, err := conn.Read(context.Background())
	if err != nil {
		return m, false
	}
	if err := json.Unmarshal(b, &m); err != nil {
		x.Errorf("%s: %v", b, err)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.got = append(x.got, m)
	return m, true
}

// frames are what has come of an event.
func (x *server) frames(name string) []heardFrame {
	synctest.Wait()
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(x.got), func(m heardFrame) bool { return m.Event != name })
}

// voice is what a track is made of: how many frames have mostly this code.
func (x *server) voice(track string, code byte) (n int) {
	for _, m := range x.frames("media") {
		if m.Media.Track == track && bytes.Count(m.Media.Payload, []byte{code}) > 150 {
			n++
		}
	}
	return n
}

func say(conn *websocket.Conn, text string) {
	_ = conn.Write(context.Background(), websocket.MessageText, []byte(text))
}

func pour(conn *websocket.Conn, code byte, n int) {
	say(conn, `{"event":"media","media":{"payload":"`+base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{code}, n))+`"}}`)
}

// toTheEnd reads until the connection ends.
func toTheEnd(_ *websocket.Conn, next func() (heardFrame, bool)) {
	for _, ok := next(); ok; _, ok = next() {
	}
}

func TestAVoiceAgentHearsAndIsHeardAndGetsKeys(t *testing.T) {
	inBubble(t, streaming, func(r *rig) {
		x := r.serve(func(conn *websocket.Conn, next func() (heardFrame, bool)) {
			for m, ok := next(); ok; m, ok = next() {
				switch m.Event {
				case "start":
					pour(conn, 0x30, 8000*3)
					say(conn, `{"event":"mark","mark":{"name":"said"}}`)
				case "dtmf":
					_ = conn.Close(websocket.StatusNormalClosure, "bye")
				}
			}
		})
		r.script(`[{"verb": "stream", "id": "robot", "to": "ws://127.0.0.1:9000/media?key=secret", "params": {"who": "{caller_number}"}, "headers": {"Authorization": "Bearer s3"}}, {"verb": "log", "text": "{result.cause}"}, {"verb": "pause", "for": "1s"}]`)
		anna := r.phone(6000)
		anna.established("200", withDigits)
		anna.hum(0x20, 2*time.Second)
		if got := anna.voices(); !bytes.Contains(got, []byte{0x30}) {
			t.Errorf("anna hears %x", got)
		}
		if n := x.voice("inbound", 0x20); n < 90 {
			t.Error(n, "frames of anna")
		}
		if live := r.counter("offhook_streams_live"); live != 1 {
			t.Error("live:", live)
		}
		if len(x.frames("mark")) != 0 {
			t.Error("a mark before its sound was played")
		}
		anna.hum(0x20, 1500*time.Millisecond)
		if len(x.frames("mark")) != 1 {
			t.Error("no mark")
		}
		anna.press(5)
		anna.expect("BYE")
		start := x.frames("start")[0].Start
		ev := last[event.Stream](r, event.StreamEnded)
		if start.StreamSid != ev.Stream || start.CallSid != ev.CallID || start.AccountSid != "demo" || start.CustomParameters["who"] == "" || !slices.Equal(start.Tracks, []string{"inbound"}) {
			t.Errorf("%+v", start)
		}
		if ev.Why != "closed" || ev.To != "ws://127.0.0.1:9000/media" || ev.VerbID != "robot" || ev.BytesReceived != 24000 || ev.BytesSent < 160*150 || ev.Dropped != 0 || ev.DurationMS < 3000 {
			t.Errorf("%+v", ev)
		}
		if h := x.heads[0]; h.Get("Authorization") != "Bearer s3" || h.Get("Webhook-Id") != ev.Stream || h.Get("Webhook-Timestamp") == "" {
			t.Error(h)
		}
		for _, e := range r.log.list() {
			if bytes.Contains(e.Data, []byte("s3")) || bytes.Contains(e.Data, []byte("secret")) {
				t.Errorf("a secret in %s: %s", e.Type, e.Data)
			}
		}
		if r.counter("offhook_streams_live") != 0 {
			t.Error("still live")
		}
	})
}

func TestARecogniserHearsBothPartiesApart(t *testing.T) {
	inBubble(t, streaming, func(r *rig) {
		x := r.serve(toTheEnd)
		r.ask.set("fn:router", `[{"verb": "stream", "to": "ws://127.0.0.1:9000/", "track": "both", "background": true}, {"verb": "dial", "to": {"sip": "sip:bob@127.0.0.1:7000"}}]`)
		anna, bob := r.phone(6000), r.phone(7000)
		caller := anna.dial("200")
		caller.invite(anna.sdp("sendrecv", withDigits))
		bob.take(withDigits)
		anna.expect("100 INVITE")
		caller.learn(anna.expect("200 INVITE"))
		caller.request("ACK", "", "")
		var wg sync.WaitGroup
		wg.Go(func() { anna.hum(0x20, 2*time.Second) })
		wg.Go(func() { bob.hum(0x30, 2*time.Second) })
		wg.Wait()
		if a, b := x.voice("inbound", 0x20), x.voice("outbound", 0x30); a < 90 || b < 90 {
			t.Errorf("%d frames of anna, %d of bob", a, b)
		}
		if a, b := x.voice("inbound", 0x30), x.voice("outbound", 0x20); a+b != 0 {
			t.Error("mixed up:", a, b)
		}
		caller.request("BYE", "", "")
		anna.expect("200 BYE")
		bob.reply(bob.expect("BYE"), 200, "", "")
		types := r.log.types(events.TopicCalls)
		if n := len(types); types[n-1] != event.CallHangup || types[n-2] != event.StreamEnded && types[n-3] != event.StreamEnded {
			t.Error(types)
		}
		if len(x.frames("stop")) != 1 {
			t.Error("no stop frame")
		}
	})
}

func TestAStreamThatCannotBeHadEndsNoCall(t *testing.T) {
	for to, code := range map[string]string{"ws://127.0.0.1:9009/": "connection", "{caller_number}": "bad_url"} {
		inBubble(t, streaming, func(r *rig) {
			r.script(`[{"verb": "stream", "to": "` + to + `"}, {"verb": "say", "text": "Sorry."}, {"verb": "pause", "for": "1m"}]`)
			anna := r.phone(6000)
			caller := anna.established("200", withDigits)
			wait(3 * time.Second)
			if ev := last[event.Stream](r, event.StreamFailed); ev.Code != code || ev.Error == "" || ev.Why != "failed" {
				t.Errorf("%+v", ev)
			}
			if r.only().Status != "answered" || r.counter("offhook_streams_failed_total") != 1 {
				t.Error("the call did not go on")
			}
			caller.request("BYE", "", "")
			anna.expect("200 BYE")
		})
	}
	inBubble(t, nil, func(r *rig) {
		r.script(`[{"verb": "stream", "to": "wss://127.0.0.1:9000/"}]`)
		anna := r.phone(6000)
		anna.established("200", withDigits)
		anna.reply(anna.expect("BYE"), 200, "", "")
		if ev := last[event.Stream](r, event.StreamFailed); ev.Error != "this edge makes no streams" {
			t.Errorf("%+v", ev)
		}
	})
}

func TestAServerThatStallsHoldsNoCallUp(t *testing.T) {
	inBubble(t, streaming, func(r *rig) {
		r.serve(func(_ *websocket.Conn, next func() (heardFrame, bool)) { next(); time.Sleep(time.Minute) })
		r.script(`[{"verb": "stream", "to": "ws://127.0.0.1:9000/", "reconnect": -1}]`)
		anna := r.phone(6000)
		caller := anna.established("200", withDigits)
		anna.hum(0x20, 10*time.Second)
		began := time.Now()
		caller.request("BYE", "", "")
		anna.expect("200 BYE")
		wait(1100 * time.Millisecond)
		end := last[event.Hangup](r, event.CallHangup)
		if took := end.At.Sub(began); took > 1050*time.Millisecond {
			t.Error("the final event came after", took)
		}
		if ev := last[event.Stream](r, event.StreamEnded); ev.Why != "hangup" || ev.Dropped < 200 {
			t.Errorf("%+v", ev)
		}
		wait(time.Minute)
	})
}

func TestALostServerIsConnectedAgainWhileTheCallGoesOn(t *testing.T) {
	inBubble(t, streaming, func(r *rig) {
		n := 0
		x := r.serve(func(conn *websocket.Conn, next func() (heardFrame, bool)) {
			if n++; n == 1 {
				next()
				next()
				return
			}
			toTheEnd(conn, next)
		})
		r.script(`[{"verb": "stream", "to": "ws://127.0.0.1:9000/"}]`)
		anna := r.phone(6000)
		caller := anna.established("200", withDigits)
		anna.hum(0x20, 3*time.Second)
		caller.request("BYE", "", "")
		anna.expect("200 BYE")
		if ev := last[event.Stream](r, event.StreamEnded); ev.Reconnects != 1 || ev.Dropped != 0 || ev.Why != "hangup" {
			t.Errorf("%+v", ev)
		}
		if x.voice("inbound", 0x20) < 140 || r.log.count(event.StreamStarted) != 1 {
			t.Error(x.voice("inbound", 0x20), "frames came")
		}
		if a, b := x.heads[0].Get("Webhook-Id"), x.heads[1].Get("Webhook-Id"); b != a+".2" {
			t.Error(a, b)
		}
	})
}

func TestACrashedCallEndsItsStreams(t *testing.T) {
	change := func(s *setup) {
		streaming(s)
		s.node.NewCall = func(id string) call.Stepper { return &faulty{Stepper: verbs.NewCall(id), at: "timer_fired"} }
	}
	inBubble(t, change, func(r *rig) {
		x := r.serve(toTheEnd)
		r.script(`[{"verb": "stream", "to": "ws://127.0.0.1:9000/", "background": true}, {"verb": "answer"}, {"verb": "pause", "for": "1s"}]`)
		anna := r.phone(6000)
		anna.established("fault", withDigits)
		anna.hum(0x20, 2*time.Second)
		anna.reply(anna.expect("BYE"), 200, "", "")
		wait(time.Second)
		if r.counter("offhook_call_panics_total") != 1 || r.counter("offhook_streams_live") != 0 || len(x.frames("stop")) != 1 {
			t.Error(r.counter("offhook_streams_live"), x.frames("stop"))
		}
	})
}

func TestANodeThatStopsEndsItsStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, streaming)
		r.serve(func(_ *websocket.Conn, next func() (heardFrame, bool)) { next(); time.Sleep(time.Hour) })
		r.script(`[{"verb": "stream", "to": "ws://127.0.0.1:9000/"}]`)
		anna := r.phone(6000)
		anna.established("200", withDigits)
		anna.hum(0x20, time.Second)
		go func() {
			if m := anna.expect("BYE"); m.start != "" {
				anna.reply(m, 200, "", "")
			}
		}()
		stopped := time.Now()
		r.stops["node"]()
		if err := <-r.done["node"]; err != nil {
			t.Error(err)
		}
		if took := time.Since(stopped); took > 2100*time.Millisecond {
			t.Error("took", took)
		}
		r.done["node"] <- nil
		types := r.log.types(events.TopicCalls)
		if n := len(types); types[n-1] != event.CallHangup || !slices.Contains(types, event.StreamEnded) {
			t.Error(types)
		}
		time.Sleep(time.Hour)
		r.stop()
	})
}

func TestAVoiceAgentIsRecordedAsTheOtherParty(t *testing.T) {
	dir := t.TempDir()
	change := func(s *setup) {
		streaming(s)
		recording(t, dir)(s)
	}
	inBubble(t, change, func(r *rig) {
		r.serve(func(conn *websocket.Conn, next func() (heardFrame, bool)) {
			next()
			pour(conn, 0x30, 8000*2)
			toTheEnd(conn, next)
		})
		r.script(`[{"verb": "record", "channels": 2, "background": true}, {"verb": "stream", "to": "ws://127.0.0.1:9000/"}]`)
		anna := r.phone(6000)
		caller := anna.established("200", withDigits)
		anna.hum(0x20, 2*time.Second)
		caller.request("BYE", "", "")
		anna.expect("200 BYE")
		if _, most := r.stored(dir, last[event.Recording](r, event.RecordingStored)); most != [2]int16{level(0x20), level(0x30)} {
			t.Error(most)
		}
	})
}
