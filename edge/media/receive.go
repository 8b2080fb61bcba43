package media

import (
	"net/netip"
	"sync"
	"time"

	"github.com/offhook/offhook/edge/media/dtmf"
	"github.com/offhook/offhook/edge/media/ice"
	"github.com/offhook/offhook/edge/media/opus"
	"github.com/offhook/offhook/edge/media/rtcp"
	"github.com/offhook/offhook/edge/media/srtp"
	"github.com/pion/rtp"
)

const (
	minPacket  = 12  // RFC 3550 section 5.1
	maxPayload = 960 // 120 ms, but of Opus; 10 to 60 ms are usual
)

// scratch is what a goroutine needs to handle packets; it is reused, so a packet allocates nothing.
type scratch struct {
	in      [2048]byte
	out     [minPacket + opus.MaxPacket + srtp.Overhead]byte
	pkt     rtp.Packet
	payload [opus.MaxPacket]byte
	pcm     [2 * maxPayload]int16 // 120 ms of 16 kHz
	other   [2 * maxPayload]int16 // the same at another rate
	sum     [wideFrame]int32
}

// inbound is a checked packet.
type inbound struct {
	codec   codec
	clock   ticks // of ts: that of the stream's sound
	marker  bool
	seq     uint16
	ts      uint32
	ssrc    uint32
	payload []byte
	learned bool  // the first packet of a party behind NAT
	stream  uint8 // another number than before: another stream
}

// receiver is the way in.
type receiver struct {
	mu      sync.Mutex
	types   [128]codec // by payload type; all unknown before an answer
	source  source
	learn   bool // NAT
	closed  bool
	stats   reception
	digit   dtmf.Receiver
	tap     *tap
	refused uint64
	cipher  cipher
	agent   ice.Agent // who answers ICE; none: checks are ignored
}

// packet takes what the socket received.
func (e *Endpoint) packet(sc *scratch, b []byte, from netip.AddrPort, now time.Duration) {
	if len(b) > 0 && b[0] < 64 {
		e.beside(b, from, rtpComponent)
		return
	}
	if rtcp.Is(b) {
		e.reported(b, from, now, true)
		return
	}
	var digits [2]dtmf.Digit
	in, n, ok := e.rx.take(sc, b, from, now, &digits)
	if !ok {
		e.eng.refused.Add(1)
		return
	}
	e.lastRTP.Store(max(int64(now), 1))
	if e.told.Load() {
		e.told.Store(false)
	}
	if in.learned {
		e.tx.redirect(from)
	}
	if in.codec.digits() {
		e.DigitsOtherwise()
		e.awaitEnd()
	}
	for _, d := range digits[:n] {
		e.notify(Event{Kind: Digit, Digit: d.Key, Duration: d.Duration})
	}
	if sinks := e.sinks.Load(); sinks != nil {
		for _, to := range *sinks {
			to.relay(sc, e, &in, now)
		}
	}
}

// take checks a packet and counts it; ok is false when nothing more is to be done with it.
func (r *receiver) take(sc *scratch, b []byte, from netip.AddrPort, now time.Duration, digits *[2]dtmf.Digit) (in inbound, n int, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if b, ok = r.unsealed(b, from); ok {
		in, ok = r.parse(&sc.pkt, b)
	}
	before := r.source.locked
	if !ok || r.closed || !r.source.admit(from, r.learn, in.ssrc, in.seq) {
		r.refused++
		return in, 0, false
	}
	moved := r.source.locked != before
	in.learned = moved && r.learn
	was := r.stats.streams
	if !r.stats.update(&in, now, moved) {
		r.refused++
		return in, 0, false
	}
	in.clock, in.stream = r.stats.clock(), r.stats.streams
	another := in.stream != was
	if another {
		r.digit.Change()
	}
	if in.codec.digits() {
		ev, _ := dtmf.Parse(in.payload)
		r.digit.Clock = 1000 * uint32(in.codec.clock())
		*digits, n = r.digit.Packet(in.ts, in.marker, ev, now)
	}
	if r.tap != nil {
		r.tap.take(sc, &in, another)
	}
	return in, n, true
}

// parse reads the header and says whether the payload is one that was agreed on, of a size that makes sense.
func (r *receiver) parse(p *rtp.Packet, b []byte) (inbound, bool) {
	if len(b) < minPacket || b[0]>>6 != 2 || r.types[b[1]&0x7F] == unknown || p.Unmarshal(b) != nil {
		return inbound{}, false
	}
	in := inbound{codec: r.types[p.PayloadType], marker: p.Marker, seq: p.SequenceNumber, ts: p.Timestamp, ssrc: p.SSRC, payload: p.Payload}
	switch n := len(in.payload); {
	case in.codec.digits():
		return in, n >= dtmf.Size && n <= maxPayload
	case in.codec == comfort:
		return in, n <= maxPayload
	default:
		return in, n <= in.codec.most() && in.codec.lasts(in.payload) > 0
	}
}

// awaitEnd keeps the endpoint on the wheel while a digit has begun and its end may be lost.
func (e *Endpoint) awaitEnd() {
	e.rx.mu.Lock()
	defer e.rx.mu.Unlock()
	e.eng.wheel.need(e, &e.seat, isDialed, e.rx.digit.Active())
}

// produce is the endpoint's place among the sources of a slot: its next frame for mixes, and a digit that just stopped.
func (e *Endpoint) produce(_ *scratch, slot int64) {
	digit, told := e.rx.advance(time.Duration(slot) * time.Millisecond)
	if told {
		e.awaitEnd()
		e.notify(Event{Kind: Digit, Digit: digit.Key, Duration: digit.Duration})
	}
}

func (r *receiver) advance(now time.Duration) (dtmf.Digit, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return dtmf.Digit{}, false
	}
	if r.tap != nil {
		r.tap.next()
	}
	return r.digit.Expire(now)
}

// expectNear says where the party's signalling comes from.
func (r *receiver) expectNear(at netip.Addr) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.source.near = at
}

// setTap makes or drops the sound for mixes.
func (r *receiver) setTap(on bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.tap = nil; on && !r.closed {
		r.tap = new(tap)
	}
}

// addTo adds the frame of this slot to a mix; false when there is none.
func (r *receiver) addTo(sum []int32, gain int32) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.tap == nil {
		return false
	}
	return add(sum, r.tap.sound.at(len(sum)), gain)
}

func (r *receiver) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed, r.tap = true, nil
}

func (r *receiver) count(s *Stats) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stats.count(s)
	s.Refused = r.refused
}
