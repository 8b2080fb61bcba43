package media

import (
	"github.com/offhook/offhook/edge/media/g711"
	"github.com/offhook/offhook/edge/media/g722"
	"github.com/offhook/offhook/edge/media/halfband"
	"github.com/offhook/offhook/edge/media/sdp"
)

// codec is what a payload type stands for. Those of sound have an RTP clock of 8000 and a byte for each of its ticks.
type codec uint8

const (
	unknown codec = iota
	event         // telephone-event
	comfort       // RFC 3389: not offered, yet sent by some; heard as nothing
	ulaw
	alaw
	wide // G.722
)

var codecNames = map[string]codec{sdp.PCMU: ulaw, sdp.PCMA: alaw, sdp.G722: wide}

func (c codec) String() string {
	switch c {
	case ulaw:
		return sdp.PCMU
	case alaw:
		return sdp.PCMA
	case wide:
		return sdp.G722
	}
	return ""
}

// sounds: it is a coding of sound.
func (c codec) sounds() bool { return c >= ulaw }

// law of those that are G.711.
func (c codec) law() g711.Law {
	if c == alaw {
		return g711.ALaw
	}
	return g711.ULaw
}

// size is the samples of a frame of 20 ms.
func (c codec) size() int {
	if c == wide {
		return wideFrame
	}
	return frameSize
}

// coder codes one stream; G.722 has a state, which goes on over all that the stream is made of.
type coder struct {
	codec codec
	state *g722.Encoder
}

func (c *coder) agree(codec codec) {
	if c.codec = codec; codec == wide && c.state == nil {
		c.state = g722.NewEncoder()
	}
}

// encode writes the codes of pcm, which has the codec's own rate.
func (c *coder) encode(dst []byte, pcm []int16) int {
	if c.codec == wide {
		return c.state.Encode(dst, pcm)
	}
	return c.codec.law().Encode(dst, pcm)
}

// decoder is the other way. It begins with the first packet of G.722.
type decoder struct{ state *g722.Decoder }

// decode writes the samples of b, at the codec's own rate.
func (d *decoder) decode(dst []int16, b []byte, c codec) int {
	if c != wide {
		return c.law().Decode(dst, b)
	}
	if d.state == nil {
		d.state = g722.NewDecoder()
	}
	return d.state.Decode(dst, b)
}

// transcoder is between two streams of which one at least is G.722.
type transcoder struct {
	decoder
	up   halfband.Up
	down halfband.Down
}

// transcode turns a packet into what to codes. Loss and what is out of order are left to whoever hears it: the states go on.
func (t *transcoder) transcode(sc *scratch, b []byte, from codec, to *coder) []byte {
	n := t.decode(sc.pcm[:], b, from)
	pcm, other := sc.pcm[:n], sc.other[:]
	switch from {
	case to.codec:
	case wide:
		t.down.Lower(other, pcm)
		pcm = other[:n/2]
	default:
		t.up.Raise(other, pcm)
		pcm = other[:2*n]
	}
	return sc.payload[:to.encode(sc.payload[:], pcm)]
}
