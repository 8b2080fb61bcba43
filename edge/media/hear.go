package media

import "slices"

// Hear replaces what the party hears, from the next packet or frame on. One endpoint at gain 1 is relayed as it comes;
// anything else is made on the wheel. Nothing to hear: nothing is sent, and the stream's clock goes on.
func (e *Endpoint) Hear(rows []Heard) { e.hear(known(rows), false) }

// hear does it; last is for Close, after which nothing is heard again.
func (e *Endpoint) hear(rows []Heard, last bool) {
	e.eng.routes.Lock()
	defer e.eng.routes.Unlock()
	if e.gone || slices.Equal(rows, e.hears) {
		e.gone = e.gone || last
		return
	}
	e.gone = last
	before := e.hears
	e.hears = rows
	// The new sources are tied before the old ones are let go, so what is in both goes on without a gap.
	e.tie(rows)
	e.tx.listen(rows)
	e.untie(before)
	e.eng.wheel.need(e, &e.seat, mixes, len(rows) > 0 && relayed(rows) == nil)
}

// known copies the rows that can be heard.
func known(rows []Heard) []Heard {
	var out []Heard
	for _, r := range rows {
		switch from := r.From.(type) {
		case *Player:
			if from != nil {
				out = append(out, r)
			}
		case *Endpoint:
			if from != nil {
				out = append(out, r)
			}
		}
	}
	return out
}

// relayed gives the endpoint that rows are a plain relay of, or nil.
func relayed(rows []Heard) *Endpoint {
	if len(rows) != 1 || fixed(rows[0].Gain) != unit {
		return nil
	}
	from, _ := rows[0].From.(*Endpoint)
	return from
}

func (e *Endpoint) tie(rows []Heard) {
	if from := relayed(rows); from != nil {
		from.addSink(e)
		return
	}
	mixAll(rows, 1)
}

// mixAll counts a mix at all of its endpoints.
func mixAll(rows []Heard, n int) {
	for _, r := range rows {
		if from, ok := r.From.(*Endpoint); ok {
			from.mixInto(n)
		}
	}
}

func (e *Endpoint) untie(rows []Heard) {
	if from := relayed(rows); from != nil {
		if relayed(e.hears) != from {
			from.dropSink(e)
		}
		return
	}
	mixAll(rows, -1)
}

// addSink and dropSink replace the list, which readers of packets take without a lock.
func (e *Endpoint) addSink(to *Endpoint) {
	var now []*Endpoint
	if old := e.sinks.Load(); old != nil {
		now = slices.Clone(*old)
	}
	if !slices.Contains(now, to) {
		now = append(now, to)
	}
	e.sinks.Store(&now)
}

func (e *Endpoint) dropSink(to *Endpoint) {
	old := e.sinks.Load()
	if old == nil {
		return
	}
	now := slices.DeleteFunc(slices.Clone(*old), func(s *Endpoint) bool { return s == to })
	if len(now) == 0 {
		e.sinks.Store(nil)
		return
	}
	e.sinks.Store(&now)
}

// ears are what hears rows and sends nothing: a monitor, a recorder. Guarded by Engine.routes.
type ears struct {
	rows []Heard
	gone bool // nothing is heard again
}

// hear replaces the rows by way of listen; false: nothing has changed. The new ones are mixed before the old ones are let
// go, so what is in both goes on without a gap. It is called under Engine.routes.
func (x *ears) hear(rows []Heard, last bool, listen func([]Heard)) bool {
	if x.gone || slices.Equal(rows, x.rows) {
		x.gone = x.gone || last
		return false
	}
	before := x.rows
	x.rows, x.gone = rows, last
	mixAll(rows, 1)
	listen(rows)
	mixAll(before, -1)
	return true
}

// mixInto counts the mixes that take this endpoint's sound; it is decoded while there are any.
func (e *Endpoint) mixInto(n int) {
	was := e.mixedBy
	e.mixedBy += n
	if (was == 0) == (e.mixedBy == 0) {
		return
	}
	e.rx.setTap(e.mixedBy > 0)
	e.eng.wheel.need(e, &e.seat, isMixed, e.mixedBy > 0)
}

// listen sets the way out.
func (s *sender) listen(rows []Heard) {
	s.mu.Lock()
	defer s.mu.Unlock()
	from := relayed(rows)
	if s.noDigits = from != nil && rows[0].NoDigits; from != nil && from == s.relay.from {
		return // the stream goes on
	}
	s.rows, s.relay = nil, relaying{}
	if s.socket == nil {
		return
	}
	if s.relay.from = from; from != nil {
		s.clock.talking = false
		return
	}
	s.rows = newRows(rows, 1)
}
