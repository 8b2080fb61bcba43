package media

import (
	"time"

	"github.com/offhook/offhook/edge/media/g711"
	"github.com/offhook/offhook/edge/media/g722"
	"github.com/offhook/offhook/edge/media/halfband"
	"github.com/offhook/offhook/edge/media/opus"
	"github.com/offhook/offhook/edge/media/sdp"
)

// codec is what a payload type stands for. Those of 8 kHz and of G.722 have a byte for each tick of the RTP clock.
type codec uint8

const (
	unknown codec = iota
	event         // telephone-event/8000
	event48       // telephone-event/48000, beside Opus
	comfort       // RFC 3389: not offered, yet sent by some; heard as nothing
	ulaw
	alaw
	wide // G.722
	full // Opus, whose clock is that of the full band; coded here at 16 kHz
)

var codecNames = map[string]codec{sdp.PCMU: ulaw, sdp.PCMA: alaw, sdp.G722: wide, sdp.Opus: full}

func (c codec) String() string {
	switch c {
	case ulaw:
		return sdp.PCMU
	case alaw:
		return sdp.PCMA
	case wide:
		return sdp.G722
	case full:
		return sdp.Opus
	}
	return ""
}

// sounds: it is a coding of sound.
func (c codec) sounds() bool { return c >= ulaw }

// digits: it is telephone-event.
func (c codec) digits() bool { return c == event || c == event48 }

// wideband: its sound is of 16 kHz.
func (c codec) wideband() bool { return c >= wide }

// clock is the ticks of the RTP clock in a millisecond.
func (c codec) clock() ticks {
	if c == full || c == event48 {
		return opus.Clock / 1000
	}
	return perSlot
}

// eventOf is telephone-event of a clock.
func eventOf(rate int) codec {
	if rate == opus.Clock {
		return event48
	}
	return event
}

// law of those that are G.711.
func (c codec) law() g711.Law {
	if c == alaw {
		return g711.ALaw
	}
	return g711.ULaw
}

// size is the samples of a frame of 20 ms.
func (c codec) size() int {
	if c.wideband() {
		return wideFrame
	}
	return frameSize
}

// lasts is how long the sound of a payload is, in ticks of the codec's clock; 0: it is none.
func (c codec) lasts(payload []byte) uint32 {
	if c == full {
		return uint32(opus.Ticks(payload))
	}
	return uint32(len(payload))
}

// most is how long a payload may be.
func (c codec) most() int {
	if c == full {
		return opus.MaxPacket
	}
	return maxPayload
}

// ticks of an RTP clock in a millisecond.
type ticks uint32

// at is the clock of an engine time.
func (c ticks) at(now time.Duration) uint32 {
	return uint32(int64(now) * int64(c) / int64(time.Millisecond))
}

// coder codes one stream; G.722 and Opus have a state, which goes on over all that the stream is made of.
type coder struct {
	codec codec
	says  opus.Options // of the party
	state *g722.Encoder
	opus  *opus.Encoder // from the first frame on
}

func (c *coder) agree(codec codec, says opus.Options) {
	if says != c.says {
		c.opus = nil
	}
	if c.codec, c.says = codec, says; codec == wide && c.state == nil {
		c.state = g722.NewEncoder()
	}
}

// encode writes the codes of pcm, which has the codec's own rate.
func (c *coder) encode(dst []byte, pcm []int16) int {
	switch c.codec {
	case wide:
		return c.state.Encode(dst, pcm)
	case full:
		if c.opus == nil {
			c.opus = opus.NewEncoder(c.says)
		}
		return c.opus.Encode(dst, pcm)
	}
	return c.codec.law().Encode(dst, pcm)
}

// decoder is the other way. It begins with the first packet of G.722 or Opus.
type decoder struct {
	state *g722.Decoder
	opus  *opus.Decoder
}

// decode writes the samples of b, at the codec's own rate.
func (d *decoder) decode(dst []int16, b []byte, c codec) int {
	switch c {
	case wide:
		if d.state == nil {
			d.state = g722.NewDecoder()
		}
		return d.state.Decode(dst, b)
	case full:
		return d.ofOpus().Decode(dst, b)
	}
	return c.law().Decode(dst, b)
}

func (d *decoder) ofOpus() *opus.Decoder {
	if d.opus == nil {
		d.opus = opus.NewDecoder()
	}
	return d.opus
}

// rates turns sound of one codec's rate into that of another.
type rates struct {
	up   halfband.Up
	down halfband.Down
}

func (r *rates) turn(sc *scratch, pcm []int16, from, to codec) []int16 {
	switch {
	case from.wideband() == to.wideband():
		return pcm
	case from.wideband():
		r.down.Lower(sc.other[:], pcm)
		return sc.other[:len(pcm)/2]
	}
	r.up.Raise(sc.other[:], pcm)
	return sc.other[:2*len(pcm)]
}
