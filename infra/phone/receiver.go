package phone

import (
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/pion/rtp"

	"github.com/offhook/offhook/edge/media/g711"
	"github.com/offhook/offhook/edge/sound/wav"

	"github.com/offhook/offhook/infra/phone/ear"
	"github.com/offhook/offhook/infra/phone/sdp"
)

const wavRate = wav.Rate

// gapFilled is the longest hole in a stream that is filled by its timestamps; what is longer goes by the clock.
const gapFilled = 2 * wavRate

// receiver hears: statistics, digits, level, tones, recording. Its goroutine is the reading one, until finish.
type receiver struct {
	begin  time.Time
	notice func(mediaEvent)

	mu     sync.Mutex
	peer   netip.AddrPort // of their SDP
	locked netip.AddrPort // whom we hear: theirs, or the first who spoke (a NAT between)

	stream  stream
	total   MediaReport
	digitAt uint32 // timestamp of the digit told last
	digited bool
	next    uint32 // timestamp expected
	flowing bool

	file   *os.File
	rec    *wav.Writer
	recErr error
	taken  int // samples heard or filled in, since the first packet
	first  time.Time
	ear    *ear.Ear
}

func newReceiver(begin time.Time, notice func(mediaEvent)) receiver {
	return receiver{begin: begin, notice: notice, ear: ear.New(func(e ear.Event) {
		kind := heardSound
		if e.Kind == ear.Silence {
			kind = heardSilence
		}
		notice(mediaEvent{kind: kind, level: e.Level})
	})}
}

func (r *receiver) record(path string) (err error) {
	if r.file, err = os.Create(path); err != nil {
		return err
	}
	r.rec, err = wav.NewWriter(r.file, wavRate, 1)
	return err
}

// expect sets whom to hear.
func (r *receiver) expect(peer netip.AddrPort) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if peer != r.peer {
		r.peer, r.locked = peer, netip.AddrPort{}
	}
}

// from tells whether a packet is of whom we hear. Before an answer told who it will be, everybody is.
func (r *receiver) from(a netip.AddrPort) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.peer.IsValid() || a == r.peer {
		return true
	}
	if !r.locked.IsValid() {
		r.locked = a
	}
	return a == r.locked
}

func (r *receiver) packet(b []byte, from netip.AddrPort, digits int) {
	var p rtp.Packet
	if err := p.Unmarshal(b); err != nil || p.Version != 2 || !r.from(from) {
		return
	}
	law := g711.ULaw
	switch {
	case int(p.PayloadType) == digits:
		r.stream.count(&p, &r.total)
		r.digit(&p)
		return
	case p.PayloadType == sdp.PCMA:
		law = g711.ALaw
	case p.PayloadType != sdp.PCMU:
		return
	}
	if len(p.Payload) == 0 || len(p.Payload) > 1600 {
		return
	}
	fresh := r.stream.count(&p, &r.total)
	pcm := make([]int16, len(p.Payload))
	law.Decode(pcm, p.Payload)
	r.sound(p.Timestamp, pcm, fresh)
}

// digit tells each digit once, at its end, however often the end is repeated (RFC 4733 section 2.5.1.4).
func (r *receiver) digit(p *rtp.Packet) {
	if len(p.Payload) < 4 || int(p.Payload[0]) >= len(digitNames) || p.Payload[1]&0x80 == 0 {
		return
	}
	if r.digited && r.digitAt == p.Timestamp {
		return
	}
	r.digited, r.digitAt = true, p.Timestamp
	r.notice(mediaEvent{kind: heardDigit, digit: digitNames[p.Payload[0] : p.Payload[0]+1]})
}

// sound puts samples where their timestamp says. fresh: a new stream, whose timestamps say nothing about the old one's.
func (r *receiver) sound(ts uint32, pcm []int16, fresh bool) {
	ahead := int32(ts - r.next)
	switch {
	case r.first.IsZero():
		r.first = time.Now()
	case fresh || !r.flowing || ahead > gapFilled || ahead < -gapFilled:
		r.silence(int(time.Since(r.first)*wavRate/time.Second) - r.taken)
	case ahead < 0: // late or repeated: its place is taken
		return
	default:
		r.silence(int(ahead))
	}
	r.flowing = true
	r.next = ts + uint32(len(pcm))
	r.take(pcm)
}

// silence fills a hole of n samples, in pieces.
func (r *receiver) silence(n int) {
	var quiet [wavRate]int16
	for ; n > 0; n -= len(quiet) {
		r.take(quiet[:min(n, len(quiet))])
	}
}

func (r *receiver) take(pcm []int16) {
	r.taken += len(pcm)
	r.ear.Hear(pcm)
	if r.rec != nil && r.recErr == nil {
		if r.recErr = r.rec.Write(pcm); r.recErr != nil {
			r.notice(mediaEvent{kind: problem, text: "recording stopped: " + r.recErr.Error()})
		}
	}
}

// finish fills the report in and closes the recording.
func (r *receiver) finish(out *Report) error {
	r.stream.close(&r.total)
	out.Media.Received, out.Media.Lost, out.Media.JitterMS = r.total.Received, r.total.Lost, r.total.JitterMS
	out.Media.Loudness = r.ear.Loudness()
	offset := r.first.Sub(r.begin)
	for _, t := range r.ear.Tones() {
		out.Heard = append(out.Heard, Tone{Hz: t.Hz, From: Seconds(offset + t.From), To: Seconds(offset + t.To)})
	}
	if r.rec == nil {
		return nil
	}
	err := r.recErr
	if err == nil {
		err = r.rec.Close()
	}
	if cerr := r.file.Close(); err == nil {
		err = cerr
	}
	return err
}

// stream counts one SSRC (RFC 3550 appendix A).
type stream struct {
	ssrc     uint32
	known    bool
	base     uint16
	highest  uint32 // extended sequence number
	received uint64
	transit  int64
	jitter   float64 // in samples
}

// count notes a packet. fresh: it begins another stream, the old one's numbers are added to the total.
func (s *stream) count(p *rtp.Packet, total *MediaReport) (fresh bool) {
	arrived := time.Now().UnixNano() * wavRate / int64(time.Second)
	transit := int64(uint32(arrived) - p.Timestamp)
	if !s.known || s.ssrc != p.SSRC {
		s.close(total)
		*s = stream{ssrc: p.SSRC, known: true, base: p.SequenceNumber, highest: uint32(p.SequenceNumber), received: 1, transit: transit}
		return true
	}
	s.received++
	if step := p.SequenceNumber - uint16(s.highest); step < 0x8000 {
		s.highest += uint32(step)
	}
	if p.PayloadType == sdp.PCMU || p.PayloadType == sdp.PCMA { // a digit keeps one timestamp over many packets
		d := float64(int32(transit - s.transit))
		s.transit = transit
		s.jitter += (max(d, -d) - s.jitter) / 16 // A.8
	}
	return false
}

func (s *stream) close(total *MediaReport) {
	if !s.known {
		return
	}
	expected := uint64(s.highest) - uint64(s.base) + 1
	if expected > s.received {
		total.Lost += expected - s.received
	}
	total.Received += s.received
	total.JitterMS = max(total.JitterMS, s.jitter*1000/wavRate)
	s.known = false
}
