package node

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/offhook/offhook/edge/ask"
	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/edge/media"
	"github.com/offhook/offhook/edge/stream"
)

// streams are the streams of a node: each has a goroutine that is its connection, and the node waits for all of them.
type streams struct {
	all  sync.WaitGroup
	live atomic.Int64

	failed, dropped, reconnects prometheus.Counter
}

func (x *streams) begin() {
	x.failed = counter("streams_failed_total", "Streams whose server could not be had, or was lost for good.")
	x.dropped = counter("stream_frames_dropped_total", "Frames of 20 ms that a stream's server did not take in time.")
	x.reconnects = counter("stream_reconnects_total", "Connections of streams that were lost and made again.")
}

func (x *streams) collectors() []prometheus.Collector {
	live := gauge("streams_live", "Streams that go on.", &x.live)
	return []prometheus.Collector{x.failed, x.dropped, x.reconnects, live}
}

// exchange is a stream as a call holds it: what it hears by track, and the player of what it sends.
type exchange struct {
	stream *stream.Stream
	hears  []*media.Monitor
	player *media.Player // nil: it only listens
}

// stream begins one. StreamEnded follows, unless the call is over before.
func (s *session) stream(o call.StreamStart) {
	n := s.node
	st := stream.New(stream.Config{
		URL: o.To, Client: n.socket(s.tenant), Header: n.handshake(s.tenant, o), Talk: o.Talks, Reconnect: o.Reconnect,
		Start: stream.Start{ID: o.ID, Call: s.id, Account: s.tenant, Tracks: o.Tracks, Params: o.Params},
		Began: func() { n.post(s, call.StreamStarted{Stream: o.Stream}) },
	})
	x := &exchange{stream: st}
	for track := range o.Tracks {
		x.hears = append(x.hears, n.cfg.Media.Monitor(func(pcm []int16) { st.Hear(track, pcm) }))
	}
	if o.Talks {
		x.player = n.cfg.Media.Play([]media.Source{st}, 0, nil)
	}
	if s.streams == nil {
		s.streams = map[int]*exchange{}
	}
	s.streams[o.Stream] = x
	n.streams.live.Add(1)
	n.streams.all.Go(func() {
		defer n.streams.live.Add(-1)
		n.post(s, n.streamed(st, o))
	})
}

// streamed runs a stream to its end and tells what became of it.
func (n *Node) streamed(st *stream.Stream, o call.StreamStart) call.StreamEnded {
	var end stream.End
	if err := connectable(o.To); err != nil {
		end.Why, end.Err = stream.Failed, err
	} else {
		end = st.Run(n.asking)
	}
	n.streams.dropped.Add(float64(end.Dropped))
	n.streams.reconnects.Add(float64(end.Reconnects))
	in := call.StreamEnded{Stream: o.Stream, Why: streamEnds[end.Why], DurationMS: end.Connected.Milliseconds(), BytesSent: end.Sent,
		BytesReceived: end.Received, Dropped: end.Dropped, Refused: end.Refused, Reconnects: end.Reconnects}
	if end.Why == stream.Failed {
		n.streams.failed.Inc()
		in.Code, in.Error = explained(end.Err)
	}
	return in
}

var streamEnds = map[stream.Why]string{stream.Stopped: call.RecordedStopped, stream.Closed: call.StreamClosed, stream.Failed: call.StreamFailed}

var (
	errStreamURL = errors.New("the address must begin with wss:// or ws:// and name a host")
	errNoStreams = errors.New("this edge makes no streams")
)

// connectable: variables were filled into the address since it was checked.
func connectable(to string) error {
	u, err := url.Parse(to)
	if err != nil || u.Scheme != "wss" && u.Scheme != "ws" || u.Hostname() == "" {
		return errStreamURL
	}
	return nil
}

// explained is an error's code and words. Neither the address nor a header, which may hold secrets, is in them.
func explained(err error) (code, text string) {
	if errors.Is(err, errStreamURL) {
		return ask.CodeBadURL, err.Error()
	}
	code, text = ask.Explain(err)
	if own := stream.Code(err); own != "" {
		code = own
	}
	return code, text
}

// socket is the client of a tenant's streams.
func (n *Node) socket(tenant string) *http.Client {
	if n.cfg.Socket == nil {
		return &http.Client{Transport: refusing{}}
	}
	return n.cfg.Socket(n.Policy(tenant))
}

type refusing struct{}

func (refusing) RoundTrip(*http.Request) (*http.Response, error) { return nil, errNoStreams }

// handshake gives the headers of each handshake: the script's, and the signature of an ask without a body.
func (n *Node) handshake(tenant string, o call.StreamStart) func() http.Header {
	tries := 0
	return func() http.Header {
		h := http.Header{"User-Agent": {"offhook"}}
		for name, value := range o.Headers {
			h.Set(name, value)
		}
		id := o.ID
		if tries++; tries > 1 {
			id = fmt.Sprintf("%s.%d", id, tries)
		}
		n.Policy(tenant).Sign(h, id, nil)
		return h
	}
}

func (s *session) withStream(id int, f func(*stream.Stream)) {
	if x := s.streams[id]; x != nil {
		f(x.stream)
	}
}

// hear has each track hear its rows.
func (x *exchange) hear(rows []media.Heard) {
	for track, m := range x.hears {
		var of []media.Heard
		for _, row := range rows {
			if row.Channel == track {
				of = append(of, row)
			}
		}
		m.Hear(of)
	}
}

// leave takes a stream that is over off the media.
func (x *exchange) leave() {
	for _, m := range x.hears {
		m.Stop()
	}
	if x.player != nil {
		x.player.Stop()
	}
}

// end ends a stream whose call is gone; it has a second to say so.
func (x *exchange) end() {
	x.leave()
	x.stream.Stop()
}

func (s *session) streamOver(id int) {
	if x := s.streams[id]; x != nil {
		x.leave()
		delete(s.streams, id)
	}
}

// player is a playback, or what a stream's server sends.
func (s *session) player(id int) *media.Player {
	if x := s.streams[id]; x != nil {
		return x.player
	}
	return s.plays[id]
}
