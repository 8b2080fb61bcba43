package media

import (
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"

	"github.com/offhook/offhook/edge/media/rtcp"
)

const (
	// rtcpAfter is when an endpoint takes its RTCP port. A party sends its first report after 1 s or later (RFC 3550 6.2),
	// so calls that are shorter, or never answered, need none; opening and closing it was a twentieth of such a call's CPU.
	rtcpAfter = time.Second
	// reportEvery is the least interval of RFC 3550 section 6.2; two parties never need a longer one.
	reportEvery = 5 * time.Second
	// maxRoundTrip is more than any line has: a report that says so is wrong.
	maxRoundTrip = 10 * time.Second
)

// control is an endpoint's RTCP: the odd port, and the RTP port too when the party's reports come there (RFC 5761).
type control struct {
	due time.Duration // engine time; of Engine.watch alone

	mu     sync.Mutex
	socket socket
	from   netip.AddrPort // where the party's reports come from
	over   bool           // closed
	denied bool           // another program has the port
	muxed  bool           // the party's reports come to the RTP port
	mux    bool           // and it is agreed that they do
	said   uint16         // the port that its description names for them; 0: none
	cipher cipher
	dest   destination
	name   [16]byte  // CNAME
	sent   [2]uint64 // packets at the last report but one, and at the last
	begun  bool      // a report was sent
	sr     struct {  // the party's last SR
		ssrc, middle uint32
		at           time.Duration
	}
	told struct { // by the party: how it hears us
		heard     bool
		lost      uint64  // packets
		jitter    float64 // ms
		roundTrip time.Duration
	}
	refused uint64
}

var reportBuffers = sync.Pool{New: func() any { return new([rtcp.Size]byte) }}

// begin draws a name that says nothing about anybody (RFC 7022 section 4.2).
func (c *control) begin(now time.Duration) {
	var b [12]byte
	binary.BigEndian.PutUint64(b[:], rand.Uint64())
	binary.BigEndian.PutUint32(b[8:], rand.Uint32())
	base64.StdEncoding.Encode(c.name[:], b[:])
	c.due = now + rtcpAfter
}

// control does what is due: takes the port, then reports, and says how long there is nothing to do then. Without the port
// the call goes on, and unless the party's reports come with its RTP, none are sent.
func (e *Endpoint) control(now time.Duration) time.Duration {
	c := &e.rtcp
	if now < c.due {
		return c.due - now
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return reportEvery
	}
	wait := interval(reportEvery)
	if c.socket == nil && !c.denied && !c.mux {
		c.hold(e)
		wait = interval(reportEvery / 2) // the first one comes sooner (RFC 3550 section 6.2)
	} else {
		c.report(e, now, false)
	}
	c.due = now + wait
	return wait
}

// interval is between half and one and a half of what is wanted, and what that takes from the mean is given back (RFC 3550
// section 6.3.1).
func interval(want time.Duration) time.Duration {
	return time.Duration(float64(want) * (0.5 + rand.Float64()) / 1.21828)
}

func (c *control) hold(e *Endpoint) {
	s, err := e.eng.net.open(netip.AddrPortFrom(e.eng.cfg.IP, uint16(e.port+1)), (*reports)(e))
	if c.denied = err != nil; err != nil {
		e.eng.log.Debug("RTCP port not held", "port", e.port+1, "err", err)
		return
	}
	c.socket = s
}

// turn tells that the stream ends: another takes its place (RFC 7160 section 4.1).
func (c *control) turn(e *Endpoint, now time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.leave(e, now)
}

func (c *control) leave(e *Endpoint, now time.Duration) {
	if c.begun && !c.over {
		c.report(e, now, true)
	}
	c.begun = false
}

// close tells that the stream ends, if there was a report before (RFC 3550 section 6.3.7), and closes the port.
func (c *control) close(e *Endpoint, now time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.leave(e, now)
	c.over = true
	if c.socket != nil {
		c.socket.close()
		c.socket = nil
	}
}

// report sends what was sent and received so far. It is an SR when anything went out since the report before the last
// (RFC 3550 section 6.4).
func (c *control) report(e *Endpoint, now time.Duration, bye bool) {
	r := rtcp.Report{Bye: bye}
	packets, to, ok := e.tx.report(&r, now)
	if !ok || c.cipher.on && c.cipher.seal == nil || !c.muxed && (c.socket == nil || !c.aim(to)) {
		return
	}
	r.Sends = packets > c.sent[0]
	c.sent = [2]uint64{c.sent[1], packets}
	r.Sent.NTP = ntp(e.eng.start.Add(now))
	if r.Block, r.Hears = e.rx.report(); r.Hears && r.Block.SSRC == c.sr.ssrc {
		r.Block.LastSR, r.Block.Delay = c.sr.middle, uint32((now-c.sr.at)*65536/time.Second)
	}
	c.begun = true
	buf := reportBuffers.Get().(*[rtcp.Size]byte)
	defer reportBuffers.Put(buf)
	b, ok := c.cipher.sealedReport(r.Append(buf[:0], string(c.name[:])))
	if !ok {
		return
	}
	if c.muxed {
		e.tx.sendReport(b)
		return
	}
	_ = c.socket.send(b, &c.dest)
}

// aim takes the place where the party's reports come from, else the port that it named (RFC 3605), else the one above that
// of its RTP.
func (c *control) aim(rtp netip.AddrPort) bool {
	to := c.from
	if to.Addr() != rtp.Addr() {
		to = netip.AddrPortFrom(rtp.Addr(), cmp.Or(c.said, rtp.Port()+1))
	}
	if to != c.dest.addr {
		c.dest = newDestination(to)
	}
	return to.Port() != 0 && !to.Addr().IsUnspecified()
}

// reports is the handler of an endpoint's RTCP port.
type reports Endpoint

func (r *reports) packet(_ *scratch, b []byte, from netip.AddrPort, now time.Duration) {
	if len(b) > 0 && b[0] < 64 {
		(*Endpoint)(r).beside(b, from, rtcpComponent)
		return
	}
	(*Endpoint)(r).reported(b, from, now, false)
}

// reported takes what claims to be RTCP. It is believed from the party's own address only, and ends nothing: a BYE is the
// end of a stream, the end of the call is told by its own protocol.
func (e *Endpoint) reported(b []byte, from netip.AddrPort, now time.Duration, muxed bool) {
	known := e.rx.knows(from, muxed)
	c := &e.rtcp
	c.mu.Lock()
	defer c.mu.Unlock()
	r, ok := rtcp.Report{}, known && !c.over
	if ok {
		b, ok = c.cipher.openedReport(b)
	}
	ssrc, clock := e.tx.stream()
	if ok {
		r, ok = rtcp.Read(b, ssrc)
	}
	if !ok {
		c.refused++
		e.eng.reportsRefused.Add(1)
		return
	}
	if c.muxed = muxed || c.mux; !muxed {
		c.from = from
	}
	if !r.Bye {
		e.unheard.reports.Store(int64(now))
	}
	if r.Sends {
		c.sr.ssrc, c.sr.middle, c.sr.at = r.SSRC, rtcp.Middle(r.Sent.NTP), now
	}
	if r.Hears {
		c.learn(&r.Block, rtcp.Middle(ntp(e.eng.start.Add(now))), clock)
	}
}

// learn takes how the party hears us. The time that our SR and its answer were on their way is the round trip (RFC 3550
// section 6.4.1); it is smoothed as RFC 6298 does.
func (c *control) learn(b *rtcp.Block, now uint32, clock ticks) {
	c.told.heard, c.told.lost, c.told.jitter = true, uint64(max(b.Lost, 0)), float64(b.Jitter)/float64(clock)
	if b.LastSR == 0 {
		return
	}
	trip := max(time.Duration(now-b.LastSR-b.Delay)*time.Second/65536, 1)
	switch {
	case trip > maxRoundTrip: // also what is below zero
	case c.told.roundTrip == 0:
		c.told.roundTrip = trip
	default:
		c.told.roundTrip += (trip - c.told.roundTrip) / 8
	}
}

func (c *control) count(s *Stats) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s.Reported, s.RemoteLost, s.RemoteJitterMS = c.told.heard, c.told.lost, c.told.jitter
	s.RoundTrip, s.ReportsRefused = c.told.roundTrip, c.refused
}

// ntp is a wall clock's time as RTCP tells it: seconds since 1900 in 32.32.
func ntp(t time.Time) uint64 {
	const from1900 = 2208988800
	return uint64(t.Unix()+from1900)<<32 | uint64(t.Nanosecond())<<32/uint64(time.Second)
}

// report gives the sender's part, and where RTP goes; ok is false when nothing may be sent.
func (s *sender) report(r *rtcp.Report, now time.Duration) (packets uint64, to netip.AddrPort, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r.SSRC = s.clock.ssrc
	r.Sent.RTP = s.clock.base + uint32(now/time.Millisecond)*uint32(s.clock.rate) + s.clock.lead
	r.Sent.Packets, r.Sent.Octets = uint32(s.packets-s.clock.before.packets), uint32(s.bytes-s.clock.before.bytes)
	return s.packets, s.dest.addr, s.agreed && s.socket != nil && s.dest.addr.IsValid()
}

// stream is what goes out, and its clock.
func (s *sender) stream() (ssrc uint32, clock ticks) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.clock.ssrc, s.clock.rate
}

// sendReport sends RTCP on the RTP port.
func (s *sender) sendReport(b []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.socket != nil {
		_ = s.socket.send(b, &s.dest)
	}
}

// knows says whether reports from there are the party's: those beside RTP come from its very port, others from any port of
// its address.
func (r *receiver) knows(from netip.AddrPort, muxed bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.source.ice {
		return r.source.may(from, false)
	}
	if r.source.locked.IsValid() {
		return from.Addr() == r.source.locked.Addr() && (!muxed || from == r.source.locked)
	}
	return from.Addr() == r.source.said.Addr() && (!muxed || from == r.source.said)
}

// report is the block about the stream that comes.
func (r *receiver) report() (rtcp.Block, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.stats.started {
		return rtcp.Block{}, false
	}
	return r.stats.block(), true
}
