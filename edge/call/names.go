package call

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
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
	var room [4]Name
	if names := c.names(room[:0]); !slices.Equal(names, c.Notes.Names) {
		c.Notes.Names = append([]Name(nil), names...) // never changed in place: the output shares it
		c.put(Names{Names: c.Notes.Names})
	}
}

func (c *Call) names(names []Name) []Name {
	for i := range c.Things {
		if t := &c.Things[i]; t.What == thingName {
			names = addName(names, Name{Name: t.Name, Priority: t.Leg})
		}
	}
	if c.Bridge.Leg != 0 && c.Phase == PhaseLive {
		names = c.talking(names, cmp.Or(c.Agent.User, c.Agent.Number))
		names = c.talking(names, c.Info.User)
	}
	return names
}

func addName(names []Name, n Name) []Name {
	if slices.ContainsFunc(names, func(x Name) bool { return x.Name == n.Name }) {
		return names
	}
	return append(names, n)
}

// talking adds the name of who is in conversation, the one that was declared already when it was.
func (c *Call) talking(names []Name, who string) []Name {
	const prefix = "talking:"
	if who == "" {
		return names
	}
	for _, n := range c.Notes.Names {
		if rest, ok := strings.CutPrefix(n.Name, prefix); ok && rest == who {
			return addName(names, n)
		}
	}
	return addName(names, Name{Name: prefix + who})
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
		r.call.Notes.write().Queued = &q
	}
}

// queueVar gives a variable of the queue; they are empty where the caller never waited.
func (c *Call) queueVar(name string) (string, bool) {
	q := c.Notes.read().Queued
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
