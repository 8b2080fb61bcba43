package stream

import (
	"sync"

	"github.com/offhook/offhook/edge/media/g711"
)

const (
	mostQueued = 3 * 60 * 8000 // bytes of sound that wait to be played: 3 minutes
	chunkSize  = 4096          // small payloads share memory
	mostMarks  = 1000
	mostMark   = 1024 // bytes of a mark's name
)

// playout is the sound of the server on its way to the party. A server that sends more than 3 minutes ahead has the rest
// refused: to stop reading would keep its clear from being heard, and a party that interrupts waits for that.
type playout struct {
	played func(mark string) // told on the wheel; must not block

	mu     sync.Mutex
	chunks [][]byte
	queued int   // bytes in them
	total  int64 // bytes that ever came
	done   int64 // of these played or thrown away
	marks  []mark
	idle   chan struct{} // closed when nothing is left; nil: nobody waits

	n     int // frame that sounds, from 1
	codes [2][frameSize]byte
	lin   [frameSize]int16
}

// mark is told when all that came before it was played.
type mark struct {
	name string
	at   int64
}

// add takes a payload, which it keeps; false: there is no room.
func (p *playout) add(b []byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.queued+len(b) > mostQueued {
		return false
	}
	p.queued += len(b)
	p.total += int64(len(b))
	last := len(p.chunks) - 1
	switch {
	case last >= 0 && cap(p.chunks[last])-len(p.chunks[last]) >= len(b):
		p.chunks[last] = append(p.chunks[last], b...)
	case len(b) < chunkSize:
		p.chunks = append(p.chunks, append(make([]byte, 0, chunkSize), b...))
	default:
		p.chunks = append(p.chunks, b)
	}
	return true
}

// mark puts one behind what has come; false: there are too many, or its name is too long.
func (p *playout) mark(name string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.marks) >= mostMarks || len(name) > mostMark {
		return false
	}
	p.marks = append(p.marks, mark{name, p.total})
	return true
}

// clear throws away what waits; the marks in it are told with the next frame.
func (p *playout) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done += int64(p.queued)
	p.chunks, p.queued = nil, 0
}

// forget drops the marks: the connection that set them is gone.
func (p *playout) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.marks = nil
}

// silent is closed once nothing is left to play.
func (p *playout) silent() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.idle == nil {
		p.idle = make(chan struct{})
		p.rest()
	}
	return p.idle
}

func (p *playout) rest() {
	if p.idle == nil || p.queued > 0 {
		return
	}
	select {
	case <-p.idle:
	default:
		close(p.idle)
	}
}

// coded gives frame n. The same n is the same frame; another is the next.
func (p *playout) coded(n int, alaw bool) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.advance(n)
	if alaw {
		return p.codes[g711.ALaw][:]
	}
	return p.codes[g711.ULaw][:]
}

func (p *playout) pcm(n int) []int16 {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.advance(n)
	return p.lin[:]
}

// advance plays the next frame: the one before has sounded, and so the marks behind it are due.
func (p *playout) advance(n int) {
	if n+1 == p.n {
		return
	}
	p.n = n + 1
	due := 0
	for due < len(p.marks) && p.marks[due].at <= p.done {
		p.played(p.marks[due].name)
		due++
	}
	if p.marks = p.marks[due:]; len(p.marks) == 0 {
		p.marks = nil
	}
	p.rest()
	p.load()
}

// load takes the next 20 ms; what is missing is silence.
func (p *playout) load() {
	u := p.codes[g711.ULaw][:]
	got := 0
	for got < frameSize && len(p.chunks) > 0 {
		k := copy(u[got:], p.chunks[0])
		got += k
		if p.chunks[0] = p.chunks[0][k:]; len(p.chunks[0]) == 0 {
			p.chunks[0] = nil
			p.chunks = p.chunks[1:]
		}
	}
	p.queued -= got
	p.done += int64(got)
	for i := got; i < frameSize; i++ {
		u[i] = g711.ULaw.Silence()
	}
	g711.Transcode(p.codes[g711.ALaw][:], u, g711.ULaw, g711.ALaw)
	g711.ULaw.Decode(p.lin[:], u)
}
