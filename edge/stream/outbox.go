package stream

import (
	"sync"
	"time"

	"github.com/offhook/offhook/edge/media/g711"
)

const (
	frameSize    = 160 // codes of 20 ms
	frameMS      = 20
	waiting      = 250  // frames of a track that wait for the server: 5 s
	mostControls = 1000 // marks and keys that wait for it
	jump         = 40   // ms that a track's time may be behind before it jumps
)

// frame is 20 ms of a track.
type frame struct {
	track int
	at    int64 // ms from the beginning of the stream
	code  [frameSize]byte
}

// control is any other frame for the server: a mark that was played, a key, a fault.
type control struct {
	kind, text, detail string
}

// outbox is what waits for the server. Frames that find it full push the oldest out.
type outbox struct {
	wake  chan struct{}
	begun time.Time

	mu       sync.Mutex
	ring     []frame
	head     int
	count    int
	next     []int64 // time of each track's next frame
	controls []control
	dropped  int64
	over     bool
}

func newOutbox(tracks int) *outbox {
	return &outbox{wake: make(chan struct{}, 1), begun: time.Now(), ring: make([]frame, waiting*max(1, tracks)), next: make([]int64, tracks)}
}

// hear keeps a frame. It is called on the wheel: nothing here waits for more than another frame.
func (o *outbox) hear(track int, pcm []int16) {
	now := time.Since(o.begun).Milliseconds()
	o.mu.Lock()
	if o.over {
		o.mu.Unlock()
		return
	}
	if o.count == len(o.ring) {
		o.head, o.count = (o.head+1)%len(o.ring), o.count-1
		o.dropped++
	}
	f := &o.ring[(o.head+o.count)%len(o.ring)]
	o.count++
	if now-o.next[track] > jump {
		o.next[track] = now - now%frameMS
	}
	f.track, f.at = track, o.next[track]
	o.next[track] += frameMS
	for i := g711.ULaw.Encode(f.code[:], pcm); i < frameSize; i++ {
		f.code[i] = g711.ULaw.Silence()
	}
	o.mu.Unlock()
	o.rouse()
}

// put keeps another frame; too many are lost.
func (o *outbox) put(c control) {
	o.mu.Lock()
	if len(o.controls) < mostControls && !o.over {
		o.controls = append(o.controls, c)
	}
	o.mu.Unlock()
	o.rouse()
}

func (o *outbox) mark(name string) { o.put(control{kind: "mark", text: name}) }

func (o *outbox) rouse() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// take gives what is sent next: controls first.
func (o *outbox) take(f *frame) (c control, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.controls) > 0 {
		c = o.controls[0]
		if o.controls = o.controls[1:]; len(o.controls) == 0 {
			o.controls = nil
		}
		return c, true
	}
	if o.count == 0 {
		return c, false
	}
	*f = o.ring[o.head]
	o.head, o.count = (o.head+1)%len(o.ring), o.count-1
	return control{kind: "media"}, true
}

// close takes nothing more.
func (o *outbox) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.over = true
}

func (o *outbox) lost() int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.dropped
}
