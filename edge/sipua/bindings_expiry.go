package sipua

import "time"

// wakeAt makes expire run at that time, or earlier. It wants mu held.
func (b *bindings) wakeAt(at time.Time) {
	if b.clock != nil && !at.Before(b.next) {
		return
	}
	b.next = at
	if b.clock != nil {
		b.clock.Reset(time.Until(at))
		return
	}
	b.clock = time.AfterFunc(time.Until(at), b.expire)
}

// expire drops what is over, tells of it, and sets the clock for the next.
func (b *bindings) expire() {
	if b.u.closed.Load() {
		return
	}
	b.order.Lock()
	defer b.order.Unlock()
	for _, one := range b.over(time.Now()) {
		b.remove(one)
		b.u.handler.OnBinding(one, BindingExpired)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.clock = nil
	if next, ok := b.earliest(); ok {
		b.wakeAt(next)
	}
}

func (b *bindings) over(now time.Time) []Binding {
	b.mu.RLock()
	defer b.mu.RUnlock()
	var over []Binding
	for _, contacts := range b.byAOR {
		for _, one := range contacts {
			if !b.end(one).After(now) {
				over = append(over, one)
			}
		}
	}
	return over
}

// earliest wants mu held.
func (b *bindings) earliest() (next time.Time, ok bool) {
	for _, contacts := range b.byAOR {
		for _, one := range contacts {
			if end := b.end(one); !ok || end.Before(next) {
				next, ok = end, true
			}
		}
	}
	return next, ok
}
