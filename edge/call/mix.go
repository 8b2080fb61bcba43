package call

import "slices"

// settleMix derives who hears whom and tells it when it changed. Music on hold plays while somebody hears it.
func (c *Call) settleMix() {
	music := c.someoneWaits()
	if music && c.Music == (Music{}) {
		c.Music.Play = c.next()
		c.put(PlayStart{Play: c.Music.Play, Music: true, Loop: -1})
	}
	if m := c.mix(); !slices.Equal(m, c.Mix) {
		c.Mix = m
		c.put(SetMix{Mix: slices.Clone(m)})
	}
	if !music {
		if c.Music.Play != 0 {
			c.put(PlayStop{Play: c.Music.Play})
		}
		c.Music = Music{}
	}
}

// parties are the two ends of the sound path; agent may be a leg with early media that the caller hears.
func (c *Call) parties() (caller, agent *Leg) {
	caller = c.live(c.Caller)
	if agent = c.live(c.Bridge.Leg); agent == nil {
		agent = c.live(c.Bridge.Early)
	}
	return caller, agent
}

func (c *Call) mix() Mix {
	m := Mix{}
	caller, agent := c.parties()
	if from := c.source(caller, agent); from != 0 {
		m = append(m, Hear{From: from, To: caller.N})
	}
	if agent == nil || agent.N != c.Bridge.Leg {
		return m // early media goes one way
	}
	if from := c.source(agent, caller); from != 0 {
		m = append(m, Hear{From: from, To: agent.N})
	}
	return m
}

// source is what a leg hears: its playback, else the other party or music while that party holds, else a playback
// under these. A party that holds listens to nothing.
func (c *Call) source(l, other *Leg) int {
	switch play := c.playFor(l, false); {
	case l == nil || !l.sounds() || l.Held:
		return 0
	case play != 0:
		return play
	case other == nil:
		return c.playFor(l, true)
	case other.Held:
		return c.Music.Play
	case other.sounds():
		return other.N
	}
	return 0
}

func (c *Call) playFor(l *Leg, under bool) int {
	if l == nil {
		return 0
	}
	for i := len(c.Things) - 1; i >= 0; i-- {
		if t := c.Things[i]; t.What == thingPlay && t.Leg == l.N && t.Under == under {
			return t.N
		}
	}
	return 0
}

// someoneWaits is true while exactly one party of a bridge holds: the other one hears music.
func (c *Call) someoneWaits() bool {
	caller, agent := c.parties()
	return caller != nil && agent != nil && agent.N == c.Bridge.Leg && caller.Held != agent.Held
}
