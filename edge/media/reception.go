package media

import (
	"time"

	"github.com/offhook/offhook/edge/media/rtcp"
)

// Bounds of RFC 3550 appendix A.1.
const (
	maxDropout  = 3000
	maxMisorder = 100
	seqMod      = 1 << 16
	quiet       = 100 * time.Millisecond // of the stream that is heard, before another SSRC may take its place
	countsAnew  = 6                      // so many packets in sequence, with numbers that came before, are a sender that begins anew
)

// reception counts a stream as RFC 3550 appendix A.1, A.3 and A.8 say, over changes of SSRC.
type reception struct {
	codec    codec
	started  bool
	ssrc     uint32
	rival    rival
	last     time.Duration // when a packet of this SSRC came
	maxSeq   uint16
	again    uint16 // number of the last packet whose number came before
	row      uint8  // how many such there are in sequence
	streams  uint8  // how many there were, for comparison
	came     uint32 // which of the last 32 numbers came, maxSeq first
	badSeq   uint32 // seq that would show a restarted sender; seqMod: none
	cycles   uint32
	base     uint32
	received uint64 // of this SSRC
	before   struct{ received, lost uint64 }
	told     struct{ expected, received uint64 } // by the last report
	bytes    uint64
	transit  int32
	timed    bool
	jitter   float64 // in samples
}

// rival is an SSRC that came beside the one that is heard, and the number of its next packet.
type rival struct {
	ssrc uint32
	next uint32 // seqMod: none has come
}

// update counts a packet; false: it is not part of the stream, or not yet. moved: it comes from another place than those
// before, which a new description named.
func (r *reception) update(in *inbound, now time.Duration, moved bool) bool {
	switch {
	case !r.started || moved && in.ssrc != r.ssrc:
		r.begin(in)
	case in.ssrc != r.ssrc:
		if !r.succeeds(in, now) {
			return false
		}
		r.begin(in)
	case !r.sequence(in.seq):
		return false
	}
	r.last = now
	r.received++
	r.bytes += uint64(len(in.payload))
	if in.codec != r.codec && (in.codec.sounds() || r.codec == unknown) {
		r.become(in.codec)
	}
	if in.codec.sounds() {
		r.arrival(in.ts, now)
	}
	return true
}

// succeeds says whether another SSRC takes the place of the one that is heard: two packets in sequence, as RFC 3550
// appendix A.1 asks of a new source, and only when the one before has stopped. So packets with a wrong SSRC are not heard,
// nor stragglers of the stream before, and a party that changes its SSRC without a gap loses five packets.
func (r *reception) succeeds(in *inbound, now time.Duration) bool {
	follows := r.rival == rival{in.ssrc, uint32(in.seq)}
	r.rival = rival{in.ssrc, uint32(in.seq + 1)}
	return follows && now-r.last > quiet
}

// begin starts a new stream and keeps the sums of the one before.
func (r *reception) begin(in *inbound) {
	r.renew(in.seq)
	r.started, r.ssrc, r.rival.next = true, in.ssrc, seqMod
}

func (r *reception) restart(seq uint16) {
	r.base, r.maxSeq, r.badSeq, r.cycles, r.received, r.timed = uint32(seq), seq, seqMod, 0, 0, false
	r.came, r.row, r.streams = 1, 0, r.streams+1
	r.told.expected, r.told.received = 0, 0
}

// sequence is update_seq of appendix A.1, without its probation: the source was checked before.
func (r *reception) sequence(seq uint16) bool {
	switch delta := seq - r.maxSeq; {
	case delta > 0 && delta < maxDropout:
		if seq < r.maxSeq {
			r.cycles += seqMod
		}
		r.maxSeq, r.came, r.row = seq, r.came<<delta|1, 0
	case delta > 0 && uint32(delta) <= seqMod-maxMisorder:
		if uint32(seq) != r.badSeq {
			r.badSeq = uint32(seq + 1)
			return false
		}
		r.renew(seq)
	case r.repeats(seq):
		r.renew(seq)
	}
	return true
}

// repeats says whether a sender begins anew by less than maxMisorder: what is late came not before.
func (r *reception) repeats(seq uint16) bool {
	bit := uint32(1) << (r.maxSeq - seq) // 0: too long ago to be known
	if bit != 0 && r.came&bit == 0 {
		r.came, r.row = r.came|bit, 0
		return false
	}
	if seq != r.again+1 {
		r.row = 0
	}
	r.again, r.row = seq, r.row+1
	return r.row >= countsAnew
}

func (r *reception) renew(seq uint16) {
	r.before.lost += r.lost()
	r.before.received += r.received
	r.restart(seq)
}

// lost is appendix A.3: expected less received, not below zero when packets came twice.
func (r *reception) lost() uint64 {
	if !r.started {
		return 0
	}
	expected := r.expected()
	if expected < r.received {
		return 0
	}
	return expected - r.received
}

func (r *reception) expected() uint64 { return uint64(r.cycles+uint32(r.maxSeq)) - uint64(r.base) + 1 }

// block is what a report tells of the stream; its fraction is of what came since the one before (appendix A.3).
func (r *reception) block() rtcp.Block {
	expected := r.expected()
	b := rtcp.Block{SSRC: r.ssrc, Highest: r.cycles + uint32(r.maxSeq), Jitter: uint32(r.jitter)}
	b.Lost = int32(int64(expected) - int64(r.received))
	due, came := expected-r.told.expected, r.received-r.told.received
	if due > came {
		b.Fraction = uint8(min((due-came)*256/due, 255))
	}
	r.told.expected, r.told.received = expected, r.received
	return b
}

// become takes the codec of a packet; another clock counts in other samples.
func (r *reception) become(c codec) {
	was := r.clock()
	if r.codec = c; r.clock() != was {
		r.jitter *= float64(r.clock()) / float64(was)
		r.timed = false
	}
}

// clock of the stream.
func (r *reception) clock() ticks { return r.codec.clock() }

// arrival is the estimate of section 6.4.1 and appendix A.8.
func (r *reception) arrival(ts uint32, now time.Duration) {
	transit := int32(r.clock().at(now) - ts)
	if r.timed {
		d := float64(transit - r.transit)
		r.jitter += (max(d, -d) - r.jitter) / 16
	}
	r.transit, r.timed = transit, true
}

func (r *reception) count(s *Stats) {
	s.PacketsReceived = r.before.received + r.received
	s.BytesReceived = r.bytes
	s.Lost = r.before.lost + r.lost()
	s.JitterMS = r.jitter / float64(r.clock())
	if s.Codec == "" {
		s.Codec = r.codec.String()
	}
}
