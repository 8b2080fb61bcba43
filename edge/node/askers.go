package node

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/offhook/offhook/edge/ask"
	"github.com/offhook/offhook/edge/call"
)

// askerIdle is for how long a goroutine that puts asks waits for another one, at least.
const askerIdle = 5 * time.Second

// askers put asks, each in a goroutine of its own that then waits for the next ask: a new goroutine begins with a small
// stack, and growing that cost more than a tenth of an ask. The tenants' bulkheads bound how many there are.
type askers struct {
	do func(asking)

	mu    sync.Mutex
	idle  []*asker    // the one that was busy last, whose stack the caches still hold, at the end
	sweep *time.Timer // ends those idle for too long; nil: nobody is idle
	over  bool
	all   sync.WaitGroup
}

// asker is one goroutine.
type asker struct {
	next  chan asking // closed: it ends
	since time.Time   // idle
}

// asking is an ask that is put.
type asking struct {
	s      *session
	o      call.AskStart
	policy ask.Policy
	ctx    context.Context
	cancel context.CancelFunc // nil: only the node's end ends it
}

// put never blocks.
func (p *askers) put(q asking) {
	p.mu.Lock()
	n := len(p.idle)
	if n == 0 {
		p.mu.Unlock()
		a := &asker{next: make(chan asking, 1)}
		a.next <- q
		p.all.Go(func() { p.run(a) })
		return
	}
	a := p.idle[n-1]
	p.idle[n-1] = nil
	p.idle = p.idle[:n-1]
	p.mu.Unlock()
	a.next <- q
}

func (p *askers) run(a *asker) {
	for q := range a.next {
		if p.do(q); !p.rest(a) {
			return
		}
	}
}

// rest lets a wait; false: nothing comes any more.
func (p *askers) rest(a *asker) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over {
		return false
	}
	a.since = time.Now()
	p.idle = append(p.idle, a)
	if p.sweep == nil {
		p.sweep = time.AfterFunc(askerIdle, p.tidy)
	}
	return true
}

// tidy ends those that were idle for too long.
func (p *askers) tidy() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over {
		return
	}
	now, n := time.Now(), 0
	for n < len(p.idle) && now.Sub(p.idle[n].since) >= askerIdle {
		close(p.idle[n].next)
		n++
	}
	p.idle, p.sweep = slices.Delete(p.idle, 0, n), nil
	if len(p.idle) > 0 {
		p.sweep = time.AfterFunc(askerIdle, p.tidy)
	}
}

// stop ends the idle ones and waits for the others.
func (p *askers) stop() {
	p.mu.Lock()
	p.over = true
	for _, a := range p.idle {
		close(a.next)
	}
	p.idle = nil
	if p.sweep != nil {
		p.sweep.Stop()
	}
	p.mu.Unlock()
	p.all.Wait()
}
