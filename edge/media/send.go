package media

import (
	"math/rand/v2"
	"sync"

	"github.com/offhook/offhook/edge/media/dtmf"
	"github.com/offhook/offhook/edge/media/opus"
	"github.com/pion/rtp"
)

// noType marks a payload type that was not agreed on.
const noType = 255

// sender is the way out: one continuous RTP stream, whatever it is made of.
type sender struct {
	mu      sync.Mutex
	socket  socket // nil: closed
	dest    destination
	cipher  cipher
	coder   coder
	wants   bool // the party wants to receive
	open    bool // it is sent to, see ready
	agreed  bool
	payload uint8 // payload type of the codec
	event   uint8 // payload type of telephone-event or noType
	events  codec // and which of them it is

	clock    clock
	relay    relaying
	rows     []row // what a mix is made of
	digits   dtmf.Sender
	noDigits bool   // the relay leaves digits out
	dialing  bool   // on the wheel for digits
	toneTS   uint32 // of the digit that goes out

	packets, bytes uint64 // of all streams
}

// clock numbers what is sent.
type clock struct {
	rate    ticks
	ssrc    uint32
	seq     uint16 // of the last packet
	base    uint32 // timestamp at engine time 0; goes forward only
	lead    uint32 // how far what is relayed is ahead of base
	end     uint32 // timestamp after the last packet's sound
	begun   bool
	talking bool // the last frame came from the wheel, one turn ago
	slot    int64
	before  struct{ packets, bytes uint64 } // of the streams before
}

func (s *sender) begin() {
	s.event = noType
	s.clock = newClock(perSlot)
}

// newClock begins below half of the numbers: who misses the first packets, and with them a wrap, decrypts none that follow
// (RFC 3711 section 3.3.1 takes the rollover counter for 0).
func newClock(rate ticks) clock {
	return clock{rate: rate, ssrc: rand.Uint32(), seq: uint16(rand.Uint32N(1 << 15)), base: rand.Uint32()}
}

// turns says whether a clock is another one than that of what was sent.
func (s *sender) turns(rate ticks) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.clock.begun && rate != s.clock.rate
}

// turn begins another stream where the clock is another one from now on (RFC 7160 section 4.1).
func (s *sender) turn(rate ticks) {
	if rate == s.clock.rate {
		return
	}
	if !s.clock.begun {
		s.clock.rate = rate
		return
	}
	s.clock, s.relay.mapped = newClock(rate), false
	s.clock.before.packets, s.clock.before.bytes = s.packets, s.bytes
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
	ts := c.base + uint32(ms)*uint32(c.rate)
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

// write sends one packet. lasts is how long its sound is, in ticks of our clock.
func (s *sender) write(sc *scratch, h rtp.Header, payload []byte, lasts uint32) {
	h.Version, h.SSRC = 2, s.clock.ssrc
	n, err := h.MarshalTo(sc.out[:])
	if err != nil {
		return // only a short buffer fails, and this one is not
	}
	n += copy(sc.out[n:minPacket+opus.MaxPacket], payload)
	if end := h.Timestamp + lasts; !s.clock.begun || int32(end-s.clock.end) > 0 {
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

func (s *sender) count(st *Stats) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st.PacketsSent, st.BytesSent = s.packets, s.bytes
	if s.agreed {
		st.Codec = s.coder.codec.String()
	}
}
