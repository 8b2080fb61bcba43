package stream_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/offhook/offhook/edge/edgetest"
	"github.com/offhook/offhook/edge/media/g711"
	"github.com/offhook/offhook/edge/stream"
)

// rig is a stream and the server it connects, in a bubble of virtual time.
type rig struct {
	*testing.T
	net    *edgetest.Net
	cfg    stream.Config
	stream *stream.Stream
	ended  chan stream.End
	began  int
	heads  []http.Header // of the handshakes
	gone   chan struct{} // closed once the stream is over
	served sync.WaitGroup
}

// peer is the server's end of one connection.
type peer struct {
	*testing.T
	conn *websocket.Conn
	gone <-chan struct{}
}

// inBubble runs a stream against a server, which serves each connection by serve; then it must be over.
func inBubble(t *testing.T, change func(*stream.Config), serve func(*peer), test func(*rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := &rig{T: t, net: edgetest.NewNet(), ended: make(chan stream.End, 1), gone: make(chan struct{})}
		stop := r.listen(serve)
		defer stop()
		r.cfg = stream.Config{URL: "ws://127.0.0.1:9000/media?key=1", Client: r.client(), Talk: true, Began: func() { r.began++ },
			Header: func() http.Header { return http.Header{"Authorization": {"Bearer s3"}} },
			Start:  stream.Start{ID: "call_1-4", Call: "call_1", Account: "demo", Tracks: []string{"inbound"}, Params: map[string]string{"language": "lv"}}}
		if change != nil {
			change(&r.cfg)
		}
		r.stream = stream.New(r.cfg)
		go func() { r.ended <- r.stream.Run(t.Context()) }()
		test(r)
	})
}

func (r *rig) client() *http.Client {
	transport := &http.Transport{DialContext: r.net.DialContext, DisableKeepAlives: true}
	return &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func (r *rig) listen(serve func(*peer)) (stop func()) {
	l, err := r.net.Listen("tcp", "127.0.0.1:9000")
	if err != nil {
		r.Fatal(err)
	}
	s := &http.Server{ErrorLog: log.New(io.Discard, "", 0), Handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.served.Add(1)
		defer r.served.Done()
		r.heads = append(r.heads, req.Header.Clone())
		if serve == nil {
			http.Redirect(w, req, "ws://127.0.0.1:9001/", http.StatusFound)
			return
		}
		conn, err := websocket.Accept(w, req, nil)
		if err != nil {
			r.Error(err)
			return
		}
		defer conn.CloseNow()
		serve(&peer{r.T, conn, r.gone})
	})}
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(l) }()
	return func() { _ = s.Close(); <-done }
}

// talk has the stream hear a code for a time, and play what comes.
func (r *rig) talk(code byte, d time.Duration) {
	pcm := make([]int16, 160)
	g711.ULaw.Decode(pcm, bytes.Repeat([]byte{code}, 160))
	for range d / (20 * time.Millisecond) {
		r.stream.Hear(0, pcm)
		time.Sleep(20 * time.Millisecond)
	}
}

// end waits for the stream's, and then for the server's: what that has noted can be read.
func (r *rig) end() stream.End {
	r.Helper()
	select {
	case e := <-r.ended:
		close(r.gone)
		r.served.Wait()
		return e
	case <-time.After(5 * time.Minute):
		r.Fatal("it does not end")
	}
	return stream.End{}
}

type frame = map[string]any

// next reads a frame; nil at the connection's end.
func (p *peer) next() frame {
	_, b, err := p.conn.Read(context.Background())
	if err != nil {
		return nil
	}
	var f frame
	if err := json.Unmarshal(b, &f); err != nil {
		p.Errorf("%s: %v", b, err)
	}
	return f
}

// event reads to the next frame of an event.
func (p *peer) event(name string) frame {
	for f := p.next(); f != nil; f = p.next() {
		if f["event"] == name {
			return f
		}
	}
	return nil
}

// drain reads to the end and gives what came.
func (p *peer) drain() (all []frame) {
	for f := p.next(); f != nil; f = p.next() {
		all = append(all, f)
	}
	return all
}

func (p *peer) send(text string) {
	_ = p.conn.Write(context.Background(), websocket.MessageText, []byte(text))
}

func (p *peer) media(code byte, n int) {
	payload := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{code}, n))
	p.send(`{"event":"media","streamSid":"call_1-4","media":{"payload":"` + payload + `"}}`)
}

func compact(f frame) string {
	b, _ := json.Marshal(f)
	return string(b)
}

func TestTheServerGetsTheFramesOfTwilio(t *testing.T) {
	got := make(chan []frame, 1)
	inBubble(t, nil, func(p *peer) { got <- p.drain() }, func(r *rig) {
		r.talk(0x20, 40*time.Millisecond)
		r.stream.Digit("5")
		time.Sleep(time.Millisecond)
		r.stream.Stop()
		end := r.end()
		payload := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{0x20}, 160))
		want := []string{
			`{"event":"connected","protocol":"Call","version":"1.0.0"}`,
			`{"event":"start","sequenceNumber":"1","start":{"accountSid":"demo","callSid":"call_1","customParameters":{"language":"lv"},"mediaFormat":{"channels":1,"encoding":"audio/x-mulaw","sampleRate":8000},"streamSid":"call_1-4","tracks":["inbound"]},"streamSid":"call_1-4"}`,
			`{"event":"media","media":{"chunk":"1","payload":"` + payload + `","timestamp":"0","track":"inbound"},"sequenceNumber":"2","streamSid":"call_1-4"}`,
			`{"event":"media","media":{"chunk":"2","payload":"` + payload + `","timestamp":"20","track":"inbound"},"sequenceNumber":"3","streamSid":"call_1-4"}`,
			`{"dtmf":{"digit":"5","track":"inbound_track"},"event":"dtmf","sequenceNumber":"4","streamSid":"call_1-4"}`,
			`{"event":"stop","sequenceNumber":"5","stop":{"accountSid":"demo","callSid":"call_1"},"streamSid":"call_1-4"}`,
		}
		all := <-got
		for i := range max(len(all), len(want)) {
			if i >= len(all) || i >= len(want) || compact(all[i]) != want[i] {
				t.Fatalf("frame %d: %v", i, all)
			}
		}
		if end.Why != stream.Stopped || end.Sent != 320 || end.Dropped != 0 || end.Refused != 0 || r.began != 1 || end.Connected <= 0 {
			t.Errorf("%+v", end)
		}
		if h := r.heads[0]; h.Get("Authorization") != "Bearer s3" || h.Get("Sec-Websocket-Extensions") != "" {
			t.Error(h)
		}
	})
}

func TestAGapIsSeenInTheTime(t *testing.T) {
	got := make(chan []frame, 1)
	inBubble(t, nil, func(p *peer) { got <- p.drain() }, func(r *rig) {
		r.talk(0x20, 40*time.Millisecond)
		time.Sleep(time.Second)
		r.talk(0x20, 20*time.Millisecond)
		r.stream.Stop()
		r.end()
		all := <-got
		if at := all[4]["media"].(frame)["timestamp"]; at != "1040" {
			t.Error(at)
		}
	})
}

// play asks for frames as the wheel does, in either form, and tells which codes were heard.
func (r *rig) play(first, n int) (heard []byte) {
	for i := range n {
		b, ok, err := r.stream.FrameG711(first+i, false)
		if !ok || err != nil {
			r.Fatal(ok, err)
		}
		heard = append(heard, b[0])
		a, _, _ := r.stream.FrameG711(first+i, true)
		pcm, _, _ := r.stream.Frame(first + i)
		if g711.ULaw.DecodeSample(b[0]) != pcm[0] || g711.ALaw.DecodeSample(a[0])>>8 != pcm[0]>>8 {
			r.Errorf("frame %d differs: %x %x %d", first+i, b[0], a[0], pcm[0])
		}
		time.Sleep(20 * time.Millisecond)
	}
	synctest.Wait()
	return heard
}

func TestMarksComeBackWhenWhatWasBeforeIsPlayed(t *testing.T) {
	marks := make(chan string, 10)
	serve := func(p *peer) {
		p.event("start")
		p.send(`{"event":"mark","streamSid":"call_1-4","mark":{"name":"first"}}`)
		p.media(0x20, 160*3+10)
		p.send(`{"event":"mark","mark":{"name":"se\"cond"}}`)
		p.media(0x30, 160)
		for f := p.event("mark"); f != nil; f = p.event("mark") {
			marks <- f["mark"].(frame)["name"].(string)
		}
	}
	inBubble(t, nil, serve, func(r *rig) {
		synctest.Wait()
		if len(marks) != 0 {
			t.Fatal("before anything is played")
		}
		if got := r.play(0, 4); string(got) != "\x20\x20\x20\x20" || len(marks) != 1 || <-marks != "first" {
			t.Fatalf("%x, %d marks", got, len(marks))
		}
		if got := r.play(4, 3); string(got) != "\x30\xff\xff" || len(marks) != 1 || <-marks != `se"cond` {
			t.Fatalf("%x, %d marks", got, len(marks))
		}
		r.stream.Stop()
		if end := r.end(); end.Received != 160*4+10 {
			t.Errorf("%+v", end)
		}
	})
}

func TestClearEmptiesTheQueueAndReturnsItsMarks(t *testing.T) {
	marks := make(chan string, 10)
	serve := func(p *peer) {
		p.event("start")
		p.media(0x20, 8000*60)
		for i := range 3 {
			p.send(fmt.Sprintf(`{"event":"mark","mark":{"name":"%d"}}`, i))
		}
		time.Sleep(100 * time.Millisecond)
		p.send(`{"event":"clear","streamSid":"call_1-4"}`)
		p.media(0x30, 160)
		for f := p.event("mark"); f != nil; f = p.event("mark") {
			marks <- f["mark"].(frame)["name"].(string)
		}
	}
	inBubble(t, nil, serve, func(r *rig) {
		synctest.Wait()
		if got := r.play(0, 3); string(got) != "\x20\x20\x20" || len(marks) != 0 {
			t.Fatalf("%x, %d marks", got, len(marks))
		}
		time.Sleep(time.Second)
		if got := r.play(3, 2); string(got) != "\x30\xff" || len(marks) != 3 || <-marks != "0" {
			t.Fatalf("%x, %d marks", got, len(marks))
		}
		r.stream.Stop()
		r.end()
	})
}

func TestServerThatClosesIsHeardToTheEnd(t *testing.T) {
	serve := func(p *peer) {
		p.event("start")
		p.media(0x20, 8000)
		_ = p.conn.Close(websocket.StatusNormalClosure, "bye")
	}
	inBubble(t, nil, serve, func(r *rig) {
		synctest.Wait()
		if r.play(0, 50); len(r.ended) != 0 {
			t.Fatal("it ended before all was played")
		}
		r.play(50, 1)
		if end := r.end(); end.Why != stream.Closed || end.Err != nil || end.Received != 8000 {
			t.Errorf("%+v", end)
		}
	})
}

func TestServerThatDoesNotReadLosesTheOldest(t *testing.T) {
	serve := func(p *peer) { <-p.gone }
	inBubble(t, nil, serve, func(r *rig) {
		began := time.Now()
		r.talk(0x20, 20*time.Second)
		if took := time.Since(began); took != 20*time.Second {
			t.Error("the wheel waited:", took)
		}
		end := r.end()
		if end.Why != stream.Failed || !strings.Contains(end.Err.Error(), "ping") || end.Dropped < 700 || end.Sent != 0 {
			t.Errorf("%+v", end)
		}
		if took := time.Since(began); took > 31*time.Second {
			t.Error("given up after", took)
		}
	})
}

func TestStopDoesNotWaitForAServerThatStandsStill(t *testing.T) {
	inBubble(t, nil, func(p *peer) { p.event("start"); <-p.gone }, func(r *rig) {
		r.talk(0x20, time.Second)
		began := time.Now()
		r.stream.Stop()
		if end := r.end(); end.Why != stream.Stopped || time.Since(began) > time.Second {
			t.Errorf("%+v after %v", end, time.Since(began))
		}
	})
}

func TestLostConnectionIsMadeAgain(t *testing.T) {
	n, starts := 0, 0
	var last []frame
	serve := func(p *peer) {
		if n++; p.event("start") != nil {
			starts++
		}
		if n < 3 {
			p.event("media")
			return // and is gone without a word
		}
		p.send(`{"event":"mark","mark":{"name":"here"}}`)
		last = p.drain()
	}
	inBubble(t, func(c *stream.Config) { c.Reconnect = 2 }, serve, func(r *rig) {
		r.talk(0x20, 4*time.Second)
		r.play(0, 2)
		r.stream.Stop()
		end := r.end()
		if end.Why != stream.Stopped || end.Reconnects != 2 || starts != 3 || r.began != 1 || end.Dropped != 0 {
			t.Errorf("%d starts: %+v", starts, end)
		}
		if len(last) < 100 || last[0]["sequenceNumber"] != "2" || last[len(last)-1]["event"] != "stop" {
			t.Errorf("%d frames, the first %v", len(last), last[0])
		}
	})
}

func TestReconnectsHaveALimit(t *testing.T) {
	n := 0
	inBubble(t, func(c *stream.Config) { c.Reconnect = 3 }, func(p *peer) { n++; p.event("start") }, func(r *rig) {
		if end := r.end(); end.Why != stream.Failed || end.Err == nil || end.Reconnects != 3 || n != 4 {
			t.Errorf("%d connections: %+v", n, end)
		}
	})
}

func TestConnectionThatStoodStartsTheCountAgain(t *testing.T) {
	n := 0
	serve := func(p *peer) {
		if n++; n < 6 {
			stop := time.AfterFunc(2*time.Minute, func() { _ = p.conn.CloseNow() })
			defer stop.Stop()
			p.drain()
			return
		}
		p.event("start")
		_ = p.conn.Close(websocket.StatusNormalClosure, "")
	}
	inBubble(t, func(c *stream.Config) { c.Reconnect = 1 }, serve, func(r *rig) {
		time.Sleep(20 * time.Minute)
		r.play(0, 1)
		if end := r.end(); end.Why != stream.Closed || end.Reconnects != 5 {
			t.Errorf("%+v", end)
		}
	})
}

func TestServerThatClosesForAReasonIsNotAskedAgain(t *testing.T) {
	n := 0
	serve := func(p *peer) { n++; p.event("start"); _ = p.conn.Close(4001, "no such key") }
	inBubble(t, func(c *stream.Config) { c.Reconnect = 5 }, serve, func(r *rig) {
		if end := r.end(); end.Why != stream.Failed || !strings.Contains(end.Err.Error(), "no such key") || n != 1 {
			t.Errorf("%d connections: %+v", n, end)
		}
	})
}

func TestGarbageIsToldOnceAndEndsItWhenThereIsTooMuch(t *testing.T) {
	var faults []string
	serve := func(p *peer) {
		p.event("start")
		for _, text := range []string{"hello", `{"event":7}`, `{}`, `{"event":"media","media":{"payload":"%%%"}}`, `{"event":"mark"}`, `[]`, `{"event":"hello"}`} {
			p.send(text)
		}
		_ = p.conn.Write(context.Background(), websocket.MessageBinary, []byte{1, 2})
		told := []frame{p.event("error"), p.event("error")} // while it has not ended
		go func() {
			for range 200 {
				p.send("x")
			}
		}()
		for _, f := range append(told, p.drain()...) {
			if f["event"] == "error" {
				faults = append(faults, f["error"].(frame)["code"].(string))
			}
		}
	}
	inBubble(t, func(c *stream.Config) { c.Reconnect = 5 }, serve, func(r *rig) {
		end := r.end()
		synctest.Wait()
		if end.Why != stream.Failed || !errors.Is(end.Err, stream.ErrGarbage) || end.Refused != 102 {
			t.Errorf("%+v", end)
		}
		if strings.Join(faults, " ") != "bad_frame unknown_event" {
			t.Error(faults)
		}
	})
}

func TestMessageThatIsTooLargeEndsIt(t *testing.T) {
	serve := func(p *peer) { p.event("start"); p.media(0x20, 1<<20); p.drain() }
	inBubble(t, func(c *stream.Config) { c.Reconnect = 5 }, serve, func(r *rig) {
		if end := r.end(); end.Why != stream.Failed || !strings.Contains(end.Err.Error(), "1048576 bytes") || end.Received != 0 {
			t.Errorf("%+v", end)
		}
	})
}

func TestMoreThanThreeMinutesAheadIsRefused(t *testing.T) {
	faults := 0
	serve := func(p *peer) {
		p.event("start")
		for range 4 {
			p.media(0x20, 60*8000)
		}
		for range 2000 {
			p.send(`{"event":"mark","mark":{"name":"m"}}`)
		}
		for _, f := range p.drain() {
			if f["event"] == "error" {
				faults++
			}
		}
	}
	inBubble(t, nil, serve, func(r *rig) {
		synctest.Wait()
		r.stream.Stop()
		if end := r.end(); end.Received != 180*8000 || end.Refused != 1+1000 {
			t.Errorf("%+v", end)
		}
		if synctest.Wait(); faults != 2 {
			t.Error(faults, "faults told")
		}
	})
}

func TestServerThatOnlyListensIsNotHeard(t *testing.T) {
	serve := func(p *peer) { p.event("start"); p.media(0x20, 160); p.drain() }
	inBubble(t, func(c *stream.Config) { c.Talk = false }, serve, func(r *rig) {
		synctest.Wait()
		if got := r.play(0, 1); got[0] != 0xff {
			t.Errorf("%x", got)
		}
		r.stream.Stop()
		if end := r.end(); end.Received != 0 || end.Refused != 1 {
			t.Errorf("%+v", end)
		}
	})
}

func TestServerInALoopDoesNotHaveAProcessor(t *testing.T) {
	sent := 0
	serve := func(p *peer) {
		p.event("start")
		for p.conn.Write(context.Background(), websocket.MessageText, []byte(`{"event":"clear"}`)) == nil {
			sent++
		}
	}
	inBubble(t, nil, serve, func(r *rig) {
		time.Sleep(3500 * time.Millisecond)
		r.stream.Stop()
		r.end()
		if sent < 10_000 || sent > 25_002 {
			t.Error(sent, "messages in 3.5 s")
		}
	})
}

func TestNoConnectionIsAFailure(t *testing.T) {
	inBubble(t, func(c *stream.Config) { c.Reconnect = 5 }, nil, func(r *rig) {
		end := r.end()
		var status *stream.StatusError
		if end.Why != stream.Failed || !errors.As(end.Err, &status) || status.Code != http.StatusFound || len(r.heads) != 1 || r.began != 0 {
			t.Errorf("%+v", end)
		}
	})
	inBubble(t, func(c *stream.Config) { c.URL = "ws://127.0.0.1:9999/" }, nil, func(r *rig) {
		if end := r.end(); end.Why != stream.Failed || end.Err == nil {
			t.Errorf("%+v", end)
		}
	})
}

func TestStopWhileItConnectsOrRests(t *testing.T) {
	stuck := func(c *stream.Config) {
		c.Client.Transport.(*http.Transport).DialContext = nil
		c.Client.Transport = waits{}
	}
	inBubble(t, stuck, nil, func(r *rig) {
		time.Sleep(time.Second)
		r.stream.Stop()
		if end := r.end(); end.Why != stream.Stopped {
			t.Errorf("%+v", end)
		}
	})
	inBubble(t, stuck, nil, func(r *rig) {
		began := time.Now()
		if end := r.end(); end.Why != stream.Failed || time.Since(began) != 5*time.Second {
			t.Errorf("%+v after %v", end, time.Since(began))
		}
	})
	inBubble(t, func(c *stream.Config) { c.Reconnect = 5 }, func(p *peer) { p.event("start") }, func(r *rig) {
		time.Sleep(100 * time.Millisecond)
		r.stream.Stop()
		if end := r.end(); end.Why != stream.Stopped || end.Reconnects != 0 {
			t.Errorf("%+v", end)
		}
	})
}

// waits is a server that never answers.
type waits struct{}

func (waits) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}
