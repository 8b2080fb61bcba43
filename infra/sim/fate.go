package sim

import (
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/offhook/offhook/edge/edgetest"
)

// Faults are shares of things that go wrong, 0-1.
type Faults struct {
	Loss, Duplicate, Reorder, Delay float64 // of SIP messages
	Media                           float64 // of RTP packets: lost; half as many come twice
	Webhook                         float64 // of asks
	Phones                          float64 // of phones: they misbehave
}

// Rough is what the simulation runs under.
var Rough = Faults{Loss: 0.05, Duplicate: 0.03, Reorder: 0.05, Delay: 0.01, Media: 0.03, Webhook: 0.12, Phones: 0.10}

// weather decides the fate of packets.
type weather struct {
	dice   dice
	faults Faults
	name   func(callID string) string // a name that is the same in every run of the seed

	mu     sync.Mutex
	copies map[string]int
}

// message is the fate of a SIP message: by way, call, start line, CSeq and how often that was sent before.
func (w *weather) message(p edgetest.Packet) []time.Duration {
	key := w.key(p)
	w.mu.Lock()
	w.copies[key]++
	thing := key + "#" + strconv.Itoa(w.copies[key])
	w.mu.Unlock()
	if w.dice.chance(w.faults.Loss, "loss", thing) {
		return nil
	}
	way := w.dice.span(5*time.Millisecond, 25*time.Millisecond, "way", thing)
	switch {
	case w.dice.chance(w.faults.Delay, "delay", thing):
		way += w.dice.span(500*time.Millisecond, 3*time.Second, "late", thing)
	case w.dice.chance(w.faults.Reorder, "reorder", thing):
		way += w.dice.span(20*time.Millisecond, 200*time.Millisecond, "behind", thing)
	}
	ways := []time.Duration{way}
	if w.dice.chance(w.faults.Duplicate, "duplicate", thing) {
		ways = append(ways, way+w.dice.span(time.Microsecond, 300*time.Millisecond, "copy", thing))
	}
	return ways
}

func (w *weather) key(p edgetest.Packet) string {
	m, err := parse(p.Data)
	if err != nil {
		return "unreadable"
	}
	way := "up"
	if p.From == edgeSIP {
		way = "down"
	}
	return strings.Join([]string{way, w.name(m.get("call-id")), m.start(), m.get("cseq"), phoneOf(p).String()}, " ")
}

// phoneOf a packet: the side that is not the edge.
func phoneOf(p edgetest.Packet) netip.AddrPort {
	if p.From == edgeSIP {
		return p.To
	}
	return p.From
}

// sound is the fate of an RTP packet: by the phone's address, the way and the number of the packet. The port of the
// edge is another one in each run and does not count.
func (w *weather) sound(p edgetest.Packet) []time.Duration {
	phone, way := p.To, byte('d')
	if p.From.Addr() != edgeIP {
		phone, way = p.From, 'u'
	}
	b := phone.Addr().As4()
	h := uint64(w.dice)*0x9E3779B97F4A7C15 ^ uint64(b[1])<<56 ^ uint64(b[2])<<48 ^ uint64(b[3])<<40 ^ uint64(phone.Port())<<24 ^ uint64(way)<<20 ^ uint64(p.Number)
	roll := float64(mix(mix(h))>>11) / (1 << 53)
	switch {
	case roll < w.faults.Media:
		return nil
	case roll < w.faults.Media*1.5:
		return twice
	}
	return once
}

var once, twice = []time.Duration{0}, []time.Duration{0, 0}
