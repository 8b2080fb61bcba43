package phone

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/offhook/offhook/edge/media/g711"
	"github.com/offhook/offhook/edge/sound/wav"

	"github.com/offhook/offhook/infra/phone/sdp"
)

// RTP with 20 ms packets.
const (
	frameTime    = 20 * time.Millisecond
	frameSamples = 160
)

// mediaEvent is what the media noticed.
type mediaEvent struct {
	kind  mediaKind
	digit string
	text  string
	level float64 // dBFS
}

type mediaKind int

const (
	heardSound mediaKind = iota
	heardSilence
	heardDigit
	playedAll
	problem
)

// media is one RTP stream in both directions. Its two goroutines end with close.
type media struct {
	conn   *net.UDPConn
	local  netip.AddrPort
	ours   []int // payload types
	begin  time.Time
	events chan mediaEvent
	done   chan struct{}
	wg     sync.WaitGroup

	mu      sync.Mutex
	theirs  sdp.Session // latest, valid when agreed
	agreed  bool
	payload int // chosen
	digits  int // payload type of telephone-event to send; -1: none
	version uint64
	holding bool // we hold them: nothing is sent
	started bool
	out     sender
	in      receiver
}

// openMedia binds a port beside the wire's address and prepares what is played and recorded.
func openMedia(o Options, w *wire, begin time.Time) (*media, error) {
	host, _ := w.local()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(strings.Trim(host, "[]"))})
	if err != nil {
		return nil, err
	}
	local := conn.LocalAddr().(*net.UDPAddr).AddrPort()
	m := &media{
		conn: conn, local: netip.AddrPortFrom(local.Addr().Unmap(), local.Port()), ours: payloadsOf(o.Sound.Codec), begin: begin,
		events: make(chan mediaEvent, 256), done: make(chan struct{}), digits: -1, version: 1,
	}
	if err := m.prepare(o.Sound); err != nil {
		_ = conn.Close()
		return nil, err
	}
	m.wg.Go(m.readLoop)
	m.wg.Go(m.sendLoop)
	return m, nil
}

func (m *media) prepare(s Sound) error {
	m.out = sender{ssrc: rand.Uint32(), seq: uint16(rand.Uint32()), ts: rand.Uint32(), tone: s.Tone}
	m.in = newReceiver(m.begin, m.notice)
	if s.Play != "" {
		f, err := os.Open(s.Play)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrUsage, err)
		}
		defer f.Close()
		if m.out.play, err = wav.Read(f, wav.Options{}); err != nil {
			return fmt.Errorf("%w: %s: %w", ErrUsage, s.Play, err)
		}
	}
	if s.Record != "" {
		return m.in.record(s.Record)
	}
	return nil
}

func payloadsOf(codec string) []int {
	switch strings.ToLower(codec) {
	case "pcmu":
		return []int{sdp.PCMU}
	case "pcma":
		return []int{sdp.PCMA}
	}
	return []int{sdp.PCMU, sdp.PCMA}
}

// notice tells the phone; when it lags far behind, things noticed are dropped rather than packets.
func (m *media) notice(e mediaEvent) {
	select {
	case m.events <- e:
	default:
	}
}

// offer is our SDP for an INVITE or UPDATE. While it says sendonly or inactive nothing is sent.
func (m *media) offer(direction string, zero bool) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.version++
	m.holding = direction != "sendrecv" || zero
	return sdp.Description{
		Addr: m.local, Zero: zero, Version: m.version, Payloads: m.ours, Digits: sdp.Digits, Direction: direction,
	}.Write(nil, 0)
}

// restore sets what is sent after an offer of ours was refused.
func (m *media) restore(held string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.holding = held != ""
}

// offered takes their offer; answer gives ours to it.
func (m *media) offered(body []byte) error { return m.take(body) }

// answered takes their answer to our offer.
func (m *media) answered(body []byte) error { return m.take(body) }

func (m *media) take(body []byte) error {
	s, err := sdp.Parse(body)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	payloads := sdp.Common(s.Payloads, m.ours)
	if len(payloads) == 0 {
		return sdp.ErrCodec
	}
	m.theirs, m.agreed, m.payload, m.digits = s, true, payloads[0], s.Digits
	m.in.expect(s.Addr)
	return nil
}

// answer is our SDP for the offer taken last. held is our own hold's direction, or empty.
func (m *media) answer(held string) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.version++
	d := sdp.Description{
		Addr: m.local, Version: m.version, Payloads: sdp.Common(m.theirs.Payloads, m.ours), Digits: m.theirs.Digits,
		Direction: sdp.Mirror(m.theirs.Direction, held),
	}
	return d.Write(m.theirs.Streams, m.theirs.Audio)
}

func (m *media) heldBy() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.agreed && m.theirs.Held()
}

func (m *media) codec() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.agreed {
		return "no sound agreed"
	}
	return sdp.Names[m.payload]
}

// start lets sound out: the call is answered.
func (m *media) start() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.started = true
}

// stop sends nothing more.
func (m *media) stop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.started = false
}

// sendDigit queues an RFC 4733 digit. It tells whether the other side takes them.
func (m *media) sendDigit(digit string) bool {
	code := strings.Index(digitNames, strings.ToUpper(digit))
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.digits < 0 || code < 0 || len(m.out.queue) > 64 {
		return false
	}
	m.out.queue = append(m.out.queue, byte(code))
	return true
}

// close ends both goroutines and fills the report in. It gives errors of the recording.
func (m *media) close(r *Report) error {
	close(m.done)
	_ = m.conn.Close()
	m.wg.Wait()
	r.Media = MediaReport{Sent: m.out.packets}
	if m.agreed {
		r.Media.Codec = sdp.Names[m.payload]
	}
	return m.in.finish(r)
}

// catchUp is how many frames are sent at once after the machine was busy with others; what is older is left out.
const catchUp = 25

// sendLoop keeps the pace by absolute time.
func (m *media) sendLoop() {
	ticker := time.NewTicker(frameTime)
	defer ticker.Stop()
	start, sent := time.Now(), 0
	for {
		select {
		case <-m.done:
			return
		case <-ticker.C:
		}
		due := int(time.Since(start) / frameTime)
		if late := due - sent - catchUp; late > 0 {
			m.skip(late)
			sent += late
		}
		for ; sent < due; sent++ {
			m.sendFrame()
		}
	}
}

// skip lets frames pass unsent; their time shows in the timestamps.
func (m *media) skip(frames int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.out.ts += uint32(frames * frameSamples)
}

// sendFrame sends what is next: a digit, sound, or the silence between.
func (m *media) sendFrame() {
	m.mu.Lock()
	packets, to, over := m.nextPackets()
	m.mu.Unlock()
	for _, b := range packets {
		if _, err := m.conn.WriteToUDPAddrPort(b, to); err == nil {
			m.out.packets++ // of this goroutine alone until close
		}
	}
	if over {
		m.notice(mediaEvent{kind: playedAll})
	}
}

func (m *media) nextPackets() (packets [][]byte, to netip.AddrPort, over bool) {
	if !m.started || !m.agreed || m.holding || !m.theirs.Wants() {
		m.out.pause()
		return nil, to, false
	}
	if packets := m.out.digitFrame(m.digits); packets != nil {
		return packets, m.theirs.Addr, false
	}
	law := g711.ULaw
	if m.payload == sdp.PCMA {
		law = g711.ALaw
	}
	packet, over := m.out.soundFrame(m.payload, law)
	return [][]byte{packet}, m.theirs.Addr, over
}

func (m *media) readLoop() {
	buf := make([]byte, 2048)
	for {
		n, from, err := m.conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			select {
			case <-m.done:
				return
			default:
				continue // an ICMP error of an earlier packet
			}
		}
		m.mu.Lock()
		digits := m.digits
		m.mu.Unlock()
		m.in.packet(buf[:n], netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), digits)
	}
}
