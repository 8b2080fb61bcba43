package stream

import (
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"

	"github.com/coder/websocket"
)

func TestSoundCostsNoAllocation(t *testing.T) {
	o, play := newOutbox(2), &playout{played: func(string) {}}
	about := Start{ID: "call_1-4", Tracks: []string{"inbound", "outbound"}}
	var c counters
	var f frame
	pcm, buf := make([]int16, 160), make([]byte, 0, 1024)
	n := 0
	if got := testing.AllocsPerRun(2000, func() {
		o.hear(n%2, pcm)
		if _, ok := o.take(&f); !ok {
			t.Fatal("nothing waits")
		}
		buf = about.media(buf[:0], &c, &f)
		play.coded(n, false)
		n++
	}); got != 0 {
		t.Errorf("%v allocations", got)
	}
	if c.chunks[0] != c.chunks[1] && c.chunks[0] != c.chunks[1]+1 {
		t.Error(c.chunks)
	}
}

func TestSmallPayloadsShareMemory(t *testing.T) {
	p := &playout{}
	for range mostQueued {
		if !p.add([]byte{0x20}) {
			t.Fatal("no room")
		}
	}
	if p.add([]byte{0x20}) || len(p.chunks) > mostQueued/chunkSize+1 {
		t.Error(len(p.chunks), "chunks")
	}
}

func BenchmarkFrame(b *testing.B) {
	o := newOutbox(1)
	about := Start{ID: "call_01JZ8Q4T3N-4", Tracks: []string{"inbound"}}
	var c counters
	var f frame
	pcm, buf := make([]int16, 160), make([]byte, 0, 1024)
	for b.Loop() {
		o.hear(0, pcm)
		o.take(&f)
		buf = about.media(buf[:0], &c, &f)
	}
}

// BenchmarkConnection is a frame on its way through a real connection, the server's share of the work included.
func BenchmarkConnection(b *testing.B) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, nil)
		for err == nil {
			_, _, err = conn.Read(r.Context())
		}
	}))
	defer server.Close()
	s := New(Config{URL: server.URL, Client: http.DefaultClient, Header: func() http.Header { return nil }, Began: func() {}, Start: Start{ID: "call_1-4", Tracks: []string{"inbound"}}})
	done := make(chan End)
	go func() { done <- s.Run(b.Context()) }()
	pcm := make([]int16, 160)
	b.ReportAllocs()
	for n := int64(1); b.Loop(); n++ {
		s.Hear(0, pcm)
		for s.sent.Load() < n*frameSize {
			runtime.Gosched()
		}
	}
	s.Stop()
	<-done
}
