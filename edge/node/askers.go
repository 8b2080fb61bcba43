package node

import (
	"context"
	"runtime"
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
	do    func(context.Context, asking)
	under context.Context // of all asks

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

	mu     sync.Mutex
	turn   int             // of the ask under way
	ctx    context.Context // for many asks, until one is given up
	cancel context.CancelFunc
}

// asking is an ask that is put.
type asking struct {
	s      *session
	o      call.AskStart
	policy ask.Policy
}

// outstanding is what an ask that was put is given up by.
type outstanding struct {
	id   int
	at   *asker
	turn int
}

// giveUp does nothing to an ask that is over.
func (o outstanding) giveUp() {
	o.at.mu.Lock()
	defer o.at.mu.Unlock()
	if o.at.turn == o.turn {
		o.at.cancel()
	}
}

// put never blocks.
func (p *askers) put(q asking) outstanding {
	p.mu.Lock()
	n := len(p.idle)
	if n == 0 {
		p.mu.Unlock()
		a := &asker{next: make(chan asking, 1)}
		a.ctx, a.cancel = context.WithCancel(p.under)
		a.next <- q
		p.all.Go(func() { p.run(a) })
		return outstanding{id: q.o.Ask, at: a}
	}
	a := p.idle[n-1]
	p.idle[n-1] = nil
	p.idle = p.idle[:n-1]
	p.mu.Unlock()
	o := outstanding{q.o.Ask, a, a.turn} // it changes only at the end of an ask
	a.next <- q
	return o
}

func (p *askers) run(a *asker) {
	defer func() { a.cancel() }()
	for q := range a.next {
		if q.o.Notice {
			runtime.Gosched() // nobody waits for it: what callers wait for goes first
		}
		p.do(a.ctx, q)
		if a.ended(p.under); !p.rest(a) {
			return
		}
	}
}

// ended makes a ready for another ask.
func (a *asker) ended(under context.Context) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.turn++; a.ctx.Err() != nil {
		a.ctx, a.cancel = context.WithCancel(under)
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
