package media

import (
	"sync"
	"sync/atomic"

	"github.com/offhook/offhook/edge/media/g711"
)

// Player plays sources one after another on its own clock, whether anybody hears it or not. Any number of endpoints
// may hear one player; a frame is coded once for all of them, and not at all when its Source is Encoded.
type Player struct {
	eng    *Engine
	notify func(Event)
	src    []Source
	loop   int
	state  atomic.Int32
	seat   seat

	mu     sync.Mutex
	at, n  int   // source and frame that sounds
	rounds int   // how often the list was played
	played bool  // a source of this round reached its end
	fault  error // of the first source that failed
	due    int64 // slot of the next frame
	begun  bool
	ready  bool // the frame at, n is there
	law    g711.Law
	pcm    []int16
	coded  [2][]byte // of the frame by law; nil: not asked for yet
	own    [2][frameSize]byte
}

// States of a player.
const (
	running int32 = iota
	stopped
	ended
)

func (*Player) hearable() {}

// Play starts the sources at once, loop times over (0 is once, -1 for ever). notify gets PlayEnded, on the engine's
// goroutine, when the last frame has sounded or a source failed; it may be nil.
func (e *Engine) Play(src []Source, loop int, notify func(Event)) *Player {
	if notify == nil {
		notify = func(Event) {}
	}
	p := &Player{eng: e, notify: notify, src: src, loop: loop}
	e.wheel.need(p, &p.seat, plays, true)
	return p
}

// Stop ends the player. No PlayEnded is told after it, unless it is being told at this moment.
func (p *Player) Stop() {
	if p.state.CompareAndSwap(running, stopped) {
		p.leave()
	}
}

// leave takes the player off the wheel and silences it.
func (p *Player) leave() {
	p.eng.wheel.evict(p, &p.seat)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ready = false
}

// produce moves to the frame of a slot. One that was not ready is asked for again, so speech that is still being made
// loses nothing.
func (p *Player) produce(_ *scratch, slot int64) {
	if p.state.Load() != running {
		return
	}
	more, err := p.advance(slot)
	if !more && p.state.CompareAndSwap(running, ended) {
		p.leave()
		p.notify(Event{Kind: PlayEnded, Err: err})
	}
}

func (*Player) consume(*scratch, int64) {}

// advance catches up with slot; more is false at the end.
func (p *Player) advance(slot int64) (more bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.begun {
		p.begun, p.due = true, slot
	}
	more = true
	for more && err == nil && p.due <= slot {
		if p.ready {
			p.n++
		}
		more, err = p.load()
		p.due += slots
	}
	return more && err == nil, err
}

// load finds the frame at, n, going on to the next source where one ends or fails.
func (p *Player) load() (more bool, err error) {
	for len(p.src) > 0 {
		ok, err := p.fetch()
		switch {
		case err != nil:
			p.fail(err)
		case ok:
			return true, nil
		case p.n > 0:
			p.played = true
		}
		if !p.nextSource() {
			break
		}
	}
	p.ready = false
	return false, p.fault
}

// fail keeps the first fault: it is told at the end, after what could be heard was.
func (p *Player) fail(err error) {
	if p.fault == nil {
		p.fault = err
	}
	p.ready = false
}

// nextSource is false when the list was played often enough. A whole round in which nothing reached its end is the last.
func (p *Player) nextSource() bool {
	p.n = 0
	if p.at++; p.at < len(p.src) {
		return true
	}
	again := p.played
	p.at, p.played = 0, false
	p.rounds++
	return again && (p.loop < 0 || p.rounds < p.loop)
}

// fetch asks the source for the frame, in the law that was heard last if it has codes.
func (p *Player) fetch() (ok bool, err error) {
	p.pcm, p.coded, p.ready = nil, [2][]byte{}, false
	if enc, is := p.src[p.at].(Encoded); is {
		b, ok, err := enc.FrameG711(p.n, p.law == g711.ALaw)
		p.coded[p.law], p.ready = b, ok && err == nil && b != nil
		return ok, err
	}
	p.pcm, ok, err = p.src[p.at].Frame(p.n)
	p.ready = ok && err == nil && p.pcm != nil
	return ok, err
}

// frame copies the frame that sounds to dst, coded; 0: nothing sounds.
func (p *Player) frame(dst []byte, law g711.Law) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.ready {
		return 0
	}
	p.law = law
	if p.coded[law] == nil {
		p.code(law)
	}
	return pad(dst, copy(dst, p.coded[law]), law)
}

// code makes the frame in a law that the source was not asked for yet.
func (p *Player) code(law g711.Law) {
	if enc, ok := p.src[p.at].(Encoded); ok {
		if b, ok, err := enc.FrameG711(p.n, law == g711.ALaw); ok && err == nil {
			p.coded[law] = b
			return
		}
	}
	n := law.Encode(p.own[law][:], p.pcm)
	p.coded[law] = p.own[law][:n]
}

// addTo adds the frame that sounds to a mix.
func (p *Player) addTo(sum *[frameSize]int32, gain int32) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.ready {
		return false
	}
	if p.pcm == nil {
		p.pcm, _, _ = p.src[p.at].Frame(p.n)
	}
	add(sum, p.pcm, gain)
	return true
}
