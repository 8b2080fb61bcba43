package media

import (
	"math"

	"github.com/offhook/offhook/edge/media/g711"
)

// unit is gain 1 in a row.
const (
	unit    = 1 << 12
	maxGain = 8
)

// row is one source of a mix.
type row struct {
	player  *Player
	end     *Endpoint
	gain    int32 // in units
	channel int   // of a recorder
}

func newRow(h Heard) row {
	r := row{gain: fixed(h.Gain), channel: h.Channel}
	switch from := h.From.(type) {
	case *Player:
		r.player = from
	case *Endpoint:
		r.end = from
	}
	return r
}

// newRows are those of a listener with so many channels.
func newRows(heard []Heard, channels int) []row {
	var rows []row
	for _, h := range heard {
		h.Channel = min(max(h.Channel, 0), channels-1)
		rows = append(rows, newRow(h))
	}
	return rows
}

// fixed is a gain as an integer; what is no number or negative is silence.
func fixed(gain float64) int32 {
	if gain == 0 {
		return unit
	}
	if math.IsNaN(gain) || gain < 0 {
		return 0
	}
	return int32(min(gain, maxGain) * unit)
}

// consume is the endpoint's place among the listeners of a slot: a digit of ours, or a frame of the mix.
func (e *Endpoint) consume(sc *scratch, slot int64) {
	s := &e.tx
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.digits.Busy() {
		s.sendDigit(sc, slot)
		return
	}
	if s.dialing {
		s.dialing = false
		e.eng.wheel.need(e, &e.seat, dials, false)
	}
	if s.open && len(s.rows) > 0 {
		s.sendFrame(sc, slot)
	}
}

func (s *sender) sendFrame(sc *scratch, slot int64) {
	n := s.gather(sc)
	if n == 0 {
		return
	}
	ts, first := s.clock.frameAt(slot)
	s.clock.lead = 0
	s.write(sc, s.next(s.payload, ts, first), sc.payload[:n], slots*uint32(s.clock.rate))
}

// gather makes the frame: a single player's own code, else the sum of all rows. 0: nobody sounds.
func (s *sender) gather(sc *scratch) int {
	to := s.coder.codec
	if r := s.rows[0]; len(s.rows) == 1 && r.player != nil && r.gain == unit && !to.wideband() {
		return r.player.frame(sc.payload[:frameSize], to.law())
	}
	pcm := sc.pcm[:to.size()]
	if !sc.mix(pcm, s.rows, 0) {
		return 0
	}
	return s.coder.encode(sc.payload[:], pcm)
}

// mix sums the rows of a channel into a frame, whose length says at which rate. False: nobody sounds, and it is silence.
func (sc *scratch) mix(pcm []int16, rows []row, channel int) (any bool) {
	sum := sc.sum[:len(pcm)]
	clear(sum)
	for i := range rows {
		if rows[i].channel == channel && rows[i].addTo(sum) {
			any = true
		}
	}
	clip(pcm, sum)
	return any
}

func (r *row) addTo(sum []int32) bool {
	if r.player != nil {
		return r.player.addTo(sum, r.gain)
	}
	return r.end.rx.addTo(sum, r.gain)
}

// add sums a frame; samples that are missing are silence. False: there is none.
func add(sum []int32, pcm []int16, gain int32) bool {
	pcm = pcm[:min(len(pcm), len(sum))]
	sum = sum[:len(pcm)]
	if gain == unit {
		for i, v := range pcm {
			sum[i] += int32(v)
		}
	} else {
		for i, v := range pcm {
			sum[i] += int32(v) * gain / unit
		}
	}
	return pcm != nil
}

func clip(dst []int16, sum []int32) {
	sum = sum[:len(dst)]
	for i, v := range sum {
		dst[i] = int16(min(max(v, math.MinInt16), math.MaxInt16))
	}
}

// pad fills a short frame with silence.
func pad(frame []byte, n int, law g711.Law) int {
	for i := n; i < len(frame); i++ {
		frame[i] = law.Silence()
	}
	return len(frame)
}
