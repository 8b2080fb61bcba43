package rtp

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"time"
)

// SIP sets calls up through a B2BUA: it calls, and answers what the B2BUA calls. Just enough of RFC 3261 for loopback.
type SIP struct {
	target  string
	caller  net.Conn
	callee  *net.UDPConn
	last    int
	buf     [65536]byte
	answers chan string // descriptions that the callee got
	done    chan struct{}
}

// NewSIP binds the callee's address, 127.0.0.1:0 if nobody is called; target is the B2BUA. Answer must be called.
func NewSIP(target, callee string) (*SIP, error) {
	at, err := net.ResolveUDPAddr("udp4", callee)
	if err != nil {
		return nil, err
	}
	s := &SIP{target: target, answers: make(chan string, 16), done: make(chan struct{})}
	if s.callee, err = net.ListenUDP("udp4", at); err != nil {
		return nil, err
	}
	if s.caller, err = net.Dial("udp4", target); err != nil {
		return nil, errors.Join(err, s.callee.Close())
	}
	return s, nil
}

// Close ends both; calls that are up are left to the B2BUA.
func (s *SIP) Close() {
	_ = s.caller.Close()
	_ = s.callee.Close()
	<-s.done
}

// Answer answers every call with b's description until Close.
func (s *SIP) Answer(b *Party) {
	go func() {
		defer close(s.done)
		buf := make([]byte, 65536)
		for {
			n, from, err := s.callee.ReadFromUDP(buf)
			if err != nil {
				return
			}
			if res := s.react(string(buf[:n]), b); res != "" {
				_, _ = s.callee.WriteToUDP([]byte(res), from)
			}
		}
	}()
}

func (s *SIP) react(msg string, b *Party) string {
	head, body, _ := strings.Cut(msg, "\r\n\r\n")
	switch method, _, _ := strings.Cut(head, " "); method {
	case "INVITE":
		select {
		case s.answers <- body:
		default: // a copy
		}
		return response(head, b.SDP(), s.callee.LocalAddr().String())
	case "ACK", "SIP/2.0":
		return ""
	}
	return response(head, "", s.callee.LocalAddr().String())
}

// response is a 200 to a request.
func response(head, sdp, contact string) string {
	var b strings.Builder
	b.WriteString("SIP/2.0 200 OK\r\n")
	for _, line := range splitLines(head)[1:] {
		switch name, _, _ := strings.Cut(line, ":"); strings.ToLower(name) {
		case "via", "from", "call-id", "cseq", "record-route":
			b.WriteString(line + "\r\n")
		case "to":
			if !strings.Contains(line, ";tag=") {
				line += ";tag=callee"
			}
			b.WriteString(line + "\r\n")
		}
	}
	fmt.Fprintf(&b, "Contact: <sip:%s>\r\n", contact)
	if sdp != "" {
		b.WriteString("Content-Type: application/sdp\r\n")
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(sdp), sdp)
	return b.String()
}

// Call makes a call from a to b.
func (s *SIP) Call(dial string, a, b *Party) error {
	up, err := s.up(dial, a.SDP())
	if err != nil {
		return err
	}
	select {
	case atB := <-s.answers:
		return join(a, up.sdp, b, atB)
	case <-time.After(5 * time.Second):
		return errors.New("the callee was not called")
	}
}

// Hear makes a call whose sound comes to a party, who says nothing.
func (s *SIP) Hear(dial string, p *Party) error {
	_, err := s.up(dial, p.SDP())
	return err
}

// Timed makes a call, hangs up and tells how long the 200 took.
func (s *SIP) Timed(dial string) (time.Duration, error) {
	began := time.Now()
	up, err := s.up(dial, "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\n")
	if err != nil {
		return 0, err
	}
	_, err = s.caller.Write([]byte(up.request("BYE", 2)))
	return up.at.Sub(began), err
}

// dialog is a call that is up.
type dialog struct {
	id, local, target, to, sdp string
	at                         time.Time // of the 200
}

func (d dialog) request(method string, cseq int) string {
	return d.begin(method, cseq) + "Content-Length: 0\r\n\r\n"
}

func (d dialog) begin(method string, cseq int) string {
	return fmt.Sprintf("%[1]s %[2]s SIP/2.0\r\nVia: SIP/2.0/UDP %[3]s;rport;branch=z9hG4bK%[4]s%[1]s\r\nFrom: <sip:caller@%[3]s>;tag=%[4]s\r\n%[5]s\r\n"+
		"Call-ID: %[4]s\r\nCSeq: %[6]d %[1]s\r\nContact: <sip:caller@%[3]s>\r\nMax-Forwards: 70\r\n", method, d.target, d.local, d.id, d.to, cseq)
}

// up calls and acknowledges the answer.
func (s *SIP) up(dial, sdp string) (dialog, error) {
	s.last++
	uri := "sip:" + dial + "@" + s.target
	d := dialog{id: fmt.Sprintf("%d-%d", time.Now().UnixNano(), s.last), local: s.caller.LocalAddr().String(), target: uri, to: "To: <" + uri + ">"}
	answer, err := s.final(d.begin("INVITE", 1)+fmt.Sprintf("Content-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s", len(sdp), sdp), d.id)
	if err != nil {
		return d, err
	}
	d.at = time.Now()
	head, body, _ := strings.Cut(answer, "\r\n\r\n")
	d.sdp, d.to = body, header(head, "To")
	contact, _, _ := strings.Cut(strings.TrimPrefix(header(head, "Contact"), "Contact: <"), ">")
	d.target = contact
	_, err = s.caller.Write([]byte(d.request("ACK", 1)))
	return d, err
}

// final sends an INVITE and waits for its 200.
func (s *SIP) final(invite, id string) (string, error) {
	buf := s.buf[:]
	for range 20 {
		if _, err := s.caller.Write([]byte(invite)); err != nil {
			if !errors.Is(err, syscall.ECONNREFUSED) {
				return "", err
			}
		}
		_ = s.caller.SetReadDeadline(time.Now().Add(2 * time.Second))
		for {
			n, err := s.caller.Read(buf)
			if errors.Is(err, syscall.ECONNREFUSED) {
				time.Sleep(100 * time.Millisecond) // it is not there yet
			}
			if err != nil {
				break // sent again
			}
			msg := string(buf[:n])
			if !strings.Contains(msg, id) || !strings.Contains(msg, " INVITE\r\n") || strings.HasPrefix(msg, "SIP/2.0 1") {
				continue
			}
			if !strings.HasPrefix(msg, "SIP/2.0 200") {
				line, _, _ := strings.Cut(msg, "\r\n")
				return "", errors.New("the call was answered with " + line)
			}
			return msg, nil
		}
	}
	return "", errors.New("no answer to an INVITE")
}

// header is a header's whole line.
func header(head, name string) string {
	for _, line := range splitLines(head) {
		if n, _, _ := strings.Cut(line, ":"); strings.EqualFold(n, name) {
			return line
		}
	}
	return ""
}
