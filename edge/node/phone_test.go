package node_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing/synctest"
	"time"

	"github.com/offhook/offhook/edge/edgetest"
	"github.com/offhook/offhook/events"
)

// message is a SIP message as a phone reads it.
type message struct {
	start string
	head  map[string]string
	vias  []string
	body  string
}

func parse(raw string) message {
	head, body, _ := strings.Cut(raw, "\r\n\r\n")
	lines := strings.Split(head, "\r\n")
	m := message{start: lines[0], head: map[string]string{}, body: body}
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ":")
		m.head[strings.ToLower(name)] = strings.TrimSpace(value)
		if strings.EqualFold(name, "Via") {
			m.vias = append(m.vias, strings.TrimSpace(value))
		}
	}
	return m
}

// what is the method of a request, or the code and method of a response.
func (m message) what() string {
	if m.start == "" {
		return "nothing"
	}
	if code, ok := strings.CutPrefix(m.start, "SIP/2.0 "); ok {
		_, method, _ := strings.Cut(m.head["cseq"], " ")
		return code[:3] + " " + method
	}
	method, _, _ := strings.Cut(m.start, " ")
	return method
}

// phone is a UDP phone whose every message the test asks for, and its RTP socket.
type phone struct {
	r    *rig
	addr string
	sip  net.PacketConn
	port uint16 // of its RTP
	seq  uint16
	edge netip.AddrPort // where its RTP goes

	spoken  uint32 // timestamp of what it said last
	pressed uint32

	mu    sync.Mutex
	codes []byte // of the sound that came, each once
	types []byte // payload types of the RTP that came: of equal ones in a row the first, of digits each
}

func (r *rig) phone(port uint16) *phone { return r.phoneAt("127.0.0.1", port) }

func (r *rig) phoneAt(ip string, port uint16) *phone {
	p := &phone{r: r, addr: fmt.Sprintf("%s:%d", ip, port), port: 20000 + 2*port}
	var err error
	if p.sip, err = r.net.ListenPacket("udp", p.addr); err != nil {
		r.Fatal(err)
	}
	r.net.Receive(loopback(p.port), p.packet)
	r.Cleanup(func() { _ = p.sip.Close() })
	return p
}

// sdp is the phone's description; direction is sendrecv, sendonly ...
func (p *phone) sdp(direction string, formats string) string {
	s := fmt.Sprintf("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio %d RTP/AVP %s\r\na=%s\r\n", p.port, formats, direction)
	if strings.Contains(formats, "101") {
		s += "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n"
	}
	return s
}

const (
	withDigits    = "0 101"
	withoutDigits = "0"
	onlyG729      = "18"
)

func (p *phone) send(raw string) {
	p.r.Helper()
	if _, err := p.sip.WriteTo([]byte(raw), net.UDPAddrFromAddrPort(netip.MustParseAddrPort(edgeAddr))); err != nil {
		p.r.Fatal(err)
	}
}

// get waits up to d for the next message.
func (p *phone) get(d time.Duration) message {
	buf := make([]byte, 65535)
	_ = p.sip.SetReadDeadline(time.Now().Add(d))
	n, _, err := p.sip.ReadFrom(buf)
	if err != nil {
		return message{}
	}
	return parse(string(buf[:n]))
}

// expect takes messages that must be these, and gives the last.
func (p *phone) expect(wants ...string) (m message) {
	p.r.Helper()
	for _, want := range wants {
		if m = p.get(time.Minute); m.what() != want {
			p.r.Fatalf("phone %s got %s, want %s\n%s\n%s\nevents: %v", p.addr, m.what(), want, m.start, m.body, p.r.log.types(events.TopicCalls))
		}
	}
	return m
}

func (p *phone) quiet(d time.Duration) {
	p.r.Helper()
	if m := p.get(d); m.start != "" {
		p.r.Fatalf("phone %s got %s, want silence", p.addr, m.start)
	}
}

// dialog is a phone's side of a call.
type dialog struct {
	p                             *phone
	callID, local, remote, target string
	cseq                          int
}

func (p *phone) dial(to string) *dialog {
	p.r.calls++
	id := fmt.Sprintf("c%d", p.r.calls)
	return &dialog{p: p, callID: id, local: "<sip:anna@127.0.0.1>;tag=" + id, remote: "<sip:" + to + "@127.0.0.1>", target: "sip:" + to + "@" + edgeAddr}
}

// request sends one; ACK and CANCEL keep the INVITE's number.
func (d *dialog) request(method, contentType, body string) {
	headers := ""
	if body != "" {
		headers = "Content-Type: " + contentType + "\r\n"
	}
	d.requestWith(method, headers, body)
}

func (d *dialog) requestWith(method, headers, body string) {
	if method != "ACK" && method != "CANCEL" {
		d.cseq++
	}
	branch := method
	if method == "CANCEL" {
		branch = "INVITE"
	}
	raw := fmt.Sprintf("%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%s-%d-%s;rport\r\nMax-Forwards: 70\r\n", method, d.target, d.p.addr, d.callID, d.cseq, branch)
	raw += fmt.Sprintf("From: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %d %s\r\nContact: <sip:anna@%s>\r\n", d.local, d.remote, d.callID, d.cseq, method, d.p.addr)
	d.p.send(raw + headers + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body))
}

func (d *dialog) invite(sdp string) { d.request("INVITE", "application/sdp", sdp) }

// learn takes tag, target and RTP address from a response.
func (d *dialog) learn(m message) message {
	d.remote = m.head["to"]
	if c := m.head["contact"]; c != "" {
		d.target = strings.Trim(c[:strings.Index(c, ">")], "<>")
	}
	d.p.toEdge(m.body)
	return m
}

func (p *phone) toEdge(sdp string) {
	for line := range strings.Lines(sdp) {
		var port uint16
		if n, _ := fmt.Sscanf(line, "m=audio %d", &port); n == 1 {
			p.edge = loopback(port)
		}
	}
}

// established calls in; the script answers.
func (p *phone) established(to, formats string) *dialog {
	p.r.Helper()
	d := p.dial(to)
	d.invite(p.sdp("sendrecv", formats))
	m := p.get(time.Minute)
	for strings.HasPrefix(m.what(), "1") {
		m = p.get(time.Minute)
	}
	if m.what() != "200 INVITE" {
		p.r.Fatalf("phone %s got %s, want 200", p.addr, m.start)
	}
	d.learn(m)
	d.request("ACK", "", "")
	return d
}

// reply answers a request of the edge.
func (p *phone) reply(m message, code int, headers, sdp string) {
	to := m.head["to"]
	if !strings.Contains(to, "tag=") {
		to += ";tag=callee" + p.addr[len("127.0.0.1:"):]
	}
	raw := fmt.Sprintf("SIP/2.0 %d Phrase\r\n", code)
	for _, via := range m.vias {
		raw += "Via: " + via + "\r\n"
	}
	raw += fmt.Sprintf("From: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %s\r\nContact: <sip:bob@%s>\r\n%s", m.head["from"], to, m.head["call-id"], m.head["cseq"], p.addr, headers)
	if sdp != "" {
		raw += "Content-Type: application/sdp\r\n"
	}
	p.send(raw + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(sdp), sdp))
}

// take answers an INVITE that comes, and gives the phone's side of the dialog.
func (p *phone) take(formats string) *dialog {
	p.r.Helper()
	m := p.expect("INVITE")
	p.toEdge(m.body)
	p.reply(m, 200, "", p.sdp("sendrecv", formats))
	p.expect("ACK")
	return p.callee(m)
}

// callee is the dialog of a phone that was called.
func (p *phone) callee(m message) *dialog {
	c := m.head["contact"]
	return &dialog{p: p, callID: m.head["call-id"], local: m.head["to"] + ";tag=callee" + p.addr[len("127.0.0.1:"):], remote: m.head["from"],
		target: strings.Trim(c[:strings.Index(c, ">")], "<>"), cseq: 500}
}

// rtp sends one packet of RTP.
func (p *phone) rtp(payloadType byte, marker bool, ts uint32, payload []byte) {
	p.seq++
	b := make([]byte, 12, 12+len(payload))
	b[0], b[1] = 0x80, payloadType
	if marker {
		b[1] |= 0x80
	}
	binary.BigEndian.PutUint16(b[2:], p.seq)
	binary.BigEndian.PutUint32(b[4:], ts)
	binary.BigEndian.PutUint32(b[8:], uint32(p.port))
	p.r.net.Send(loopback(p.port), p.edge, append(b, payload...))
}

// press sends a digit by RFC 4733: 100 ms in five packets, the last with the end bit.
func (p *phone) press(event byte) {
	p.pressed++ // each digit has a timestamp of its own (RFC 4733 2.2.3)
	for n := uint16(1); n <= 5; n++ {
		b := []byte{event, 10, 0, 0}
		if n == 5 {
			b[1] |= 0x80
		}
		binary.BigEndian.PutUint16(b[2:], n*160)
		p.rtp(101, n == 1, 8000*p.pressed, b)
		time.Sleep(20 * time.Millisecond)
	}
}

// speak sends sound for a time, 20 ms a packet.
func (p *phone) speak(d time.Duration) {
	for t := time.Duration(0); t < d; t += 20 * time.Millisecond {
		p.rtp(0, false, uint32(t/time.Millisecond)*8, make([]byte, 160))
		time.Sleep(20 * time.Millisecond)
	}
}

func (p *phone) packet(pkt edgetest.Packet) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := pkt.Data[1] & 0x7F
	if t == 0 && !slices.Contains(p.codes, pkt.Data[100]) {
		p.codes = append(p.codes, pkt.Data[100])
	}
	if digit := t == 101 && pkt.Data[1]&0x80 != 0; digit || len(p.types) == 0 || p.types[len(p.types)-1] != t {
		p.types = append(p.types, t)
	}
}

// heard are the payload types of the RTP that has come since the last look.
func (p *phone) heard() []byte {
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	types := p.types
	p.types = nil
	return types
}

func loopback(port uint16) netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port)
}

// say sends one packet of sound, all of whose samples are this code.
func (p *phone) say(voice byte) {
	p.spoken += 160
	p.rtp(0, false, p.spoken, bytes.Repeat([]byte{voice}, 160))
}

// voices are the codes that were heard since the last look, each once.
func (p *phone) voices() []byte {
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	heard := p.codes
	p.codes = nil
	slices.Sort(heard)
	return heard
}
