package media

import "sync"

// Monitor hears rows as an Endpoint does and hands each frame on: to a recogniser, a detector, a stream.
type Monitor struct {
	eng   *Engine
	heard func(pcm []int16)
	seat  seat
	ears  ears

	mu   sync.Mutex
	rows []row
	over bool
}

// Monitor begins one of nobody: Hear says of whom. heard gets 20 ms (160 samples) every 20 ms while there are rows,
// silence where nobody sounds; it is called on the wheel that serves all calls, must not block, and must not keep the frame.
func (e *Engine) Monitor(heard func(pcm []int16)) *Monitor { return &Monitor{eng: e, heard: heard} }

// Hear replaces what is heard, from the next frame on.
func (m *Monitor) Hear(rows []Heard) { m.hear(known(rows), false) }

func (m *Monitor) hear(rows []Heard, last bool) {
	m.eng.routes.Lock()
	defer m.eng.routes.Unlock()
	if m.ears.hear(rows, last, m.listen) {
		m.eng.wheel.need(m, &m.seat, monitors, len(rows) > 0)
	}
}

func (m *Monitor) listen(rows []Heard) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rows = newRows(rows, 1)
}

// Stop ends it; no frame is handed on after the one that is being handed on now.
func (m *Monitor) Stop() {
	m.hear(nil, true)
	m.eng.wheel.evict(m, &m.seat)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.over = true
}

func (*Monitor) produce(*scratch, int64) {}

// consume is its place among the listeners of a slot.
func (m *Monitor) consume(sc *scratch, _ int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.over || len(m.rows) == 0 {
		return
	}
	sc.mix(sc.pcm[:frameSize], m.rows, 0)
	m.heard(sc.pcm[:frameSize])
}
