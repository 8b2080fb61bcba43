package call

import "strings"

// featured: the keys of this leg may be a feature code, because a user of the tenant is behind it and in conversation.
func (c *Call) featured(l *Leg) bool {
	s := c.Notes.Settings
	if c.Bridge.Leg == 0 || s.Blind+s.Attended+s.Park+s.Record == "" {
		return false
	}
	return l.N == c.Caller && c.Info.User != "" || l.N == c.Bridge.Leg && strings.HasPrefix(l.Target, "user:")
}

// keepsDigits: what the leg dials is passed on by us, once it is clear that it is no feature code.
func (c *Call) keepsDigits(l *Leg) bool { return c.featured(l) }

// feature takes a digit that belongs to a feature code, or may.
func (c *Call) feature(l *Leg, digit string) bool {
	return false
}
