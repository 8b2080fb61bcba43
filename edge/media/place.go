package media

import (
	"sort"
	"time"
)

// place is where a player is in its list, beside the source and frame that sound.
type place struct {
	past   int  // frames of the sources before
	ahead  int  // frames still to be left out on the way to where it was sent
	heard  bool // something of this source was
	paused bool
}

// frames of a time.
func frames(d time.Duration) int { return int(max(0, d) / frameTime) }

// Position is where in its list the player is: what of it was heard, had it been heard from the beginning.
func (p *Player) Position() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return time.Duration(p.past+p.n+p.ahead) * frameTime
}

// Pause stops the player's time, or lets it go on: paused, it is silent.
func (p *Player) Pause(paused bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.paused = paused; paused {
		p.ready = false
	}
}

// Seek goes to a place in the list, or by so much from where it is; not before Part.From. Past the end the round is over.
func (p *Player) Seek(to time.Duration, by bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := int(to / frameTime)
	if by {
		n += p.past + p.n + p.ahead
	}
	p.played = p.played || p.heard // this round may be over, but another one has something to be heard
	p.goTo(max(n, frames(p.part.From)))
}

// goTo begins the list anew and leaves out what is before frame n of it: how long sources are shows only as they are
// played.
func (p *Player) goTo(n int) {
	p.at, p.n, p.ready = 0, 0, false
	p.place = place{ahead: n, paused: p.paused}
}

// over is true where the part ends.
func (p *Player) over() bool {
	until := frames(p.part.Until)
	return until > 0 && p.past+p.n+p.ahead >= until
}

// leap leaves out what it has to of a source that is there; true: the frame to play is another one now.
func (p *Player) leap() bool {
	if p.ahead == 0 || !p.ready {
		return false
	}
	src, from := p.src[p.at], p.n
	beyond := sort.Search(p.ahead, func(i int) bool {
		_, ok, err := src.Frame(from + i + 1)
		return !ok || err != nil
	})
	if beyond == p.ahead { // the place lies in this source
		p.n, p.ahead = from+p.ahead, 0
		return true
	}
	p.n, p.ahead = from+beyond+1, p.ahead-beyond-1
	return true
}
