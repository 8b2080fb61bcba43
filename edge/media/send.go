package media

import (
	"math/rand/v2"
	"sync"
	"time"

	"github.com/offhook/offhook/edge/media/dtmf"
	"github.com/offhook/offhook/edge/media/g711"
	"github.com/pion/rtp"
)

// tooOld is how far a relayed timestamp may be from our clock before the relay is set anew: some phones start again
// from anywhere, or stop their clock in silence.
const tooOld = 2 * 8000

// noType marks a payload type that was not agreed on.
const noType = 255

// sender is the way out: one continuous RTP stream, whatever it is made of.
type sender struct {
	mu      sync.Mutex
	socket  socket // nil: closed
	dest    destination
	wants   bool // the party wants to receive
	open    bool // it is sent to, see ready
	cipher  cipher
	agreed  bool
	coder   coder
	payload uint8 // payload type of the codec
	event   uint8 // payload type of telephone-event or noType

	clock    clock
	relay    relaying
	noDigits bool  // the relay leaves digits out
	rows     []row // what a mix is made of
	digits   dtmf.Sender
	dialing  bool   // on the wheel for digits
	toneTS   uint32 // of the digit that goes out

	packets, bytes uint64
}

// clock numbers what is sent.
type clock struct {
	ssrc    uint32
	seq     uint16 // of the last packet
	base    uint32 // timestamp at engine time 0; goes forward only
	lead    uint32 // how far what is relayed is ahead of base
	end     uint32 // timestamp after the last packet's sound
	begun   bool
	talking bool // the last frame came from the wheel, one turn ago
	slot    int64
}

// relaying maps one stream to ours: expect these packets, rewrite them so.
type relaying struct {
	from   *Endpoint // nil: no relay
	mapped bool
	ssrc   uint32
	first  uint16 // sequence numbers before it are not ours to send
	last   uint16 // newest that came
	seq    uint16 // what is added to sequence numbers
	ts     uint32 // what is added to timestamps

	between *transcoder // nil: not needed yet
}

func (s *sender) begin() {
	s.event = noType
	s.clock = clock{ssrc: rand.Uint32(), seq: uint16(rand.Uint32()), base: rand.Uint32()}
}

// end closes the way out and gives the socket to close, nil the second time.
func (s *sender) end() socket {
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.socket
	s.socket, s.open, s.rows, s.relay = nil, false, nil, relaying{}
	s.digits.Clear()
	return was
}

// at is the timestamp of a moment; never before what was sent.
func (c *clock) at(ms int64) uint32 {
	ts := c.base + uint32(ms*perSlot)
	if behind := c.end - ts; c.begun && int32(behind) > 0 {
		c.base += behind
		ts = c.end
	}
	return ts
}

// frameAt is the timestamp of a frame of the wheel, and whether a talkspurt begins with it.
func (c *clock) frameAt(slot int64) (ts uint32, first bool) {
	first = !c.talking || slot != c.slot+slots
	c.talking, c.slot = true, slot
	return c.at(slot), first
}

// write sends one packet. samples is how long its sound lasts.
func (s *sender) write(sc *scratch, h rtp.Header, payload []byte, samples uint32) {
	h.Version, h.SSRC = 2, s.clock.ssrc
	n, err := h.MarshalTo(sc.out[:])
	if err != nil {
		return // only a short buffer fails, and this one is not
	}
	n += copy(sc.out[n:minPacket+maxPayload], payload)
	if end := h.Timestamp + samples; !s.clock.begun || int32(end-s.clock.end) > 0 {
		s.clock.end = end
	}
	s.clock.begun = true
	b, ok := s.cipher.sealed(sc.out[:n])
	if ok && s.socket.send(b, &s.dest) == nil {
		s.packets++
		s.bytes += uint64(len(payload))
	}
}

// next is the header of a packet that is our own.
func (s *sender) next(payloadType uint8, ts uint32, marker bool) rtp.Header {
	s.clock.seq++
	return rtp.Header{PayloadType: payloadType, SequenceNumber: s.clock.seq, Timestamp: ts, Marker: marker}
}

// relay sends on what from received, when that is what this endpoint hears.
func (e *Endpoint) relay(sc *scratch, from *Endpoint, in *inbound, now time.Duration) {
	s := &e.tx
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.open || s.relay.from != from || s.digits.Busy() {
		return
	}
	payloadType, payload, ok := s.rewrite(sc, in)
	if !ok {
		s.relay.skip(in)
		return
	}
	fresh := !s.relay.covers(in, &s.clock, now)
	if fresh {
		s.relay.start(in, &s.clock, now)
	}
	if !s.relay.advance(in) {
		return
	}
	h := rtp.Header{PayloadType: payloadType, SequenceNumber: in.seq + s.relay.seq, Timestamp: in.ts + s.relay.ts, Marker: in.marker || fresh}
	if int16(h.SequenceNumber-s.clock.seq) > 0 {
		s.clock.seq = h.SequenceNumber
	}
	s.clock.talking = false
	s.clock.lead = h.Timestamp - s.clock.base - uint32(now/time.Millisecond)*perSlot
	s.write(sc, h, payload, duration(in))
}

// duration is how far a packet's sound goes from its timestamp, in samples.
func duration(in *inbound) uint32 {
	if in.codec == event {
		ev, _ := dtmf.Parse(in.payload)
		return uint32(ev.Duration)
	}
	return uint32(len(in.payload))
}

// rewrite gives the payload in a form that the party agreed to; ok is false when there is none.
func (s *sender) rewrite(sc *scratch, in *inbound) (payloadType uint8, payload []byte, ok bool) {
	switch in.codec {
	case event:
		return s.event, in.payload[:dtmf.Size], s.event != noType && !s.noDigits
	case comfort:
		return 0, nil, false
	case s.coder.codec:
		return s.payload, in.payload, true
	}
	if in.codec == wide || s.coder.codec == wide {
		return s.payload, s.transcode(sc, in), true
	}
	n := g711.Transcode(sc.payload[:], in.payload, in.codec.law(), s.coder.codec.law())
	return s.payload, sc.payload[:n], true
}

// transcode keeps a state for each relay.
func (s *sender) transcode(sc *scratch, in *inbound) []byte {
	if s.relay.between == nil {
		s.relay.between = new(transcoder)
	}
	return s.relay.between.transcode(sc, in.payload, in.codec, &s.coder)
}

// covers says whether the mapping is still good for a packet.
func (r *relaying) covers(in *inbound, c *clock, now time.Duration) bool {
	if !r.mapped || in.ssrc != r.ssrc {
		return false
	}
	if d := int16(in.seq - r.last); d > maxDropout || d < -maxDropout {
		return false
	}
	off := int32(in.ts + r.ts - c.base - uint32(now/time.Millisecond)*perSlot)
	return off > -tooOld && off < tooOld
}

// start maps a packet to the next number and to the time it is now.
func (r *relaying) start(in *inbound, c *clock, now time.Duration) {
	r.mapped, r.ssrc, r.first, r.last = true, in.ssrc, in.seq, in.seq
	r.seq = c.seq + 1 - in.seq
	r.ts = c.at(int64(now/time.Millisecond)) - in.ts
}

// advance is false for a packet from before the mapping began: its number is taken.
func (r *relaying) advance(in *inbound) bool {
	if int16(in.seq-r.last) > 0 {
		r.last = in.seq
	}
	return int16(in.seq-r.first) >= 0
}

// skip leaves out a packet that the party cannot take, without a hole that would count as loss.
func (r *relaying) skip(in *inbound) {
	if !r.mapped || in.ssrc != r.ssrc || int16(in.seq-r.last) <= 0 {
		return
	}
	r.seq--
	r.last, r.first = in.seq, in.seq+1
}

func (s *sender) count(st *Stats) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st.PacketsSent, st.BytesSent = s.packets, s.bytes
	if s.agreed {
		st.Codec = s.coder.codec.String()
	}
}
