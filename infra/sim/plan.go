package sim

import (
	"fmt"
	"time"
)

// callPlan is one call of the workload.
type callPlan struct {
	n      int
	number string // of the caller: the call's name in all that is compared between runs
	to     string
	at     time.Duration // after the registrations
	kind   kind
	manner manner
	caller *party

	originated bool // begun by the API, not by a phone
}

// pace is how many calls begin in a second of virtual time.
const pace = 4

func (w *world) plan(n int) *callPlan {
	c := &callPlan{n: n, number: fmt.Sprintf("+371%07d", n)}
	d, is := w.dice, c.number
	c.at = d.span(0, time.Duration(w.opts.Calls)*time.Second/pace+time.Second, "at", is)
	c.kind = kinds[d.weighted(kindWeights, "kind", is)]
	c.to = text(200 + d.pick(hooks, "hook", is))
	if c.kind.extension {
		c.to = users[d.pick(len(users), "extension", is)]
	}
	c.originated = c.kind.originated
	c.manner = w.callerManner(is)
	return c
}

func (w *world) callerManner(is string) manner {
	d := w.dice
	m := w.common(is)
	if d.chance(0.6, "hangs up", is) {
		m.hangUp = d.span(time.Second, 14*time.Second, "hang up", is)
	} else {
		m.hangUp = d.span(25*time.Second, 40*time.Second, "hang up late", is)
	}
	switch d.pick(10, "abandons", is) {
	case 0:
		m.cancel = d.span(time.Millisecond, 300*time.Millisecond, "cancel", is) // about when the script answers
	case 1, 2:
		m.cancel = d.span(time.Millisecond, 9*time.Second, "cancel", is)
	}
	m.refer = w.sending(is, 0.08)
	m.noOffer = d.chance(0.06, "no offer", is)
	if d.chance(w.opts.Faults.Phones/2, "no ack", is) {
		m.noAck = true
	}
	for i := range d.pick(4, "digits", is) {
		m.keys = append(m.keys, w.key(is, i))
	}
	return m
}

// common is what callers and callees may do.
func (w *world) common(is string) manner {
	d := w.dice
	m := manner{every: d.span(100*time.Millisecond, 160*time.Millisecond, "frames", is)}
	if d.chance(0.3, "alaw", is) {
		m.payload = 8
	}
	if d.chance(0.2, "holds", is) {
		m.holds = append(m.holds, w.hold(is))
	}
	switch bad := w.opts.Faults.Phones; {
	case d.chance(bad/5, "vanishes", is):
		m.vanish = d.span(time.Millisecond, 12*time.Second, "vanish", is)
	case d.chance(bad/10, "mute", is):
		m.mute = true
	}
	return m
}

func (w *world) key(is string, i int) keypress {
	d, n := w.dice, text(i)
	return keypress{at: d.span(200*time.Millisecond, 9*time.Second, "key", n, is), digit: "0123456789*#"[d.pick(12, "digit", n, is)],
		info: d.chance(0.3, "info", n, is)}
}

func (w *world) hold(is string) hold {
	d := w.dice
	h := hold{at: d.span(300*time.Millisecond, 8*time.Second, "hold", is), lasts: d.span(400*time.Millisecond, 5*time.Second, "held", is), method: "INVITE"}
	if d.chance(0.3, "update", is) {
		h.method = "UPDATE"
	}
	h.direction = []string{"sendonly", "inactive", "0.0.0.0"}[d.pick(3, "direction", is)]
	return h
}

// calleeManner is what an extension does with one call.
func (w *world) calleeManner(is string) manner {
	d := w.dice
	m := w.common(is)
	m.ring = d.span(time.Millisecond, 400*time.Millisecond, "ring", is)
	m.refer = w.sending(is, 0.25)
	m.early = d.chance(0.15, "early", is)
	m.answer = m.ring + d.span(100*time.Millisecond, 5*time.Second, "answer", is)
	if d.chance(0.7, "hangs up", is) {
		m.hangUp = d.span(500*time.Millisecond, 12*time.Second, "hang up", is)
	} else {
		m.hangUp = d.span(45*time.Second, 60*time.Second, "hang up late", is)
	}
	switch d.weighted([]int{60, 10, 5, 3, 3, 3, 12, 3, 3}, "reaction", is) {
	case 1:
		m.refuse = 486
	case 2:
		m.refuse = 480
	case 3:
		m.refuse = 603
	case 4:
		m.refuse = 404
	case 5:
		m.refuse = 503
	case 6:
		m.answer = 0
	case 7:
		m.dead = true
	case 8:
		m.fork = true
	}
	return m
}
