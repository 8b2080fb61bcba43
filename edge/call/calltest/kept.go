package calltest

import (
	"fmt"
	"slices"

	"github.com/offhook/offhook/edge/call"
)

// keeps: recordings, streams and detections of a call hear its leg wherever that was lent to, and whom it hears there, but
// for who is mute, holds or is on hold.
func keeps(c *call.Call) error {
	for _, l := range c.Legs {
		if l.Lent == 0 || l.Ending != nil {
			continue
		}
		for _, x := range c.Things {
			own, there := hearsLent(c, l, x)
			if got := has(c.Mix, l.N, x.N); got != own {
				return fmt.Errorf("mix %v: %s %d hears lent leg %d: %t", c.Mix, x.What, x.N, l.N, got)
			}
			if got := has(c.Mix, l.Lent, x.N); got != there {
				return fmt.Errorf("mix %v: %s %d hears whom leg %d hears in loan %d: %t", c.Mix, x.What, x.N, l.N, l.Lent, got)
			}
		}
	}
	return nil
}

func has(m call.Mix, from, to int) bool {
	return slices.ContainsFunc(m, func(row call.Hear) bool { return row.From == from && row.To == to })
}

// hearsLent says whether something hears a lent leg, and whom that hears.
func hearsLent(c *call.Call, l *call.Leg, x call.Thing) (own, there bool) {
	here := (l.AnsweredAt != nil || l.Answering) && !l.Held
	switch {
	case !here || x.Details != nil && x.Ends:
		return false, false
	case x.What == "detect":
		return x.Leg == l.N, false
	case len(l.Waits) > 0:
		return false, false
	case x.What == "stream" && x.Leg == l.N:
		own, there = x.Name != call.OfAgent, x.Name != call.OfCaller
	case x.What == "record" && l.N == c.Caller:
		own, there = x.Name != call.OfAgent, x.Name != call.OfCaller
	case x.What == "record" && l.N == c.Bridge.Leg:
		own = x.Name != call.OfCaller
	}
	return own && !l.Muted && !hushed(c, l.Lent), there
}

// hushed: the party of a loan is mute or on hold in the other call, as far as home knows.
func hushed(c *call.Call, loan int) bool {
	return slices.ContainsFunc(c.Things, func(x call.Thing) bool { return x.What == "loan" && x.N == loan && x.Hushed })
}
