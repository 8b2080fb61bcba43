package media

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/offhook/offhook/edge/media/g711"
)

// Player plays sources one after another on its own clock, whether anybody hears it or not. Any number of endpoints
// may hear one player; a frame is coded once for all of them, and not at all when its Source is Encoded.
type Player struct {
	eng    *Engine
	notify func(Event)
	src    []Source
	part   Part
	state  atomic.Int32
	seat   seat

	mu    sync.Mutex
	at, n int // source and frame that sounds
	place
	rounds int // how often the list was played
	faults
	played bool  // a source of this round reached its end
	due    int64 // slot of the next frame
	begun  bool
	ready  bool // the frame at, n is there
	law    g711.Law
	sound  sound
	coded  [2][]byte // of the frame by law; nil: not asked for yet
	own    [2][frameSize]byte
}

// faults are the sources that failed.
type faults struct {
	first  error
	failed []int   // those that were told
	tell   []Event // those that are to be
}

// States of a player.
const (
	running int32 = iota
	stopped
	ended
)

func (*Player) hearable() {}

// Part is what of a list of sources is played, and how often. The list is one sound.
type Part struct {
	From, Until time.Duration // places in it; Until 0: its end
	Loop        int           // rounds: 0 is once, -1 for ever
	Instead     Source        // played in the place of a source that fails; nil: none
}

// Play starts the sources at once, loop times over (0 is once, -1 for ever). notify gets PlayEnded, on the engine's
// goroutine, when the last frame has sounded, and before that PlayFailed for each source that fails; it may be nil.
func (e *Engine) Play(src []Source, loop int, notify func(Event)) *Player {
	return e.PlayPart(src, Part{Loop: loop}, notify)
}

// PlayPart is Play for a part of the sources.
func (e *Engine) PlayPart(src []Source, part Part, notify func(Event)) *Player {
	if notify == nil {
		notify = func(Event) {}
	}
	p := &Player{eng: e, notify: notify, src: src, part: part}
	p.ahead = frames(part.From)
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
	more, told, err := p.advance(slot)
	for _, ev := range told {
		p.notify(ev)
	}
	if !more && p.state.CompareAndSwap(running, ended) {
		p.leave()
		p.notify(Event{Kind: PlayEnded, Err: err, Position: p.Position()})
	}
}

func (*Player) consume(*scratch, int64) {}

// advance catches up with slot; more is false at the end. told are of the sources that failed since.
func (p *Player) advance(slot int64) (more bool, told []Event, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.begun || p.paused {
		p.begun, p.due = true, slot
	}
	more = true
	for more && err == nil && p.due <= slot && !p.paused {
		if p.ready {
			p.n++
		}
		more, err = p.load()
		p.due += slots
	}
	told, p.tell = p.tell, nil
	return more && err == nil, told, err
}

// load finds the frame at, n, going on to the next source where one ends or fails.
func (p *Player) load() (more bool, err error) {
	for len(p.src) > 0 {
		ok, err := p.fetch()
		switch {
		case err != nil:
			if p.fail(err) {
				continue
			}
		case ok && !p.over():
			if p.leap() {
				continue
			}
			p.heard = p.heard || p.ready
			return true, nil
		case p.heard:
			p.played = true
		}
		if !p.nextSource(ok && err == nil) {
			break
		}
	}
	p.ready = false
	return false, p.first
}

// fail keeps the first fault: it ends the playback, after what could be heard was. true: something is heard instead.
func (p *Player) fail(err error) (instead bool) {
	p.ready = false
	if !slices.Contains(p.failed, p.at) {
		instead = p.part.Instead != nil && p.n == 0
		p.failed = append(p.failed, p.at)
		p.tell = append(p.tell, Event{Kind: PlayFailed, Source: p.at, Err: err, Instead: instead})
	}
	if instead {
		p.src = slices.Clone(p.src)
		p.src[p.at] = p.part.Instead
		return true
	}
	if p.first == nil {
		p.first = err
	}
	return false
}

// nextSource is false when the list was played often enough. A whole round in which nothing reached its end is the last.
// over: the round ends here.
func (p *Player) nextSource(over bool) bool {
	if p.at+1 < len(p.src) && !over {
		p.past, p.n, p.heard = p.past+p.n, 0, false
		p.at++
		return true
	}
	again := p.played && (p.part.Loop < 0 || p.rounds+1 < p.part.Loop)
	p.rounds++
	if again {
		p.played = false
		p.goTo(frames(p.part.From))
	} else if !over {
		p.ahead = 0 // there is no such place
	}
	return again
}

// fetch asks the source for the frame, in the law that was heard last if it has codes.
func (p *Player) fetch() (ok bool, err error) {
	p.coded, p.ready = [2][]byte{}, false
	p.sound.next()
	if enc, is := p.src[p.at].(Encoded); is {
		b, ok, err := enc.FrameG711(p.n, p.law == g711.ALaw)
		p.coded[p.law], p.ready = b, ok && err == nil && b != nil
		return ok, err
	}
	pcm, ok, err := p.src[p.at].Frame(p.n)
	if p.ready = ok && err == nil && pcm != nil; p.ready {
		p.sound.set(pcm, false)
	}
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
	n := law.Encode(p.own[law][:], p.sound.pcm)
	p.coded[law] = p.own[law][:n]
}

// addTo adds the frame that sounds to a mix.
func (p *Player) addTo(sum []int32, gain int32) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.ready {
		return false
	}
	if src, is := p.src[p.at].(Wide); is && len(sum) == wideFrame {
		if pcm := src.FrameWide(p.n); pcm != nil {
			return add(sum, pcm, gain)
		}
	}
	if p.sound.pcm == nil {
		pcm, _, _ := p.src[p.at].Frame(p.n)
		p.sound.set(pcm, false)
	}
	add(sum, p.sound.at(len(sum)), gain)
	return true
}
