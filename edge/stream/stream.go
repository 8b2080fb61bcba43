// Package stream exchanges sound with a WebSocket server in the frames of Twilio's Media Streams: u-law, 8 kHz, 20 ms a
// frame, as JSON in text messages. It knows frames and connections, neither calls nor tenants nor whom one may connect.
package stream

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
)

// Times of a connection.
const (
	connectTime = 5 * time.Second
	closeTime   = time.Second      // from Stop on, whatever the server does
	steady      = time.Minute      // a connection that stood so long starts the count of reconnects again
	longestRest = 8 * time.Second  // between two tries
	pingEvery   = 15 * time.Second // and so long the server may take to answer
	firstRest   = 500 * time.Millisecond
)

// Config of a Stream. URL, Client and Start are needed.
type Config struct {
	URL       string       // ws:// or wss://
	Client    *http.Client // makes the handshake; whom it may connect and whether it follows redirects is its matter
	Header    func() http.Header
	Start     Start
	Talk      bool   // what the server sends is played
	Reconnect int    // how many times in a row a lost connection is made again
	Began     func() // told when it is connected for the first time; must not block
}

// Start is what the server is told first.
type Start struct {
	ID      string // streamSid
	Call    string // callSid
	Account string // accountSid
	Tracks  []string
	Params  map[string]string
}

// Why a stream ended.
type Why int

// Ends of a stream.
const (
	Stopped Why = iota // by Stop or the context
	Closed             // by the server
	Failed             // not to be had, or lost for good
)

// End is what became of a stream.
type End struct {
	Why           Why
	Err           error         // of Failed
	Connected     time.Duration // in all
	Sent          int64         // bytes of sound
	Received      int64         // that was taken
	Dropped       int64         // frames that the server did not get
	Refused       int64         // frames of the server that were not taken
	Reconnects    int
	lastConnected time.Duration
}

// ErrGarbage is why a server is given up that sends no frames of this protocol.
var ErrGarbage = errors.New("the server sent too many messages that are no frames of a media stream")

var (
	errSilent = fmt.Errorf("the server did not answer a ping within %s", pingEvery)
	errLarge  = fmt.Errorf("the server sent a message of more than %d bytes", mostMessage)
)

// Code names what is wrong: status, bad_frames, too_large, closed (for a reason); empty: the connection itself is.
func Code(err error) string {
	var status *StatusError
	switch {
	case errors.As(err, &status):
		return "status"
	case errors.Is(err, ErrGarbage):
		return "bad_frames"
	case errors.Is(err, errLarge):
		return "too_large"
	case errors.Is(err, errSilent):
		return "timeout"
	case websocket.CloseStatus(err) != -1:
		return "closed"
	}
	return ""
}

// StatusError says that the server answered the handshake with something else.
type StatusError struct{ Code int }

func (e *StatusError) Error() string {
	return fmt.Sprintf("the server answered %d %s in place of 101", e.Code, http.StatusText(e.Code))
}

// Stream is one. Hear, Digit, Stop and the methods of a media.Source may be called at any time.
type Stream struct {
	cfg  Config
	out  *outbox
	play *playout
	soft context.Context // ends with Stop
	stop context.CancelFunc

	sent, received, refused atomic.Int64
}

// New makes a stream. What is heard from now on waits for the connection that Run makes, 5 s of it at most.
func New(cfg Config) *Stream {
	s := &Stream{cfg: cfg, out: newOutbox(len(cfg.Start.Tracks))}
	s.play = &playout{played: s.out.mark}
	s.soft, s.stop = context.WithCancel(context.Background())
	return s
}

// Stop ends it softly: the server gets what was heard before and the stop frame, within a second.
func (s *Stream) Stop() { s.stop() }

// Hear takes 20 ms of a track, by its place in Start.Tracks. It never blocks: when the server does not take what waits,
// the oldest is lost.
func (s *Stream) Hear(track int, pcm []int16) { s.out.hear(track, pcm) }

// Digit tells the server of a key.
func (s *Stream) Digit(digit string) { s.out.put(control{kind: "dtmf", text: digit}) }

// Frame and FrameG711 are what the server sends, as a sound without end: silence while there is nothing.
func (s *Stream) Frame(n int) (pcm []int16, ok bool, err error) { return s.play.pcm(n), true, nil }

// FrameG711 is Frame coded.
func (s *Stream) FrameG711(n int, alaw bool) (b []byte, ok bool, err error) {
	return s.play.coded(n, alaw), true, nil
}

// Run connects and works until the server closes, the stream is stopped, or it is lost for good. ctx ends it at once.
func (s *Stream) Run(ctx context.Context) End {
	var end End
	end.Why, end.Err = s.run(ctx, &end)
	s.stop()
	s.out.close()
	end.Sent, end.Received, end.Refused, end.Dropped = s.sent.Load(), s.received.Load(), s.refused.Load(), s.out.lost()
	return end
}

func (s *Stream) run(ctx context.Context, end *End) (Why, error) {
	for tries := 0; ; tries++ {
		err := s.connection(ctx, end)
		switch {
		case ctx.Err() != nil || s.soft.Err() != nil:
			return Stopped, nil
		case err == nil:
			s.playOut(ctx)
			return Closed, nil
		case end.Connected == 0 || lasting(err):
			return Failed, err
		}
		if end.lastConnected >= steady {
			tries = 0
		}
		if tries >= s.cfg.Reconnect {
			return Failed, err
		}
		if end.lastConnected = 0; !s.rest(ctx, tries) {
			return Stopped, nil
		}
	}
}

// connection makes one and serves it to its end; nil: the server closed it, or it was stopped.
func (s *Stream) connection(ctx context.Context, end *End) error {
	conn, err := s.dial(ctx)
	if err != nil {
		return err
	}
	began := time.Now()
	if end.Connected == 0 {
		s.cfg.Began()
	} else {
		end.Reconnects++
	}
	l := &link{s: s, conn: conn, told: map[string]bool{}}
	err = l.serve(ctx)
	end.lastConnected = max(time.Since(began), 1)
	end.Connected += end.lastConnected
	return err
}

func (s *Stream) dial(ctx context.Context) (*websocket.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	defer context.AfterFunc(s.soft, cancel)()
	conn, res, err := websocket.Dial(ctx, s.cfg.URL, &websocket.DialOptions{HTTPClient: s.cfg.Client, HTTPHeader: s.cfg.Header()}) //nolint:bodyclose // websocket closes it
	if err != nil {
		if res != nil && res.StatusCode != http.StatusSwitchingProtocols {
			err = &StatusError{res.StatusCode}
		}
		return nil, err
	}
	conn.SetReadLimit(mostMessage)
	return conn, nil
}

// lasting: the same would happen again. What a server says when it restarts or has a fault is not, nor is silence.
func lasting(err error) bool {
	if errors.Is(err, ErrGarbage) || errors.Is(err, errLarge) {
		return true
	}
	switch websocket.CloseStatus(err) {
	case -1, websocket.StatusGoingAway, websocket.StatusInternalError, websocket.StatusServiceRestart, websocket.StatusTryAgainLater, websocket.StatusBadGateway:
		return false
	}
	return true
}

// rest waits for the next try; false: there is none.
func (s *Stream) rest(ctx context.Context, tries int) bool {
	d := longestRest
	if tries < 4 {
		d = firstRest << tries
	}
	t := time.NewTimer(d + rand.N(d/4)) // not all streams of a server that restarts at once
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-s.soft.Done():
	case <-ctx.Done():
	}
	return false
}

// playOut waits until what the server sent before it closed was played.
func (s *Stream) playOut(ctx context.Context) {
	s.out.close()
	select {
	case <-s.play.silent():
	case <-s.soft.Done():
	case <-ctx.Done():
	}
}
