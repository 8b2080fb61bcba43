package sipua

import (
	"sync/atomic"

	"github.com/offhook/offhook/edge/sipua/digest"
)

// Counters are what the door has seen since the start, for metrics.
type Counters struct {
	Bindings   int    // registered now
	Registers  uint64 // accepted REGISTER requests
	Admitted   uint64 // calls let in
	Refused    uint64 // calls turned away for good, not counting challenges
	Challenges uint64 // requests without usable credentials
	Failures   uint64 // wrong user or password
	LockedOut  uint64 // requests refused because of failures before
}

type counts struct {
	registers, admitted, refused, challenges, failures, lockedOut atomic.Uint64
}

func (c *counts) authentication(o digest.Outcome) {
	switch o {
	case digest.Missing, digest.Stale:
		c.challenges.Add(1)
	case digest.Wrong:
		c.failures.Add(1)
	case digest.Locked:
		c.lockedOut.Add(1)
	case digest.Authenticated:
	}
}

// Counters of registrations and admission.
func (u *UA) Counters() Counters {
	b := u.bindings
	b.mu.RLock()
	registered := b.total
	b.mu.RUnlock()
	c := &b.counts
	return Counters{
		Bindings: registered, Registers: c.registers.Load(), Admitted: c.admitted.Load(), Refused: c.refused.Load(),
		Challenges: c.challenges.Load(), Failures: c.failures.Load(), LockedOut: c.lockedOut.Load(),
	}
}
