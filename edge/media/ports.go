package media

import (
	"math/rand/v2"
	"sync"
	"time"
)

// ports hands out even ports. It is a queue: the port that was free longest is next, so that late packets for an ended
// call do not reach a new one, and the first is a random one, so that after a restart neither do they.
type ports struct {
	mu    sync.Mutex
	ring  []freePort
	head  int
	count int
	rest  time.Duration
}

type freePort struct {
	port  int
	since time.Duration // may be taken from here on
}

func newPorts(low, high int, rest time.Duration) *ports {
	low += low & 1
	n := max((high-low+1)/2, 0) // the odd one above must be in the range too
	p := &ports{ring: make([]freePort, n), count: n, rest: rest}
	if n == 0 {
		return p
	}
	for i, first := 0, rand.IntN(n); i < n; i++ {
		p.ring[i] = freePort{port: low + (first+i)%n*2}
	}
	return p
}

// take gives a port that has rested.
func (p *ports) take(now time.Duration) (int, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.count == 0 || p.ring[p.head].since > now {
		return 0, false
	}
	port := p.ring[p.head].port
	p.head = (p.head + 1) % len(p.ring)
	p.count--
	return port, true
}

// give puts a port back to rest.
func (p *ports) give(port int, now time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ring[(p.head+p.count)%len(p.ring)] = freePort{port, now + p.rest}
	p.count++
}
