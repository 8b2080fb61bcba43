package sipua

import "sync/atomic"

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

func (c *counts) authentication(o outcome) {
	switch o {
	case noCredentials, staleNonce:
		c.challenges.Add(1)
	case badCredentials:
		c.failures.Add(1)
	case lockedOut:
		c.lockedOut.Add(1)
	case authenticated:
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
