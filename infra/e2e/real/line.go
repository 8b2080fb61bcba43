package real

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Network is what happens to the packets between a phone and offhook, each way. What happens to the n-th is settled by a
// hash of n and Seed, so that a run is repeated by its seed.
type Network struct {
	Seed      uint64
	Loss      float64       // part of the packets that never come
	Jitter    time.Duration // a packet takes up to so much longer
	Reordered float64       // part of them that comes 25 ms later, behind the next one
	Twice     float64       // part of them that comes again, up to 30 ms later
	Drift     float64       // the phone's clock is slower by so many millionths: its packets come later and later
}

// fates of a packet: numbers in 0 to 1.
func (n Network) draw(packet, what uint64) float64 {
	x := n.Seed ^ packet*0x9E3779B97F4A7C15 ^ what<<56
	for range 2 { // the finish of splitmix64
		x = (x ^ x>>30) * 0xBF58476D1CE4E5B9
		x = (x ^ x>>27) * 0x94D049BB133111EB
		x ^= x >> 31
	}
	return float64(x>>11) / (1 << 53)
}

// Line is a way of SIP and RTP between one phone and offhook, through a bad network. To offhook it is the phone, to the
// phone it is offhook: it names itself in what they tell each other, as gateways of small offices do. SIP gets through whole.
type Line struct {
	SIP    string // where the phone sends
	edge   netip.AddrPort
	inside *net.UDPConn // towards the phone
	out    *net.UDPConn // towards offhook
	ways   [2]*way      // RTP to offhook, and from there
	rtcp   [2]*way

	mu    sync.Mutex
	phone netip.AddrPort
}

// way is one direction: what comes to the socket at goes out of the socket from, to where SDP said.
type way struct {
	Network
	at, from *net.UDPConn

	mu    sync.Mutex
	to    netip.AddrPort
	count uint64
	first time.Time
}

// NewLine makes a line to offhook.
func NewLine(t *testing.T, h *Offhook, n Network) *Line {
	t.Helper()
	port := Port(t, 8)
	port += port % 2
	open := func(port int) *net.UDPConn {
		c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
		must(t, err)
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	l := &Line{SIP: addr(port), edge: netip.MustParseAddrPort(h.SIP), inside: open(port), out: open(port + 1)}
	phone, phoneReports, edge, edgeReports := open(port+2), open(port+3), open(port+4), open(port+5)
	back := n
	back.Seed += 1 << 32
	l.ways = [2]*way{{Network: n, at: phone, from: edge}, {Network: back, at: edge, from: phone}}
	l.rtcp = [2]*way{{Network: n, at: phoneReports, from: edgeReports}, {Network: back, at: edgeReports, from: phoneReports}}
	for _, w := range []*way{l.ways[0], l.ways[1], l.rtcp[0], l.rtcp[1]} {
		go w.run()
	}
	go l.read(l.inside, l.outwards)
	go l.read(l.out, l.inwards)
	return l
}

func (w *way) run() {
	buf := make([]byte, 4096)
	for {
		n, _, err := w.at.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		w.pass(bytes.Clone(buf[:n]))
	}
}

// pass lets the network have a packet.
func (w *way) pass(b []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.first.IsZero() {
		w.first = time.Now()
	}
	w.count++
	n := w.count
	if !w.to.IsValid() || w.draw(n, 0) < w.Loss {
		return
	}
	late := time.Duration(w.draw(n, 1)*float64(w.Jitter)) + time.Duration(float64(time.Since(w.first))*w.Drift/1e6)
	if w.draw(n, 2) < w.Reordered {
		late += 25 * time.Millisecond
	}
	w.send(b, late)
	if w.draw(n, 3) < w.Twice {
		w.send(b, late+time.Duration(w.draw(n, 4)*float64(30*time.Millisecond)))
	}
}

func (w *way) send(b []byte, late time.Duration) {
	to := w.to
	if late == 0 {
		_, _ = w.from.WriteToUDPAddrPort(b, to)
		return
	}
	time.AfterFunc(late, func() { _, _ = w.from.WriteToUDPAddrPort(b, to) }) // after the test the socket is closed
}

// Forge sends offhook a packet as if the phone had, to the port of its sound or to that of its reports.
func (l *Line) Forge(b []byte, report bool) {
	w := l.ways[0]
	if report {
		w = l.rtcp[0]
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.send(b, 0)
}

// Carried is how many packets of the phone's sound came so far.
func (l *Line) Carried() uint64 {
	w := l.ways[0]
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.count
}

// Port is where offhook takes the phone's sound; 0 as long as nobody has said.
func (l *Line) Port() int {
	w := l.ways[0]
	w.mu.Lock()
	defer w.mu.Unlock()
	return int(w.to.Port())
}

func (w *way) leads(to netip.AddrPort) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.to = to
}

func (l *Line) read(c *net.UDPConn, pass func(b []byte, from netip.AddrPort)) {
	buf := make([]byte, 65536)
	for {
		n, from, err := c.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		if n > 12 { // shorter ones keep ways open
			pass(buf[:n], from)
		}
	}
}

// outwards takes SIP of the phone.
func (l *Line) outwards(b []byte, from netip.AddrPort) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.phone = from
	m := parseMessage(b)
	m.swap(l.SIP, l.edge.String())
	m.swap(from.String(), l.out.LocalAddr().String())
	m.hop(l.out.LocalAddr().String())
	m.describe(l.ways[1].at, l.ways[1], l.rtcp[1])
	_, _ = l.out.WriteToUDPAddrPort(m.bytes(), l.edge)
}

// inwards takes SIP of offhook.
func (l *Line) inwards(b []byte, _ netip.AddrPort) {
	l.mu.Lock()
	defer l.mu.Unlock()
	m := parseMessage(b)
	m.swap(l.edge.String(), l.SIP)
	m.swap(l.out.LocalAddr().String(), l.phone.String())
	m.hop(l.SIP)
	m.describe(l.ways[0].at, l.ways[0], l.rtcp[0])
	_, _ = l.inside.WriteToUDPAddrPort(m.bytes(), l.phone)
}

// sipMessage is SIP as text.
type sipMessage struct {
	lines []string // without the body
	body  string
}

func parseMessage(b []byte) *sipMessage {
	head, body, _ := strings.Cut(string(b), "\r\n\r\n")
	return &sipMessage{strings.Split(head, "\r\n"), body}
}

// swap names another address where the message leads, and where its sender is reached.
func (m *sipMessage) swap(was, is string) {
	for i, line := range m.lines {
		if i == 0 || strings.HasPrefix(line, "Contact:") {
			m.lines[i] = strings.Replace(line, was, is, 1)
		}
	}
}

// hop adds a Via to a request, as a proxy does, and takes it off an answer (RFC 3261 section 16.11).
func (m *sipMessage) hop(at string) {
	for i, line := range m.lines {
		if !strings.HasPrefix(line, "Via:") {
			continue
		}
		if strings.HasPrefix(m.lines[0], "SIP/2.0") {
			m.lines = append(m.lines[:i:i], m.lines[i+1:]...)
			return
		}
		_, branch, _ := strings.Cut(line, "branch=z9hG4bK")
		branch, _, _ = strings.Cut(branch, ";")
		via := fmt.Sprintf("Via: SIP/2.0/UDP %s;branch=z9hG4bKline%s", at, branch)
		m.lines = append(m.lines[:i:i], append([]string{via}, m.lines[i:]...)...)
		return
	}
}

// describe notes where a description wants RTP, and names the line's ports in it: at is the one for RTP.
func (m *sipMessage) describe(at *net.UDPConn, rtp, rtcp *way) {
	lines := strings.Split(m.body, "\r\n")
	mine := at.LocalAddr().(*net.UDPAddr).Port
	for i, line := range lines {
		f := strings.Fields(line)
		if !strings.HasPrefix(line, "m=audio ") || len(f) < 4 {
			continue
		}
		port, _ := strconv.Atoi(f[1])
		rtp.leads(netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(port)))
		rtcp.leads(netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(port+1)))
		f[1] = strconv.Itoa(mine)
		lines[i] = strings.Join(f, " ")
	}
	m.body = strings.Join(lines, "\r\n")
}

func (m *sipMessage) bytes() []byte {
	for i, line := range m.lines {
		if strings.HasPrefix(line, "Content-Length:") {
			m.lines[i] = fmt.Sprintf("Content-Length: %d", len(m.body))
		}
	}
	return []byte(strings.Join(m.lines, "\r\n") + "\r\n\r\n" + m.body)
}
