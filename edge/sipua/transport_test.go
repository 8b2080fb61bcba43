package sipua_test

import (
	"bufio"
	"bytes"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/offhook/offhook/edge/sipua"
)

// stream is a TCP client whose bytes the test writes.
type stream struct {
	r    *rig
	conn net.Conn
	in   *bufio.Reader
}

func (r *rig) stream() *stream {
	conn, err := r.net.DialContext(r.t.Context(), "tcp", edgeAddr)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = conn.Close() })
	return &stream{r, conn, bufio.NewReader(conn)}
}

func (s *stream) send(raw string) {
	s.r.t.Helper()
	if _, err := s.conn.Write([]byte(raw)); err != nil {
		s.r.t.Fatal(err)
	}
}

// expect reads one message, which must be this.
func (s *stream) expect(want string) sip.Message {
	s.r.t.Helper()
	_ = s.conn.SetReadDeadline(time.Now().Add(time.Minute))
	var raw bytes.Buffer
	for {
		line, err := s.in.ReadString('\n')
		if err != nil {
			s.r.t.Fatalf("stream: %v, want %s", err, want)
		}
		raw.WriteString(line)
		if line == "\r\n" {
			break
		}
	}
	head, err := sip.ParseMessage(append(raw.Bytes(), make([]byte, 4096)...))
	if err != nil {
		s.r.t.Fatalf("bad message from the edge: %v\n%s", err, raw.String())
	}
	body := make([]byte, int(*head.ContentLength()))
	if _, err := readFull(s.in, body); err != nil {
		s.r.t.Fatal(err)
	}
	if summary(head) != want {
		s.r.t.Fatalf("stream got %s, want %s\n%s", summary(head), want, raw.String())
	}
	return head
}

func readFull(r *bufio.Reader, b []byte) (int, error) {
	n := 0
	for n < len(b) {
		m, err := r.Read(b[n:])
		if n += m; err != nil {
			return n, err
		}
	}
	return n, nil
}

func overTCP(raw string) string {
	raw = strings.Replace(raw, "SIP/2.0/UDP", "SIP/2.0/TCP", 1)
	return strings.Replace(raw, "Contact: <sip:anna@127.0.0.1:6001>", "Contact: <sip:anna@127.0.0.1:6001;transport=tcp>", 1)
}

func TestACallOverTCPStaysOnItsConnection(t *testing.T) {
	run(t, func(r *rig) {
		c := r.stream()
		s := (&phone{r: r, addr: "127.0.0.1:6001"}).dial("t1")
		raw := overTCP(s.request("INVITE", "", offerSDP))
		c.send("\r\n\r\n" + raw[:50])
		b := make([]byte, 2)
		if _, err := readFull(c.in, b); err != nil || string(b) != "\r\n" {
			t.Fatalf("ping answered with %q, %v", b, err)
		}
		c.send(raw[50:])
		c.expect("100 INVITE")
		d := r.dialog()
		d.Accept([]byte(ourSDP), nil)
		ok := s.learn(c.expect("200 INVITE"))
		if !strings.Contains(ok.Contact().Value(), "transport=tcp") {
			t.Errorf("Contact is %s", ok.Contact().Value())
		}
		c.send(overTCP(s.request("ACK", "", "")) + overTCP(s.request("OPTIONS", "", ""))) // two in one segment
		c.expect("200 OPTIONS")
		d.End(sipua.End{})
		bye := c.expect("BYE")
		c.send((&phone{r: r, addr: "x"}).reply(bye, 200, "", "", ""))
		r.told("invite anna 100 sdp", "answered 200", "ended bye 0")
	})
}

func TestAConnectionThatDiesFailsItsRequests(t *testing.T) {
	run(t, func(r *rig) {
		ln, err := r.net.Listen("tcp", "127.0.0.1:7001")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = ln.Close() }()
		if _, err := r.ua.Invite(sipua.InviteRequest{CallID: "out-1", URI: "sip:bob@127.0.0.1:7001;transport=tcp"}); err != nil {
			t.Fatal(err)
		}
		conn, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		c := &stream{r, conn, bufio.NewReader(conn)}
		if m := c.expect("INVITE"); m.Via().Transport != "TCP" {
			t.Errorf("INVITE is\n%s", m)
		}
		_ = conn.Close()
		r.told("ended transport 503")
	})
}

func TestAnOutboundCallUsesTheFlowOfARegistration(t *testing.T) {
	run(t, func(r *rig) {
		_, err := r.ua.Invite(sipua.InviteRequest{CallID: "out-1", URI: "sip:bob@127.0.0.1:7001", Flow: "riga-77"})
		if err != nil {
			t.Fatal(err)
		}
		r.told("ended transport 503") // no such flow
		c := r.stream()
		synctest.Wait()
		if _, err = r.ua.Invite(sipua.InviteRequest{CallID: "out-2", URI: "sip:bob@10.1.1.1", Flow: "riga-1"}); err != nil {
			t.Fatal(err)
		}
		if _, err = r.ua.Invite(sipua.InviteRequest{CallID: "out-3", URI: "sip:eve@10.1.1.1", Via: "tcp:10.9.9.9:4444", Flow: "riga-1"}); err != nil {
			t.Fatal(err)
		}
		r.told("ended transport 503") // a stream of another phone has that name now
		m := c.expect("INVITE")
		c.send((&phone{r: r, addr: "10.1.1.1"}).reply(m, 486, "b", "", ""))
		c.expect("ACK")
		r.told("ended refused 486 remote")
	})
}

func TestStreamsThatAreNotSIPAreClosed(t *testing.T) {
	for name, raw := range map[string]string{
		"two lengths":  "OPTIONS sip:a@b SIP/2.0\r\nContent-Length: 5\r\nl: 900\r\n\r\n",
		"a bad length": "OPTIONS sip:a@b SIP/2.0\r\nContent-Length: -5\r\n\r\n",
		"a huge one":   "OPTIONS sip:a@b SIP/2.0\r\nContent-Length: 99999999\r\n\r\n",
		"no end":       "OPTIONS sip:a@b SIP/2.0\r\n" + strings.Repeat("X: "+strings.Repeat("y", 900)+"\r\n", 40),
	} {
		run(t, func(r *rig) {
			c := r.stream()
			go func() { _, _ = c.conn.Write([]byte(raw)) }()
			_ = c.conn.SetReadDeadline(time.Now().Add(time.Second))
			if b, err := c.in.ReadByte(); err == nil || isTimeout(err) {
				t.Errorf("%s: read %q, %v; want it closed", name, b, err)
			}
		})
	}
}

func isTimeout(err error) bool {
	n, ok := err.(net.Error)
	return ok && n.Timeout()
}

func TestAMessageThatNeverEndsIsGivenUp(t *testing.T) {
	run(t, func(r *rig) {
		c := r.stream()
		c.send("OPTIONS sip:a@b SIP/2.0\r\n")
		_ = c.conn.SetReadDeadline(time.Now().Add(time.Minute))
		start := time.Now()
		if _, err := c.in.ReadByte(); err == nil || isTimeout(err) {
			t.Errorf("read %v, want it closed", err)
		}
		if d := time.Since(start); d != 30*time.Second {
			t.Errorf("closed after %v", d)
		}
	})
}

func TestResponsesGoWhereRFC3581Says(t *testing.T) {
	run(t, func(r *rig) {
		asked, other := r.phone("127.0.0.1:6001"), r.phone("127.0.0.1:6002")
		s := asked.dial("c1")
		raw := s.request("OPTIONS", "", "")
		asked.send(strings.Replace(raw, "127.0.0.1:6001;branch", "10.9.9.9:6002;branch", 1)) // rport: back to the source
		via := asked.expect("200 OPTIONS").Via()
		if v, _ := via.Params.Get("rport"); v != "6001" {
			t.Errorf("Via is %s", via.Value())
		}
		if v, _ := via.Params.Get("received"); v != "127.0.0.1" {
			t.Errorf("Via is %s", via.Value())
		}
		s.cseq++
		raw = s.request("OPTIONS", "", "")
		asked.send(strings.Replace(raw, "127.0.0.1:6001;branch", "127.0.0.1:6002;branch", 1))
		asked.expect("200 OPTIONS") // rport counts, not the port of Via
		raw = s.request("OPTIONS", "", "")
		asked.send(strings.Replace(raw, "127.0.0.1:6001;branch="+"z9hG4bK-c1-4-OPTIONS;rport", "127.0.0.1:6002;branch=z9hG4bKx", 1))
		other.expect("200 OPTIONS") // no rport: the source's address and the port of Via
		s.cseq++
		raw = s.request("OPTIONS", "", "")
		asked.send(strings.Replace(raw, "127.0.0.1:6001;branch="+"z9hG4bK-c1-6-OPTIONS;rport", "10.9.9.9:6002;branch=z9hG4bKy", 1))
		asked.expect("200 OPTIONS") // no rport, but behind a NAT, where only the source's port leads back
	})
}

func TestWhatCannotBeParsedIsAnsweredOrDropped(t *testing.T) {
	run(t, func(r *rig) {
		p := r.phone("127.0.0.1:6001")
		s := p.dial("c1")
		p.send("\r\n\r\n")
		p.send("this is not SIP at all, is it?\r\n\r\n")
		p.quiet(time.Second)
		p.send(strings.Replace(s.request("INVITE", "", ""), "Content-Length: 0", "Content-Length: 700", 1))
		p.expect("400 INVITE")
		r.told()
	})
}

func TestADialogBehindNATIsReachedWhereItCameFrom(t *testing.T) {
	for _, host := range []string{"192.168.7.7", "100.64.7.7", "192.0.0.4"} {
		testADialogBehindNAT(t, "sip:anna@"+host+":5070")
	}
}

func testADialogBehindNAT(t *testing.T, contact string) {
	run(t, func(r *rig) {
		p := r.phone("127.0.0.1:6001")
		s := p.dial("c1")
		p.send(strings.Replace(s.request("INVITE", "", offerSDP), "<sip:anna@127.0.0.1:6001>", "<"+contact+"?Subject=x>", 1))
		p.expect("100 INVITE")
		d := r.dialog()
		d.Accept([]byte(ourSDP), nil)
		s.learn(p.expect("200 INVITE"))
		p.send(s.request("ACK", "", ""))
		r.told("invite anna 100 sdp", "answered 200")
		d.End(sipua.End{})
		bye := p.expect("BYE").(*sip.Request)
		if bye.Recipient.String() != contact {
			t.Errorf("BYE is\n%s", bye)
		}
		p.send(p.reply(bye, 200, "", "", ""))
		r.told("ended bye 0")
	})
}
