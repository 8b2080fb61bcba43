package call

import (
	"cmp"
	"slices"
)

// settleMix derives who hears whom and tells it when it changed. Music on hold plays while somebody hears it.
func (c *Call) settleMix() {
	var room [8]Hear // most mixes have that few rows, and most steps change none
	m, music := c.mix(room[:0])
	if music && c.Music == (Music{}) {
		c.Music.Play = c.next()
		c.put(PlayStart{Play: c.Music.Play, Music: MusicHold, Loop: -1})
		m, _ = c.mix(room[:0])
	}
	if !slices.Equal(m, c.Mix) {
		c.Mix = append(Mix{}, m...) // never changed in place: the output shares it
		c.put(SetMix{Mix: c.Mix})
	}
	if !music {
		if c.Music.Play != 0 {
			c.put(PlayStop{Play: c.Music.Play})
		}
		c.Music = Music{}
	}
}

// mix derives the whole matrix; music is true when somebody has to hear the music on hold.
func (c *Call) mix(m Mix) (_ Mix, music bool) {
	for to := range c.seats {
		var wants bool
		m, wants = c.heardBy(m, to)
		m = c.heardMusic(m, to, wants)
		music = music || wants
	}
	for _, to := range c.Legs {
		if to.Lent != 0 && to.Ending == nil {
			var wants bool
			m, wants = c.heardAway(m, to)
			m = c.heardMusic(m, to, wants)
			music = music || wants
		}
	}
	return c.heardByDetectors(c.streamed(c.recorded(m))), music
}

func (c *Call) heardMusic(m Mix, to *Leg, wants bool) Mix {
	if !wants || c.Music.Play == 0 {
		return m
	}
	return append(m, Hear{From: c.Music.Play, To: to.N})
}

// parties are the legs of this call that stand, the caller first.
func (c *Call) parties(yield func(*Leg) bool) {
	if l := c.live(c.Caller); l != nil && !yield(l) {
		return
	}
	for _, l := range c.Legs {
		if l.N != c.Caller && l.Ending == nil && !yield(l) {
			return
		}
	}
}

// seats are the parties that take part in this call's sound: the others are lent.
func (c *Call) seats(yield func(*Leg) bool) {
	for l := range c.parties {
		if l.Lent == 0 && !yield(l) {
			return
		}
	}
}

// overheard: recordings and streams of this call hear the leg, wherever it is.
func (c *Call) overheard(l *Leg) bool {
	t := c.thing(thingLoan, l.Lent)
	return l.answered() && !l.waits() && !l.Muted && (t == nil || !t.Hushed)
}

// heardThere adds whom a lent leg hears where it is, for a recording or a stream of its own call: the loan stands for them.
func (c *Call) heardThere(m Mix, l *Leg, to, channel int) Mix {
	if l == nil || l.Lent == 0 || !l.answered() || l.waits() {
		return m
	}
	return append(m, Hear{From: l.Lent, To: to, Channel: channel})
}

// heardAway adds what a lent leg hears from its own call: what that plays to it, or music when it is on hold there. All
// else it hears where it was lent to.
func (c *Call) heardAway(m Mix, to *Leg) (_ Mix, music bool) {
	if to.Held {
		return m, false
	}
	if play := c.playFor(to, false); play != 0 {
		return append(m, Hear{From: play, To: to.N}), false
	}
	if len(to.Waits) > 0 && to.Music != 0 {
		return append(m, Hear{From: to.Music, To: to.N}), false
	}
	return m, len(to.Waits) > 0
}

// heardBy adds what a leg hears: its playback, else the others, else music while it waits or all others hold, else a
// playback under these. A party that holds listens to nothing.
func (c *Call) heardBy(m Mix, to *Leg) (_ Mix, music bool) {
	if !to.sounds() || to.Held {
		return m, false
	}
	if play := c.playFor(to, false); play != 0 {
		return append(m, Hear{From: play, To: to.N}), false
	}
	under := c.playFor(to, true)
	if len(to.Waits) > 0 {
		if play := cmp.Or(to.Music, under); play != 0 {
			return append(m, Hear{From: play, To: to.N}), false
		}
		return m, true
	}
	others, hold := 0, false
	for from := range c.seats {
		switch {
		case from == to || !c.joined(from, to):
			continue
		case from.waits():
			hold = hold || c.pair(from, to)
			continue
		case from.sounds() && !from.Muted:
			m = append(m, Hear{From: from.N, To: to.N, Mute: c.keepsDigits(from) || c.between(from, to), Whisper: from.Mode == ModeWhisper})
		}
		others++
	}
	if under != 0 && others == 0 && !hold {
		m = append(m, Hear{From: under, To: to.N})
	}
	return c.heardOver(m, to), others == 0 && hold
}

// between a lent leg and whom it does not speak with alone digits are not passed on: those of a member of a room or of a
// supervisor are keys for us.
func (c *Call) between(from, to *Leg) bool {
	return (from.Home != nil || to.Home != nil) && !c.pair(from, to)
}

// heardOver adds what is played over the conversation.
func (c *Call) heardOver(m Mix, to *Leg) Mix {
	for _, t := range c.Things {
		if t.What == thingPlay && t.Over && t.Except != to.N {
			m = append(m, Hear{From: t.N, To: to.N})
		}
	}
	return m
}

// waits: the party holds, or is on hold here; it is not heard.
func (l *Leg) waits() bool { return l.Held || len(l.Waits) > 0 }

// joined says whether what one leg says is for the other: the parties of a bridge, the members of a room, and supervisors
// by their mode. Early media goes one way.
func (c *Call) joined(from, to *Leg) bool {
	if c.Bridge.Leg == 0 && from.N == c.Bridge.Early {
		return to.N == c.Caller
	}
	if c.Bridge.Aside.other(from.N) == to.N {
		return true
	}
	if !c.party(from) || !c.party(to) {
		return false
	}
	switch from.Mode {
	case ModeListen:
		return false
	case ModeWhisper:
		return to.N == from.Whisper
	}
	return true
}

func (c *Call) party(l *Leg) bool {
	return l.Home != nil || l.N == c.Bridge.Leg || l.N == c.Caller && (c.Bridge.Leg != 0 || c.guests() > 0)
}

// pair: the caller and whom the caller speaks with; when one holds, the other hears music.
func (c *Call) pair(a, b *Leg) bool {
	return a.N == c.Caller && b.N == c.Bridge.Leg || a.N == c.Bridge.Leg && b.N == c.Caller || c.Bridge.Aside.other(a.N) == b.N
}

// playFor finds the playback or stream that a leg hears: the one started last.
func (c *Call) playFor(l *Leg, under bool) int {
	for i := len(c.Things) - 1; i >= 0; i-- {
		if t := &c.Things[i]; t.plays() && (t.Leg == l.N || t.Leg == All) && t.Under == under && !t.Over && !t.paused() {
			return t.N
		}
	}
	return 0
}

// plays: something is heard of it.
func (t *Thing) plays() bool {
	return t.What == thingPlay || t.What == thingStream && t.Talks && !t.Ends
}

// All as the leg of a playback: everybody hears it.
const All = -1
