package call

import (
	"time"

	"github.com/offhook/offhook/schemas/event"
	"github.com/offhook/offhook/schemas/verb"
)

// Playing is what a document wants played.
type Playing struct {
	Audio       verb.Audios
	Loop        int // as of Play
	From, Until time.Duration
	Fallback    *verb.Audio
	Under       bool // see PlayUnder
}

// PlayStopped is brought to a run whose playback another one stopped. The shell never gives it.
type PlayStopped struct {
	Play       int
	PositionMS int64
}

// Kind is "play_stopped".
func (PlayStopped) Kind() string { return "play_stopped" }

// PlayPart is Play for what others may pause, move and stop by the run's id.
func (r *Run) PlayPart(leg int, p Playing) int {
	c := r.call
	if c == nil {
		return 0
	}
	n := r.own(thingPlay, leg)
	t := c.thing(thingPlay, n)
	t.Under = p.Under
	t.Details = &Details{Name: r.Name, With: r.ID, Played: &Played{Since: c.now, At: p.From, From: p.From, Until: p.Until, Loops: p.Loop < 0 || p.Loop > 1}}
	c.put(PlayStart{Play: n, Audio: p.Audio, Loop: p.Loop, From: p.From, Until: p.Until, Fallback: p.Fallback})
	return n
}

// Playbacks are the playbacks that were begun by verbs of this id, or all, oldest first.
func (r *Run) Playbacks(id string) []int {
	if r.call == nil {
		return nil
	}
	var found []int
	for _, t := range r.call.Things {
		if t.playback() && (id == "" || t.With == id) {
			found = append(found, t.N)
		}
	}
	return found
}

// PausePlay pauses a playback or lets it go on; it gives where that is.
func (r *Run) PausePlay(n int, paused bool) int64 {
	t := r.playback(n)
	if t == nil {
		return 0
	}
	if p := t.Played; p.Paused != paused {
		p.At, p.Since, p.Paused = t.at(r.call.now), r.call.now, paused
		r.call.put(PlayPause{Play: n, Paused: paused})
	}
	return t.position(r.call.now)
}

// SeekPlay moves a playback to a place, or by so much; it gives where that is.
func (r *Run) SeekPlay(n int, to time.Duration, by bool) int64 {
	t := r.playback(n)
	if t == nil {
		return 0
	}
	now, p := r.call.now, t.Played
	r.call.put(PlaySeek{Play: n, To: to, By: by})
	if by {
		to += t.at(now)
	}
	p.At, p.Since = max(to, p.From), now
	return t.position(now)
}

// StopPlay ends a playback, whoever began it; its run is told by PlayStopped. It gives where that was.
func (r *Run) StopPlay(n int) int64 {
	t := r.playback(n)
	if t == nil {
		return 0
	}
	at := t.position(r.call.now)
	r.call.put(PlayStop{Play: n})
	r.call.thingBrings(thingPlay, n, PlayStopped{Play: n, PositionMS: at})
	return at
}

func (r *Run) playback(n int) *Thing {
	if r.call == nil {
		return nil
	}
	if t := r.call.thing(thingPlay, n); t != nil && t.playback() {
		return t
	}
	return nil
}

func (t *Thing) playback() bool { return t.What == thingPlay && t.Details != nil && t.Played != nil }

func (t *Thing) paused() bool { return t.playback() && t.Played.Paused }

// at is where a playback is by the clock. Where the sound came late it is behind that.
func (t *Thing) at(now time.Time) time.Duration {
	p := t.Played
	at := p.At
	if !p.Paused {
		at += now.Sub(p.Since)
	}
	if p.Until > 0 {
		at = min(at, p.Until)
	}
	return at
}

// position is at as it is told: of a loop nothing is known.
func (t *Thing) position(now time.Time) int64 {
	if !t.playback() || t.Played.Loops {
		return 0
	}
	return t.at(now).Milliseconds()
}

// position is where the playback of a run is.
func (c *Call) position(r *Run) int64 {
	for i := range c.Things {
		if t := &c.Things[i]; t.Owner == r.N && t.playback() {
			return t.position(c.now)
		}
	}
	return 0
}

// playFailed tells what could not be heard; the playback goes on.
func (c *Call) playFailed(in PlayFailed) {
	t := c.thing(thingPlay, in.Play)
	if t == nil && !c.isMusic(in.Play) {
		return
	}
	data := &event.Audio{Audio: in.Audio, Code: in.Code, Error: in.Error, Fallback: in.Fallback}
	handler := 0
	if t != nil {
		if r := c.run(t.Owner); r != nil {
			data.Strand, handler = r.Strand, c.strand(r.Strand).Handler
			if data.VerbID = r.ID; !internal(r.Name) {
				data.Verb = r.Name
			}
		}
	}
	c.log("error", "audio "+in.Audio+" failed: "+in.Error)
	c.publishFrom(handler, event.AudioFailed, data)
	if t != nil {
		c.deliver(t.Owner, in)
	}
}

// isMusic tells whether a playback is music on hold, of the call or of a leg.
func (c *Call) isMusic(play int) bool {
	for _, l := range c.Legs {
		if play != 0 && l.Music == play {
			return true
		}
	}
	return play != 0 && c.Music.Play == play
}
