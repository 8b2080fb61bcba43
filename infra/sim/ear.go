package sim

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/offhook/offhook/edge/edgetest"
)

// longestSilence is what a caller may hear of nothing, beyond what the script asks for.
const longestSilence = 6 * time.Second

// gap is a time in which a caller heard nothing.
type gap struct{ from, to time.Time }

// ear is a phone's sound: what it hears, and the frames and digits that it sends. It sends fewer frames than a phone
// would, as in silence suppression, so that a simulated second costs little.
type ear struct {
	w       *world
	at      netip.AddrPort
	every   time.Duration
	payload byte // 0 PCMU, 8 PCMA
	muted   bool // sends nothing; guarded by world.mu
	seq     uint16
	stamp   uint32
	ticking *time.Timer

	mu        sync.Mutex
	peer      netip.AddrPort
	listening bool
	last      time.Time
	heard     int
	gaps      []gap
}

func (w *world) newEar(at netip.AddrPort, payload byte, every time.Duration) *ear {
	e := &ear{w: w, at: at, payload: payload, every: every}
	w.rtp.Receive(at, e.packet)
	return e
}

// packet counts what comes. It runs on the edge's goroutine and takes no lock but its own.
func (e *ear) packet(p edgetest.Packet) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(p.Data) < 12+80 { // a frame, not a digit
		return
	}
	e.heard++
	now := time.Now()
	e.note(now)
	e.last = now
}

// note keeps a gap that ends now. e.mu is held.
func (e *ear) note(now time.Time) {
	if e.listening && now.Sub(e.last) > longestSilence {
		e.gaps = append(e.gaps, gap{e.last, now})
	}
}

// listen begins or ends the time in which something should be heard.
func (e *ear) listen(on bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := time.Now()
	if !on {
		e.note(now)
	}
	e.listening, e.last = on, now
}

// speak learns from a description where to send, and begins to.
func (e *ear) speak(sdp string) {
	host, port := "", 0
	for line := range strings.Lines(sdp) {
		line = strings.TrimSpace(line)
		if rest, ok := strings.CutPrefix(line, "c=IN IP4 "); ok {
			host = rest
		}
		if rest, ok := strings.CutPrefix(line, "m=audio "); ok {
			first, _, _ := strings.Cut(rest, " ")
			port, _ = strconv.Atoi(first)
		}
	}
	addr, err := netip.ParseAddr(host)
	if err != nil || port == 0 {
		return
	}
	e.mu.Lock()
	e.peer = netip.AddrPortFrom(addr, uint16(port))
	e.mu.Unlock()
	if e.ticking == nil {
		e.tick()
	}
}

// tick sends a frame and comes again.
func (e *ear) tick() {
	if !e.muted {
		e.stamp += uint32(e.every / time.Millisecond * 8)
		e.send(e.payload, false, frame)
	}
	e.ticking = e.w.after(e.every, e.tick)
}

var frame = func() []byte {
	b := make([]byte, 160)
	for i := range b {
		b[i] = byte(0x55 + i%7)
	}
	return b
}()

func (e *ear) send(payload byte, marker bool, body []byte) {
	e.seq++
	b := make([]byte, 12, 12+len(body))
	b[0], b[1] = 0x80, payload
	if marker {
		b[1] |= 0x80
	}
	binary.BigEndian.PutUint16(b[2:], e.seq)
	binary.BigEndian.PutUint32(b[4:], e.stamp)
	binary.BigEndian.PutUint32(b[8:], uint32(e.at.Port())<<8|0x5a)
	e.mu.Lock()
	peer := e.peer
	e.mu.Unlock()
	if peer.IsValid() {
		e.w.rtp.Send(e.at, peer, append(b, body...))
	}
}

// press sends a digit by RFC 4733: three updates and three ends, 20 ms apart.
func (e *ear) press(digit byte) {
	event := byte(strings.IndexByte("0123456789*#ABCD", digit))
	e.stamp += 160
	begun := e.stamp // all packets of an event have the time of its beginning
	var step func(n int)
	step = func(n int) {
		body := []byte{event, 10, 0, 0}
		if n >= 3 {
			body[1] |= 0x80
		}
		binary.BigEndian.PutUint16(body[2:], uint16(160*(min(n, 3)+1)))
		now := e.stamp
		e.stamp = begun
		e.send(101, n == 0, body)
		e.stamp = now
		if n < 5 {
			e.w.after(20*time.Millisecond, func() { step(n + 1) })
		}
	}
	step(0)
}

// close ends the sound; the time in which something should have been heard ends with it.
func (e *ear) close() {
	if e.ticking != nil {
		e.ticking.Stop()
	}
	e.muted = true
	e.w.rtp.Receive(e.at, nil)
	e.listen(false)
}

// silences are the gaps heard so far.
func (e *ear) silences() []gap {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]gap(nil), e.gaps...)
}

// description is an offer or answer of a phone.
func (e *ear) description(direction string, version int) string {
	host := e.at.Addr().String()
	if direction == "0.0.0.0" {
		host, direction = direction, "sendrecv"
	}
	name := "PCMU"
	if e.payload == 8 {
		name = "PCMA"
	}
	return fmt.Sprintf("v=0\r\no=- 7 %d IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\nm=audio %d RTP/AVP %d 101\r\n"+
		"a=rtpmap:%d %s/8000\r\na=rtpmap:101 telephone-event/8000\r\na=%s\r\n",
		version, e.at.Addr(), host, e.at.Port(), e.payload, e.payload, name, direction)
}
