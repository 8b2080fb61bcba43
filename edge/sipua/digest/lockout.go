package digest

import (
	"net/netip"
	"sync"
	"time"
)

const (
	freeFailures = 5       // wrong passwords in a row before anything is refused
	maxLockouts  = 1 << 14 // sources remembered in each of two generations
	longestLock  = time.Minute
	lockoutLife  = 10 * time.Minute
)

// lockouts slow down who guesses passwords: after a few failures in a row each further one locks the pair of source and
// user for twice as long. Sources are addresses, of IPv6 the /64. Bounded; what is forgotten is forgiven.
type lockouts struct {
	mu             sync.Mutex
	recent, before map[string]lockout // this generation and the one before
	turned         time.Time
}

type lockout struct {
	failures int
	until    time.Time
}

func newLockouts() *lockouts { return &lockouts{recent: map[string]lockout{}} }

func lockKey(src netip.Addr, tenant, user string) string {
	src = src.Unmap()
	bits := 32
	if src.Is6() {
		bits = 64
	}
	prefix, err := src.Prefix(bits)
	if err != nil {
		return "?/" + tenant + "/" + user
	}
	return prefix.String() + "/" + tenant + "/" + user
}

func (l *lockouts) locked(key string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.find(key).until.After(now)
}

func (l *lockouts) failed(key string, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.turn(now)
	one := l.find(key)
	if one.failures++; one.failures >= freeFailures {
		wait := time.Second << min(one.failures-freeFailures, 6)
		one.until = now.Add(min(wait, longestLock))
	}
	l.recent[key] = one
}

func (l *lockouts) forgive(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.recent, key)
	delete(l.before, key)
}

func (l *lockouts) find(key string) lockout {
	if one, ok := l.recent[key]; ok {
		return one
	}
	return l.before[key]
}

func (l *lockouts) turn(now time.Time) {
	if len(l.recent) >= maxLockouts || now.Sub(l.turned) > lockoutLife {
		l.before, l.recent, l.turned = l.recent, map[string]lockout{}, now
	}
}
