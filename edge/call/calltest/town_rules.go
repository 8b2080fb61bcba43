package calltest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/offhook/offhook/edge/call"
)

// Check holds all calls to the rules of lending as they stand now. An error names the one that is broken.
func (t *Town) Check() error {
	seen := map[call.Place]string{}
	for _, h := range t.houses {
		for _, l := range h.call.Legs {
			if l.Home == nil {
				continue
			}
			if by := seen[*l.Home]; by != "" {
				return fmt.Errorf("%s and %s both have the leg of loan %v", by, h.id, *l.Home)
			}
			seen[*l.Home] = h.id
		}
		if err := t.hears(h); err != nil {
			return fmt.Errorf("%s: %w", h.id, err)
		}
		if err := keeps(h.call); err != nil {
			return fmt.Errorf("%s: %w", h.id, err)
		}
	}
	if len(t.post) == 0 {
		return t.agree()
	}
	return nil
}

// hears: nobody hears whom it must not.
func (t *Town) hears(h *house) error {
	waits := slices.ContainsFunc(h.names, func(n call.Name) bool {
		return strings.HasPrefix(n.Name, "slot:") || strings.HasPrefix(n.Name, "queue:")
	})
	if caller := legOf(h.call, h.call.Caller); caller != nil && taken(h.call, caller.Lent) && h.call.Bridge.Leg != 0 {
		return fmt.Errorf("another call has the caller, who is joined with leg %d", h.call.Bridge.Leg)
	}
	for _, row := range h.call.Mix {
		from, to := legOf(h.call, row.From), legOf(h.call, row.To)
		switch {
		case from == nil && to == nil: // music into a recording
		case from != nil && from.Lent != 0 && to != nil:
			return fmt.Errorf("mix %v: leg %d is lent and heard at home", h.call.Mix, row.From)
		case from != nil && to != nil && to.Lent != 0:
			return fmt.Errorf("mix %v: leg %d is lent and hears a leg at home", h.call.Mix, row.To)
		case from != nil && to != nil && waits && from.AnsweredAt != nil:
			return fmt.Errorf("mix %v: the caller waits and is joined", h.call.Mix)
		}
		if whispers := from != nil && from.Mode == call.ModeWhisper; whispers != row.Whisper {
			return fmt.Errorf("mix %v: leg %d whispers: %t", h.call.Mix, row.From, whispers)
		}
		if err := t.guestHeard(h, from, to); err != nil {
			return fmt.Errorf("mix %v: %w", h.call.Mix, err)
		}
		if to != nil && to.Home != nil && t.asked[*to.Home].Held {
			return fmt.Errorf("mix %v: leg %d holds and hears", h.call.Mix, row.To)
		}
	}
	return nil
}

func legOf(c *call.Call, n int) *call.Leg {
	for _, l := range c.Legs {
		if l.N == n {
			return l
		}
	}
	return nil
}

// taken: another call has the leg of a loan, as far as the home call knows.
func taken(c *call.Call, loan int) bool {
	return slices.ContainsFunc(c.Things, func(t call.Thing) bool { return t.What == "loan" && t.N == loan && t.With != "" })
}

// guestHeard: a lent leg that is heard may be.
func (t *Town) guestHeard(h *house, from, to *call.Leg) error {
	if from == nil || from.Home == nil {
		return nil
	}
	lent := t.asked[*from.Home]
	switch {
	case lent.Muted:
		return fmt.Errorf("leg %d is muted and heard", from.N)
	case lent.Held:
		return fmt.Errorf("leg %d holds and is heard", from.N)
	case lent.As != call.AsSupervise || lent.Mode == call.ModeBarge:
		return nil
	case lent.Mode == call.ModeListen:
		return fmt.Errorf("leg %d only listens, and is heard", from.N)
	case to == nil:
		return fmt.Errorf("leg %d whispers into a recording", from.N)
	}
	who := to.Number
	if to.N == h.call.Caller {
		who = h.call.Info.User
	}
	if lent.User != "" && who != lent.User {
		return fmt.Errorf("leg %d whispers to %s, and %q hears it", from.N, lent.User, who)
	}
	return nil
}

// agree: with nothing on its way, home and borrower know the same loans.
func (t *Town) agree() error {
	for _, h := range t.houses {
		for _, x := range h.call.Things {
			if x.What == "loan" && !t.has(x.With, call.Place{Call: h.id, N: x.N}) {
				return fmt.Errorf("%s lent loan %d to %q, which knows nothing of it", h.id, x.N, x.With)
			}
		}
		for _, l := range h.call.Legs {
			if l.Home == nil {
				continue
			}
			if !t.lends(*l.Home, h.id) {
				return fmt.Errorf("%s has the leg of loan %v, of which its home knows nothing", h.id, *l.Home)
			}
			if err := t.alike(h, l); err != nil {
				return err
			}
		}
	}
	return nil
}

// alike: what holds or is mute at home does so where it was lent to.
func (t *Town) alike(h *house, l *call.Leg) error {
	home := t.house(l.Home.Call).call
	for _, x := range home.Legs {
		if x.Lent != l.Home.N {
			continue
		}
		if holds := x.Held || len(x.Waits) > 0; holds != l.Held || x.Muted && !l.Muted {
			return fmt.Errorf("%s: the leg of loan %v: held %t and muted %t at home, %t and %t here", h.id, *l.Home, holds, x.Muted, l.Held, l.Muted)
		}
		if is := l.Muted || len(l.Waits) > 0; is != hushed(home, x.Lent) {
			return fmt.Errorf("%s: the leg of loan %v is mute or on hold: %t, and its home believes %t", h.id, *l.Home, is, !is)
		}
	}
	return nil
}

func (t *Town) has(id string, loan call.Place) bool {
	h := t.house(id)
	return h != nil && slices.ContainsFunc(h.call.Legs, func(l *call.Leg) bool { return l.Home != nil && *l.Home == loan })
}

func (t *Town) lends(loan call.Place, to string) bool {
	h := t.house(loan.Call)
	return h != nil && slices.ContainsFunc(h.call.Things, func(x call.Thing) bool { return x.N == loan.N && x.What == "loan" && x.With == to })
}

// Left tells what is left although all calls are over.
func (t *Town) Left() error {
	for _, h := range t.houses {
		switch {
		case !h.call.Over():
			return fmt.Errorf("%s is not over", h.id)
		case len(h.call.Things) > 0:
			return fmt.Errorf("%s: left: %+v", h.id, h.call.Things)
		case len(h.names) > 0:
			return fmt.Errorf("%s: others still find it by %v", h.id, h.names)
		}
	}
	return nil
}
