package media

import (
	"sync"
	"time"
)

const (
	frameTime  = 20 * time.Millisecond
	ringFrames = 200 // 4 s that whoever reads may be away
	readFrames = 25  // the reader is woken when so many wait: twice a second
	quietLevel = 256 // mean of a frame's absolute samples; below it, about -42 dBFS, it is silence
)

// Recording is what an Engine records.
type Recording struct {
	Channels int           // 1 or 2
	Rate     int           // WideRate; else it is Rate
	Limit    time.Duration // of recorded sound; 0: none
	Silence  time.Duration // so much in a row ends it, from its beginning on; 0: it does not
}

// RecordEnd is why a Recorder ended.
type RecordEnd int

// Reasons of a Recorder's end.
const (
	RecordStopped RecordEnd = iota + 1 // by Stop, or with the engine
	RecordSilence
	RecordLimit
)

// Recorder hears rows as an Endpoint does, and keeps their sound for Read: 16 bit, channels interleaved. Its time
// begins with the first row that it hears, and goes on with silence while nobody sounds, so that it lasts as long as what
// it heard. Nothing on the wheel waits for the reader: frames that find the ring full are lost and counted, and silence
// stands in their place.
type Recorder struct {
	eng      *Engine
	channels int
	limit    int64 // frames
	silence  int64 // frames
	seat     seat
	wake     chan struct{}
	ears     ears

	mu     sync.Mutex
	rows   []row
	pcm    []int16  // ring of frames
	before []uint32 // frames of silence before each
	head   int
	count  int
	gap    uint32 // frames of silence after the last
	due    int64  // slot of the next frame; 0: the next one that comes
	paused bool
	end    RecordEnd
	quiet  int64 // silent frames in a row
	stats  RecorderStats
}

// RecorderStats is what a Recorder did so far.
type RecorderStats struct {
	Duration time.Duration // recorded; pauses are not in it
	Lost     uint64        // frames that found no room: the reader was away for too long
	Late     uint64        // frames that the wheel passed over: the process stood still
}

// frame is the samples of 20 ms of all channels.
func (o *Recording) frame() int {
	if o.Rate == WideRate {
		return wideFrame * o.Channels
	}
	return frameSize * o.Channels
}

// Record begins a recording of nobody: Hear says of whom. Its owner reads it to its end.
func (e *Engine) Record(o Recording) *Recorder {
	o.Channels = min(max(o.Channels, 1), 2)
	r := &Recorder{
		eng: e, channels: o.Channels, limit: int64(o.Limit / frameTime), silence: int64(o.Silence / frameTime), wake: make(chan struct{}, 1),
		pcm: make([]int16, ringFrames*o.frame()), before: make([]uint32, ringFrames),
	}
	e.mu.Lock()
	closed := e.closed
	if !closed {
		e.recorders[r] = struct{}{}
	}
	e.mu.Unlock()
	if closed {
		r.Stop()
	}
	return r
}

// Hear replaces what is recorded, from the next frame on.
func (r *Recorder) Hear(rows []Heard) { r.hear(known(rows), false) }

func (r *Recorder) hear(rows []Heard, last bool) {
	r.eng.routes.Lock()
	defer r.eng.routes.Unlock()
	if r.ears.hear(rows, last, r.listen) && len(rows) > 0 {
		r.eng.wheel.need(r, &r.seat, records, true)
	}
}

func (r *Recorder) listen(rows []Heard) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rows = newRows(rows, r.channels)
}

// Pause cuts out what is heard until it goes on again.
func (r *Recorder) Pause(on bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.paused, r.due, r.quiet = on, 0, 0
}

// Stop ends it. What was recorded can still be read.
func (r *Recorder) Stop() {
	r.hear(nil, true)
	r.eng.wheel.evict(r, &r.seat)
	r.eng.mu.Lock()
	delete(r.eng.recorders, r)
	r.eng.mu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.finish(RecordStopped)
}

// finish ends it for the first reason there is.
func (r *Recorder) finish(why RecordEnd) {
	if r.end == 0 {
		r.end = why
	}
	r.rouse()
}

func (r *Recorder) rouse() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

func (*Recorder) produce(*scratch, int64) {}

// consume is its place among the listeners of a slot.
func (r *Recorder) consume(sc *scratch, slot int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.end != 0 || r.paused {
		return
	}
	if r.due != 0 && slot > r.due {
		r.pass((slot - r.due) / slots)
	}
	r.due = slot + slots
	r.record(sc)
	switch {
	case r.limit > 0 && r.frames() >= r.limit:
		r.finish(RecordLimit)
	case r.silence > 0 && r.quiet >= r.silence:
		r.finish(RecordSilence)
	case r.count >= readFrames:
		r.rouse()
	}
}

func (r *Recorder) frames() int64 { return int64(r.stats.Duration / frameTime) }

// pass puts silence in the place of frames that never came.
func (r *Recorder) pass(n int64) {
	if r.limit > 0 {
		n = min(n, r.limit-1-r.frames())
	}
	if n > 0 {
		r.gap += uint32(n)
		r.stats.Late += uint64(n)
		r.stats.Duration += time.Duration(n) * frameTime
	}
}

// record takes the frame of this slot.
func (r *Recorder) record(sc *scratch) {
	r.stats.Duration += frameTime
	if r.count == ringFrames {
		r.gap++
		r.stats.Lost++
		return
	}
	at := (r.head + r.count) % ringFrames
	size := len(r.pcm) / ringFrames
	dst := r.pcm[at*size : (at+1)*size]
	loud := false
	for ch := range r.channels {
		pcm := sc.pcm[:size/r.channels]
		sc.mix(pcm, r.rows, ch)
		loud = spread(dst[ch:], pcm, r.channels) || loud
	}
	r.before[at], r.gap = r.gap, 0
	r.count++
	if r.quiet++; loud {
		r.quiet = 0
	}
}

// spread copies a frame to every step-th sample and tells whether it is more than silence.
func spread(dst, pcm []int16, step int) (loud bool) {
	level := 0
	for i, v := range pcm {
		dst[i*step] = v
		level += max(int(v), -int(v))
	}
	return level >= quietLevel*len(pcm)
}

// Read waits for sound and gives whole frames, at most as many as pcm holds (at least one: 20 ms of all channels).
// more is false, and n 0, at the end.
func (r *Recorder) Read(pcm []int16) (n int, more bool) {
	for {
		r.mu.Lock()
		if r.end != 0 || r.count >= readFrames {
			n = r.take(pcm)
		}
		over := r.end != 0
		r.mu.Unlock()
		if n > 0 || over {
			return n, n > 0
		}
		<-r.wake
	}
}

func (r *Recorder) take(pcm []int16) (n int) {
	size := len(r.pcm) / ringFrames
	for ; len(pcm)-n >= size; n += size {
		gap := &r.gap
		if r.count > 0 {
			gap = &r.before[r.head]
		}
		switch {
		case *gap > 0:
			*gap--
			clear(pcm[n : n+size])
		case r.count > 0:
			copy(pcm[n:], r.pcm[r.head*size:(r.head+1)*size])
			r.head, r.count = (r.head+1)%ringFrames, r.count-1
		default:
			return n
		}
	}
	return n
}

// Ended tells why it ended, 0 while it goes on, and what it did.
func (r *Recorder) Ended() (RecordEnd, RecorderStats) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.end, r.stats
}
