package ask

import (
	"sync"
	"time"
)

const (
	defaultConcurrent = 1000

	breakerWindow = 10 * time.Second
	breakerLeast  = 20 // asks in a window before it may open
	breakerRest   = 5 * time.Second
	mostBreakers  = 4096 // in one generation
)

// bulkhead bounds the asks under way of each tenant, so that one tenant's slow webhook holds nobody else up.
type bulkhead struct {
	mu    sync.Mutex
	inUse map[string]int
}

// enter takes a place, or says no at once: a caller waits for an answer, not in a queue.
func (b *bulkhead) enter(tenant string, most int) bool {
	if most <= 0 {
		most = defaultConcurrent
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.inUse[tenant] >= most {
		return false
	}
	b.inUse[tenant]++
	return true
}

func (b *bulkhead) leave(tenant string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.inUse[tenant]--; b.inUse[tenant] <= 0 {
		delete(b.inUse, tenant)
	}
}

// breaker opens when half of the asks of a window failed, rests, and then lets one through to see.
type breaker struct {
	mu        sync.Mutex
	begun     time.Time
	asked     int
	failed    int
	openUntil time.Time // zero: closed
	probing   bool
	last      string // what failed last, for the author
}

// verdict is what an ask told about its host.
type verdict int

const (
	healthy verdict = iota
	ill
	unknown // given up by us
)

// allow says whether an ask may go, whether it is the one that probes, and if not, what failed last.
func (b *breaker) allow(now time.Time) (ok, probe bool, last string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.openUntil.IsZero() {
		return true, false, ""
	}
	if b.probing || now.Before(b.openUntil) {
		return false, false, b.last
	}
	b.probing = true
	return true, true, ""
}

// done reports an allowed ask's end.
func (b *breaker) done(now time.Time, probe bool, v verdict, what string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if v == ill {
		b.last = what
	}
	switch {
	case probe:
		b.settle(now, v)
	case b.openUntil.IsZero() && v != unknown:
		b.count(now, v)
	}
}

func (b *breaker) settle(now time.Time, v verdict) {
	b.probing = false
	switch v {
	case healthy:
		b.begun, b.asked, b.failed, b.openUntil = now, 0, 0, time.Time{}
	case ill:
		b.openUntil = now.Add(breakerRest)
	}
}

func (b *breaker) count(now time.Time, v verdict) {
	if now.Sub(b.begun) > breakerWindow {
		b.begun, b.asked, b.failed = now, 0, 0
	}
	b.asked++
	if v == ill {
		b.failed++
	}
	if b.asked >= breakerLeast && b.failed*2 >= b.asked {
		b.openUntil = now.Add(breakerRest)
	}
}

// breakers keeps one breaker per tenant and host. Hosts come from webhooks' answers, so the number is bounded.
type breakers struct {
	mu sync.Mutex
	lately[breakerKey, breaker]
}

type breakerKey struct{ tenant, host string }

func (s *breakers) get(tenant, host string) *breaker {
	k := breakerKey{tenant, host}
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.find(k, mostBreakers)
	if b == nil {
		b = &breaker{}
		s.keep(k, b, mostBreakers)
	}
	return b
}
