package call

import (
	"slices"

	"github.com/offhook/offhook/schemas/event"
	"github.com/offhook/offhook/schemas/verb"
)

// untilUnhold stands among the runs that keep a leg on hold for a hold that outlives its run.
const untilUnhold = 0

// Hold keeps a leg on hold: it hears music and nobody hears it, until Unhold or the end of this run.
func (r *Run) Hold(leg int) {
	if r.call != nil {
		r.call.hold(leg, r.N)
	}
}

// HoldOn is Hold that outlives the run, until Unhold. Music of its own goes with the hold; a later hold decides anew.
func (r *Run) HoldOn(leg int, music ...verb.Audio) {
	c := r.call
	if c == nil {
		return
	}
	l := c.live(leg)
	if l == nil {
		return
	}
	if !slices.Contains(l.Waits, untilUnhold) {
		c.hold(leg, untilUnhold)
		c.tellScriptHold(l, event.CallHeld)
	}
	c.stopHoldMusic(l)
	if len(music) > 0 {
		l.Music = c.next()
		c.put(PlayStart{Play: l.Music, Audio: music, Loop: -1})
	}
}

// EndHold ends what Hold of this run began.
func (r *Run) EndHold(leg int) {
	if r.call == nil {
		return
	}
	if l := r.call.live(leg); l != nil {
		r.call.unhold(l, r.N)
	}
}

// OnHold is true while HoldOn keeps a leg on hold.
func (r *Run) OnHold(leg int) bool {
	if r.call == nil {
		return false
	}
	l := r.call.live(leg)
	return l != nil && slices.Contains(l.Waits, untilUnhold)
}

// Unhold ends what Hold and HoldOn began.
func (r *Run) Unhold(leg int) {
	c := r.call
	if c == nil {
		return
	}
	l := c.live(leg)
	if l == nil {
		return
	}
	c.unhold(l, r.N)
	if slices.Contains(l.Waits, untilUnhold) {
		c.unhold(l, untilUnhold)
		c.stopHoldMusic(l)
		c.tellScriptHold(l, event.CallResumed)
	}
}

func (c *Call) hold(leg, by int) {
	l := c.live(leg)
	if l == nil || slices.Contains(l.Waits, by) {
		return
	}
	was := l.waits()
	if l.Waits = append(l.Waits, by); !was {
		c.toBorrower(l.Lent, "held", "")
	}
}

func (c *Call) unhold(l *Leg, by int) {
	was := l.waits()
	l.Waits = slices.DeleteFunc(l.Waits, func(n int) bool { return n == by })
	if was && !l.waits() {
		c.toBorrower(l.Lent, "resumed", "")
	}
}

// tellScriptHold publishes what the script did; the leg is who is on hold, with whom that party speaks.
func (c *Call) tellScriptHold(l *Leg, typ string) {
	data := c.legData(l)
	data.By, data.With = "script", c.other(l.N)
	c.publish(typ, data)
}

// stopHoldMusic ends the music of its own that a leg heard on hold.
func (c *Call) stopHoldMusic(l *Leg) {
	if l.Music != 0 {
		c.put(PlayStop{Play: l.Music})
		l.Music = 0
	}
}

// holdMusicEnded: what does not play gives way to the music on hold.
func (c *Call) holdMusicEnded(in PlayEnded) bool {
	for _, l := range c.Legs {
		if l.Music != 0 && l.Music == in.Play {
			l.Music = 0
			c.log("error", "music of the hold failed: "+in.Error)
			return true
		}
	}
	return false
}

// Mute makes a leg unheard, or heard again.
func (r *Run) Mute(leg int, muted bool) {
	if r.call == nil {
		return
	}
	l := r.call.live(leg)
	if l == nil {
		return
	}
	l.Muted = muted
	mode := ModeSpeaks
	if muted {
		mode = ModeMuted
	}
	r.call.toBorrower(l.Lent, "mode", mode)
}

// other is the other party of a conversation, 0 when the leg is in none.
func (c *Call) other(leg int) int {
	switch {
	case leg == 0 || c.Bridge.Leg == 0:
		return 0
	case leg == c.Caller:
		return c.Bridge.Leg
	case leg == c.Bridge.Leg:
		return c.Caller
	}
	return 0
}
