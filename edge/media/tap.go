package media

import (
	"github.com/offhook/offhook/edge/media/jitter"
	"github.com/offhook/offhook/edge/media/opus"
)

// tap is the sound for mixes: decoded, in even frames, at the rate that it came in last.
type tap struct {
	decoder
	thread thread
	bufs   [2]jitter.Buffer // of 8 and of 16 kHz
	wide   bool
	time   timeline // to the buffers' clock
	frame  [wideFrame]int16
	sound  sound
}

func (t *tap) buf() *jitter.Buffer {
	if t.wide {
		return &t.bufs[1]
	}
	return &t.bufs[0]
}

// take takes a packet; another: of another stream than the one before.
func (t *tap) take(sc *scratch, in *inbound, another bool) {
	if another {
		t.buf().Change()
		t.thread.restart()
	}
	switch {
	case in.codec.digits():
		t.thread.pass(in)
	case in.codec == comfort:
		t.thread.pass(in)
		t.buf().Rest(in.seq)
	case in.codec == full:
		t.putOpus(sc, in)
	default:
		t.thread.restart()
		t.put(sc, in, t.decode(sc.pcm[:], in.payload, in.codec))
	}
}

// putOpus puts a packet when it is its turn, and those that waited for it.
func (t *tap) putOpus(sc *scratch, in *inbound) {
	if t.thread.straight(in) {
		t.putNext(sc, in)
	}
	for p := t.thread.next(); p != nil; p = t.thread.next() {
		t.putNext(sc, p)
	}
}

// putNext puts what is missing before the packet too.
func (t *tap) putNext(sc *scratch, in *inbound) {
	if lost := t.thread.follow(in); lost > 0 && t.ofOpus().Recover(sc.pcm[:lost], in.payload) {
		before := *in
		before.seq, before.marker = in.seq-1, false
		before.ts -= uint32(lost) * opus.Clock / opus.Rate
		t.put(sc, &before, lost)
	}
	t.put(sc, in, t.decode(sc.pcm[:], in.payload, in.codec))
}

// put puts n samples. A party may change between codecs that were agreed on; the buffer of another rate begins anew then.
func (t *tap) put(sc *scratch, in *inbound, n int) {
	if is := in.codec.wideband(); is != t.wide {
		t.wide = is
		t.buf().Begin(is)
	}
	if is := in.codec.clock(); is != t.time.in {
		t.time.begin(in.ts, is, in.ts, perSlot)
		t.buf().Change()
	}
	t.buf().Put(jitter.Packet{Seq: in.seq, TS: t.time.of(in.ts), Marker: in.marker, PCM: sc.pcm[:n]})
}

// next takes the frame of a slot.
func (t *tap) next() {
	t.sound.next()
	frame := t.frame[:frameSize]
	if t.wide {
		frame = t.frame[:]
	}
	if t.buf().Get(frame) {
		t.sound.set(frame, t.wide)
	}
}
