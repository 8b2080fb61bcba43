package call

import (
	"cmp"
	"slices"
	"strconv"
	"time"
)

// Announce lets other calls find this one by a name, until Stop or the end of the run.
func (r *Run) Announce(name string, priority int) int {
	if r.call == nil {
		return 0
	}
	n := r.own(thingName, 0)
	t := r.call.thing(thingName, n)
	t.Name, t.Leg = name, priority
	return n
}

// placed: the place among those of the same name, for the run that announced it.
func (c *Call) placed(in Placed) {
	for _, t := range slices.Clone(c.Things) {
		if t.What == thingName && t.Name == in.Name {
			c.deliver(t.Owner, in)
		}
	}
}

// settleNames declares what other calls find this one by: what runs announced, and who is in conversation here.
func (c *Call) settleNames() {
	if names := c.names(); !slices.Equal(names, c.Notes.Names) {
		c.Notes.Names = names
		c.put(Names{Names: slices.Clone(names)})
	}
}

func (c *Call) names() []Name {
	var names []Name
	add := func(n Name) {
		if !slices.ContainsFunc(names, func(x Name) bool { return x.Name == n.Name }) {
			names = append(names, n)
		}
	}
	for _, t := range c.Things {
		if t.What == thingName {
			add(Name{Name: t.Name, Priority: t.Leg})
		}
	}
	if c.Bridge.Leg != 0 && c.Phase == PhaseLive {
		for _, who := range []string{cmp.Or(c.Agent.User, c.Agent.Number), c.Info.User} {
			if who != "" {
				add(Name{Name: "talking:" + who})
			}
		}
	}
	return names
}

// Queued is where the caller stands in a queue, for {queue_position}, {queue_size} and {queue_wait}.
type Queued struct {
	Position int        `json:"position,omitempty"`
	Size     int        `json:"size,omitempty"`
	Since    time.Time  `json:"since,omitzero"`
	Until    *time.Time `json:"until,omitempty"` // it does not wait any more
}

// Queued sets where the caller stands.
func (r *Run) Queued(q Queued) {
	if r.call != nil {
		r.call.Notes.Queued = &q
	}
}

// queueVar gives a variable of the queue; they are empty where the caller never waited.
func (c *Call) queueVar(name string) (string, bool) {
	q := c.Notes.Queued
	switch name {
	case "queue_position", "queue_size", "queue_wait":
	default:
		return "", false
	}
	if q == nil {
		return "", true
	}
	switch name {
	case "queue_position":
		return strconv.Itoa(q.Position), true
	case "queue_size":
		return strconv.Itoa(q.Size), true
	}
	until := c.now
	if q.Until != nil {
		until = *q.Until
	}
	return strconv.Itoa(int(until.Sub(q.Since).Seconds())), true
}
