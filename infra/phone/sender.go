package phone

import (
	"encoding/binary"
	"math"

	"github.com/pion/rtp"

	"github.com/offhook/offhook/edge/media/g711"
)

// A digit as it is sent (RFC 4733 section 2.5.1): 100 ms, the end three times, then a pause.
const (
	digitFrames = 5
	digitEnds   = 3
	digitGap    = 5
	digitVolume = 10 // -dBm0
	toneLevel   = 0.25
)

// sender makes our RTP packets. media.mu guards all but packets.
type sender struct {
	ssrc    uint32
	seq     uint16
	ts      uint32
	talking bool // the last frame was sent: no marker

	play   []int16
	pos    int
	tone   float64
	phase  float64
	queue  []byte // RFC 4733 codes
	step   int    // of the digit at queue[0]
	gap    int    // frames until the next digit
	events uint32 // timestamp of the digit

	packets uint64
}

// pause lets time pass without a packet.
func (s *sender) pause() {
	s.ts += frameSamples
	s.talking = false
}

func (s *sender) packet(payload uint8, marker bool, ts uint32, body []byte) []byte {
	p := rtp.Packet{
		Header:  rtp.Header{Version: 2, PayloadType: payload, Marker: marker, SequenceNumber: s.seq, Timestamp: ts, SSRC: s.ssrc},
		Payload: body,
	}
	s.seq++
	b, err := p.Marshal()
	if err != nil { // a header of our own making always fits
		return nil
	}
	return b
}

// digitFrame is 20 ms of the digit that is due, or nil.
func (s *sender) digitFrame(payload int) [][]byte {
	if s.gap > 0 {
		s.gap--
		return nil
	}
	if len(s.queue) == 0 || payload < 0 {
		return nil
	}
	if s.step == 0 {
		s.events = s.ts
	}
	s.step++
	s.ts += frameSamples
	s.talking = false
	if s.step < digitFrames {
		return [][]byte{s.packet(uint8(payload), s.step == 1, s.events, s.event(false))}
	}
	var ends [][]byte
	for range digitEnds {
		ends = append(ends, s.packet(uint8(payload), false, s.events, s.event(true)))
	}
	s.queue, s.step, s.gap = s.queue[1:], 0, digitGap
	return ends
}

func (s *sender) event(end bool) []byte {
	b := []byte{s.queue[0], digitVolume}
	if end {
		b[1] |= 0x80
	}
	return binary.BigEndian.AppendUint16(b, uint16(s.step*frameSamples))
}

// soundFrame is the next 20 ms. over: the file has just ended.
func (s *sender) soundFrame(payload int, law g711.Law) (packet []byte, over bool) {
	var pcm [frameSamples]int16
	switch {
	case s.pos < len(s.play):
		s.pos += copy(pcm[:], s.play[s.pos:])
		over = s.pos >= len(s.play)
	case s.tone > 0 && len(s.play) == 0:
		s.hum(pcm[:])
	}
	b := make([]byte, frameSamples)
	law.Encode(b, pcm[:])
	packet = s.packet(uint8(payload), !s.talking, s.ts, b)
	s.ts += frameSamples
	s.talking = true
	return packet, over
}

func (s *sender) hum(pcm []int16) {
	for i := range pcm {
		pcm[i] = int16(toneLevel * math.MaxInt16 * math.Sin(s.phase))
		s.phase = math.Mod(s.phase+2*math.Pi*s.tone/wavRate, 2*math.Pi)
	}
}
