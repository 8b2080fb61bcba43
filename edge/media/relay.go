package media

import (
	"time"

	"github.com/offhook/offhook/edge/media/dtmf"
	"github.com/offhook/offhook/edge/media/g711"
	"github.com/offhook/offhook/edge/media/opus"
	"github.com/pion/rtp"
)

// tooOld is how far a relayed timestamp may be from our clock, in ms, before the relay is set anew: some phones start again
// from anywhere, or stop their clock in silence.
const tooOld = 2000

// relaying maps one stream to ours: expect these packets, rewrite them so.
type relaying struct {
	from   *Endpoint // nil: no relay
	mapped bool
	stream uint8
	last   uint16 // newest that came
	seq    uint16 // what is added to sequence numbers
	used   uint64 // which of the last 64 numbers are, itself first
	time   timeline

	between *transcoder // nil: not needed yet
}

// transcoder is between two streams that are not both of G.711.
type transcoder struct {
	decoder
	rates
	thread thread
}

// relay sends on what from received, when that is what this endpoint hears.
func (e *Endpoint) relay(sc *scratch, from *Endpoint, in *inbound, now time.Duration) {
	s := &e.tx
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.open || s.relay.from != from || s.digits.Busy() {
		return
	}
	if !s.takes(in) {
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
	h := s.relay.header(in, s.payload)
	h.Marker = in.marker || fresh
	s.rewrite(sc, in, h)
	s.clock.talking = false
	if in.codec.sounds() || fresh {
		s.clock.lead = h.Timestamp - s.clock.base - uint32(now/time.Millisecond)*uint32(s.clock.rate)
	}
}

// header of a packet of ours for one that came.
func (r *relaying) header(in *inbound, payloadType uint8) rtp.Header {
	return rtp.Header{PayloadType: payloadType, SequenceNumber: in.seq + r.seq, Timestamp: r.time.of(in.ts), Marker: in.marker}
}

// takes says whether there is a form of a packet that the party agreed to.
func (s *sender) takes(in *inbound) bool {
	if in.codec.digits() {
		return s.event != noType && !s.noDigits
	}
	return in.codec.sounds()
}

// rewrite sends the payload in a form that the party agreed to.
func (s *sender) rewrite(sc *scratch, in *inbound, h rtp.Header) {
	to := s.coder.codec
	switch {
	case in.codec.digits():
		s.relay.pass(in)
		h.PayloadType = s.event
		s.pass(sc, h, s.digit(sc, in))
	case in.codec == to:
		s.pass(sc, h, in.payload)
	case in.codec.wideband() || to.wideband():
		s.transcode(sc, in, h)
	default:
		s.pass(sc, h, sc.payload[:g711.Transcode(sc.payload[:], in.payload, in.codec.law(), to.law())])
	}
}

// pass sends a packet of the stream that is relayed.
func (s *sender) pass(sc *scratch, h rtp.Header, payload []byte) {
	if int16(h.SequenceNumber-s.clock.seq) > 0 {
		s.clock.seq = h.SequenceNumber
	}
	lasts := s.coder.codec.lasts(payload)
	if h.PayloadType == s.event {
		ev, _ := dtmf.Parse(payload)
		lasts = s.lasts(ev)
	}
	s.write(sc, h, payload, lasts)
}

// lasts is how long an event is by our clock; its duration has a clock of its own where the party knows no other.
func (s *sender) lasts(ev dtmf.Event) uint32 {
	return uint32(ev.Duration) * uint32(s.clock.rate) / uint32(s.events.clock())
}

// digit is the payload of an event, by the clock of the party's events.
func (s *sender) digit(sc *scratch, in *inbound) []byte {
	if in.codec.clock() == s.events.clock() {
		return in.payload[:dtmf.Size]
	}
	ev, _ := dtmf.Parse(in.payload)
	s.byClock(ev, in.codec.clock()).Put(sc.payload[:])
	return sc.payload[:dtmf.Size]
}

// byClock is an event of a clock by that of the party's events. One that is longer than it can say, 1.3 s, is that long.
func (s *sender) byClock(ev dtmf.Event, from ticks) dtmf.Event {
	ev.Duration = uint16(min(uint32(ev.Duration)*uint32(s.events.clock())/uint32(from), 0xFFFF))
	return ev
}

// transcode keeps a state for each relay. Loss is left to whoever hears it, but for that of Opus, which knows best what it
// was. Opus is decoded, and coded, in its order; G.722 bears it as it comes.
func (s *sender) transcode(sc *scratch, in *inbound, h rtp.Header) {
	if s.relay.between == nil {
		s.relay.between = new(transcoder)
	}
	t := s.relay.between
	if in.codec != full && s.coder.codec != full {
		n := t.decode(sc.pcm[:], in.payload, in.codec)
		s.utter(sc, h, t.turn(sc, sc.pcm[:n], in.codec, s.coder.codec))
		return
	}
	if t.thread.straight(in) {
		s.transcodeNext(sc, in, h)
	}
	for p := t.thread.next(); p != nil; p = t.thread.next() {
		s.transcodeNext(sc, p, s.relay.header(p, s.payload))
	}
}

// transcodeNext sends what is missing before the packet too.
func (s *sender) transcodeNext(sc *scratch, in *inbound, h rtp.Header) {
	t, to := s.relay.between, s.coder.codec
	lost := t.thread.follow(in)
	if in.codec == full && lost > 0 && t.ofOpus().Recover(sc.pcm[:lost], in.payload) {
		before := h
		before.SequenceNumber, before.Marker = h.SequenceNumber-1, false
		before.Timestamp -= uint32(lost) * uint32(s.clock.rate) / (WideRate / 1000)
		s.utter(sc, before, t.turn(sc, sc.pcm[:lost], in.codec, to))
	}
	n := t.decode(sc.pcm[:], in.payload, in.codec)
	s.utter(sc, h, t.turn(sc, sc.pcm[:n], in.codec, to))
}

// utter codes sound and sends it, in more packets than one where Opus has no frame of its length.
func (s *sender) utter(sc *scratch, h rtp.Header, pcm []int16) {
	for {
		n := len(pcm)
		if s.coder.codec == full {
			n = opus.Fits(n)
		}
		size := s.coder.encode(sc.payload[:], pcm[:n])
		if size == 0 {
			return
		}
		s.pass(sc, h, sc.payload[:size])
		if pcm = pcm[n:]; s.coder.codec != full || opus.Fits(len(pcm)) == 0 {
			return
		}
		s.relay.seq++
		h.SequenceNumber, h.Marker = h.SequenceNumber+1, false
		h.Timestamp += s.coder.codec.lasts(sc.payload[:size])
	}
}

// covers says whether the mapping is still good for a packet.
func (r *relaying) covers(in *inbound, c *clock, now time.Duration) bool {
	if !r.mapped || in.stream != r.stream || in.clock != r.time.in {
		return false
	}
	if d := int16(in.seq - r.last); d > maxDropout || d < -maxMisorder {
		return false
	}
	ts := in.ts
	if in.codec.digits() { // it keeps the time of its beginning (RFC 4733 section 2.5.1.2)
		ev, _ := dtmf.Parse(in.payload)
		ts += uint32(ev.Duration) * uint32(in.clock) / uint32(in.codec.clock())
	}
	off := int32(r.time.of(ts) - c.base - uint32(now/time.Millisecond)*uint32(c.rate))
	far := tooOld * int32(c.rate)
	return off > -far && off < far
}

// start maps a packet to the next number and to the time it is now.
func (r *relaying) start(in *inbound, c *clock, now time.Duration) {
	r.mapped, r.stream, r.last, r.used = true, in.stream, in.seq, ^uint64(1)
	r.seq = c.seq + 1 - in.seq
	r.time.begin(in.ts, in.clock, c.at(int64(now/time.Millisecond)), c.rate)
	if r.between != nil {
		r.between.thread.restart()
	}
}

// advance is false for a packet whose number was used, and for one that is too late for anybody: those from before the mapping
// began, and those that came before. A number that is encrypted must be used once (RFC 3711 section 9.1).
func (r *relaying) advance(in *inbound) bool {
	ahead := int(int16(in.seq - r.last))
	if ahead > 0 {
		r.last, r.used = in.seq, r.used<<ahead|1
		return true
	}
	if -ahead >= 64 || r.used>>-ahead&1 != 0 {
		return false
	}
	r.used |= 1 << -ahead
	return true
}

// skip leaves out a packet that the party cannot take, without a hole that would count as loss.
func (r *relaying) skip(in *inbound) {
	r.pass(in)
	if !r.mapped || in.stream != r.stream || int16(in.seq-r.last) <= 0 {
		return
	}
	r.seq--
	r.last, r.used = in.seq, ^uint64(0)
}

// pass says that a packet is no sound.
func (r *relaying) pass(in *inbound) {
	if r.between != nil {
		r.between.thread.pass(in)
	}
}
