package call

import (
	"cmp"

	"github.com/offhook/offhook/schemas/ask"
	"github.com/offhook/offhook/schemas/verb"
)

// consult is the kind of a strand whose script connects a user with somebody else while the other party of the
// conversation waits. To it the user is the caller.
const consult = "consult"

// Aside is a user who lets the other party wait, and whom that user speaks with meanwhile.
type Aside struct {
	Run   int       `json:"run,omitempty"` // that has taken the conversation apart
	By    int       `json:"by,omitempty"`
	Leg   int       `json:"leg,omitempty"`   // 0: nobody yet
	URL   string    `json:"url,omitempty"`   // the script's, to go back to
	Stays *ask.Call `json:"stays,omitempty"` // the call of who waits; meanwhile it is shown as the user's
}

// aside is who lets the other wait, nobody when there is none.
func (c *Call) aside() Aside {
	if c.Bridge.Aside == nil {
		return Aside{}
	}
	return *c.Bridge.Aside
}

// other is the other one of the two, 0 for anybody else.
func (a *Aside) other(leg int) int {
	switch {
	case a == nil || a.Leg == 0:
		return 0
	case leg == a.By:
		return a.Leg
	case leg == a.Leg:
		return a.By
	}
	return 0
}

// Consult asks where a number leads, as if the user who parted from the caller called it; what the script is, is a strand
// of this run. Its end brings StrandEnded. 0 when there are too many.
func (r *Run) Consult(p Parted, number string) int {
	c := r.call
	if c == nil || !c.roomForStrand() {
		return 0
	}
	by := c.live(p.By)
	if by == nil {
		return 0
	}
	r.EndHold(p.By)
	stays := c.Info
	c.Bridge.Aside = &Aside{Run: r.N, By: p.By, URL: c.Script.URL, Stays: &stays}
	c.callerIs(c.identity(by))
	c.Info.To, c.Info.ReferredBy = number, nil
	s := c.newStrand(consult, Frame{Next: &Next{Do: verb.Do{URL: cmp.Or(r.router(), defaultRouter)}, Reason: ask.ReasonCall, Replace: true}})
	s.Owner, s.Line = r.N, p.By
	return s.N
}

// Connect gives whom the user speaks with, or calls, to who waits: what connects them becomes the call's script. answered
// tells whether they speak already.
func (r *Run) Connect(strand int) (answered, ok bool) {
	c := r.call
	if c == nil {
		return false, false
	}
	s := c.strand(strand)
	if s == nil || s.Owner != r.N {
		return false, false
	}
	a, url := c.aside(), c.Script.URL
	c.endAside(r.N)
	c.Script.URL = url
	return c.handAside(s, a), true
}

// endAside: the call is again that of who waits.
func (c *Call) endAside(run int) {
	a := c.aside()
	if a.Run == 0 || a.Run != run {
		return
	}
	c.Bridge.Aside, c.Script.URL = nil, a.URL
	i, was := &c.Info, a.Stays
	i.From, i.FromName, i.User, i.Trunk = was.From, was.FromName, was.User, was.Trunk
	i.ReferredBy = was.ReferredBy
}

// handAside makes a consult the call's script, for the caller.
func (c *Call) handAside(s *Strand, a Aside) bool {
	for i := range c.Things {
		if t := &c.Things[i]; t.What == thingPlay && t.Leg == a.By && s.Run != nil && t.Owner == s.Run.N {
			t.Leg = c.Caller
		}
	}
	s.Line = 0
	c.crown(s)
	c.tellReplaced(c.Caller)
	l := c.live(a.Leg)
	if l == nil {
		return false
	}
	c.Bridge.Leg, c.Agent = l.N, agentOf(l)
	c.bridged()
	return true
}

// goesOnAside: who waited has hung up, and those who speak meanwhile go on; the user is the caller from now on.
func (c *Call) goesOnAside() bool {
	a := c.aside()
	by := c.live(a.By)
	if c.Phase != PhaseLive || by == nil || c.live(a.Leg) == nil {
		return false
	}
	for _, s := range c.strandsOf(consult) {
		if s.Line == a.By {
			c.Bridge.Aside = nil
			c.Caller, by.Owner = by.N, 0
			return c.handAside(s, a)
		}
	}
	return false
}

// consults: to this run the user is the caller.
func (c *Call) consults(r *Run) bool {
	s := c.strand(r.Strand)
	return s != nil && s.Kind == consult
}
