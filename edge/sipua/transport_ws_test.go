package sipua_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
	"github.com/emiago/sipgo/sip"
	"github.com/icholy/digest"

	"github.com/offhook/offhook/edge/sipua"
)

const wsAddr = "127.0.0.1:5080"

// runWS is run with a WebSocket listener and a user anna, who calls from a page.
func runWS(t *testing.T, test func(*rig), change ...func(*sipua.Config)) {
	runIn(t, openDirectory{users: map[string]string{"anna": "pw"}}, test, append(change, func(c *sipua.Config) {
		c.Listen = append(c.Listen, sipua.Listen{Network: "ws", Addr: wsAddr})
	})...)
}

// page is a browser's end.
type page struct {
	r    *rig
	conn *websocket.Conn
}

func (r *rig) open(o websocket.DialOptions) (*websocket.Conn, *http.Response, error) {
	transport := &http.Transport{DialContext: r.net.DialContext}
	defer transport.CloseIdleConnections()
	o.HTTPClient = &http.Client{Transport: transport}
	return websocket.Dial(r.t.Context(), "ws://"+wsAddr+"/", &o)
}

func (r *rig) page() *page {
	r.t.Helper()
	conn, _, err := r.open(websocket.DialOptions{Subprotocols: []string{"sip"}})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = conn.CloseNow() })
	return &page{r, conn}
}

func (p *page) send(raw string) {
	p.r.t.Helper()
	if err := p.conn.Write(p.r.t.Context(), websocket.MessageText, []byte(raw)); err != nil {
		p.r.t.Fatal(err)
	}
}

func (p *page) get() string {
	p.r.t.Helper()
	ctx, cancel := context.WithTimeout(p.r.t.Context(), time.Minute)
	defer cancel()
	kind, raw, err := p.conn.Read(ctx)
	if err != nil || kind != websocket.MessageText {
		p.r.t.Fatalf("page got %v, %v", kind, err)
	}
	return string(raw)
}

// expect reads one message, which must be this.
func (p *page) expect(want string) sip.Message {
	p.r.t.Helper()
	raw := p.get()
	m, err := sip.ParseMessage([]byte(raw))
	if err != nil || summary(m) != want {
		p.r.t.Fatalf("page got, want %s (%v)\n%s", want, err, raw)
	}
	return m
}

// overWS is how JsSIP and SIP.js write: a host that does not exist.
func overWS(raw string) string {
	return strings.NewReplacer("SIP/2.0/UDP 127.0.0.1:6001", "SIP/2.0/WS df7jal23ls0d.invalid", "sip:anna@127.0.0.1:6001>", "sip:anna@df7jal23ls0d.invalid;transport=ws>").Replace(raw)
}

// proven sends a request until its challenge is met.
func (p *page) proven(s *side, method, headers, body string) {
	p.r.t.Helper()
	uri := s.target
	p.send(overWS(s.request(method, headers, body)))
	m := p.expect(map[string]string{"REGISTER": "401 REGISTER", "INVITE": "407 INVITE"}[method])
	name, answer := "WWW-Authenticate", "Authorization"
	if method == "INVITE" {
		name, answer = "Proxy-Authenticate", "Proxy-Authorization"
		s.remote = m.To().Value()
		p.send(overWS(s.request("ACK", "", "")))
		s.remote = "<sip:100@127.0.0.1>"
	}
	c, err := digest.ParseChallenge(m.(*sip.Response).GetHeader(name).Value())
	if err != nil {
		p.r.t.Fatal(err)
	}
	cred, err := digest.Digest(c, digest.Options{Method: method, URI: uri, Username: "anna", Password: "pw", Count: 1})
	if err != nil {
		p.r.t.Fatal(err)
	}
	p.send(overWS(s.request(method, headers+answer+": "+cred.String()+"\r\n", body)))
}

func TestAPageRegistersAndCallsOverWebSocket(t *testing.T) {
	runWS(t, func(r *rig) {
		p, ph := r.page(), &phone{r: r, addr: "127.0.0.1:6001"}
		reg := ph.dial("reg")
		reg.target, reg.remote = "sip:demo.test", "<sip:anna@demo.test>"
		p.proven(reg, "REGISTER", "Expires: 600\r\n", "")
		p.expect("200 REGISTER")
		s := ph.dial("c1")
		p.proven(s, "INVITE", "", offerSDP)
		p.expect("100 INVITE")
		d := r.dialog()
		d.Accept([]byte(ourSDP), nil)
		ok := s.learn(p.expect("200 INVITE"))
		if got := ok.Contact().Value(); !strings.Contains(got, "@"+wsAddr+";transport=ws") {
			t.Errorf("Contact is %s", got)
		}
		p.send(overWS(s.request("ACK", "", "")))
		p.send(overWS(s.request("INVITE", "", offerSDP))) // hold, for one
		p.expect("100 INVITE")
		d.AnswerOffer([]byte(ourSDP))
		p.expect("200 INVITE")
		p.send(overWS(s.request("ACK", "", "")))
		d.End(sipua.End{})
		bye := p.expect("BYE").(*sip.Request)
		if bye.Via().Transport != "WS" || bye.Recipient.Host != "df7jal23ls0d.invalid" {
			t.Errorf("BYE is\n%s", bye)
		}
		p.send(ph.reply(bye, 200, "", "", ""))
		r.told("invite anna 100 sdp", "answered 200", "offer sdp", "ended bye 0")
	})
}

func TestARegisteredPageIsCalledOverItsWebSocket(t *testing.T) {
	runWS(t, func(r *rig) {
		p, ph := r.page(), &phone{r: r, addr: "127.0.0.1:6001"}
		reg := ph.dial("reg")
		reg.target, reg.remote = "sip:demo.test", "<sip:anna@demo.test>"
		p.proven(reg, "REGISTER", "Expires: 600\r\n", "")
		p.expect("200 REGISTER")
		b := r.ua.Bindings("demo", "anna")
		if len(b) != 1 || b[0].Flow == "" || !strings.HasPrefix(b[0].Via, "ws:") {
			t.Fatalf("bindings are %+v", b)
		}
		call := sipua.InviteRequest{CallID: "out-1", URI: b[0].Contact, Via: b[0].Via, Flow: b[0].Flow, FromUser: "100", SDP: []byte(ourSDP)}
		d, err := r.ua.Invite(call)
		if err != nil {
			t.Fatal(err)
		}
		m := p.expect("INVITE")
		p.send(overWS(ph.reply(m, 200, "b", "", offerSDP)))
		p.expect("ACK")
		d.Reoffer([]byte(ourSDP))
		p.send(ph.reply(p.expect("INVITE"), 200, "", "", offerSDP))
		p.expect("ACK")
		r.told("answered 200 sdp", "offer answered 200 sdp")
		_ = p.conn.CloseNow() // the page is closed in the call
		synctest.Wait()
		d.End(sipua.End{})
		time.Sleep(time.Minute)
		r.mu.Lock()
		over := len(r.said) == 2 && r.said[0] == "adrift 0" && strings.HasPrefix(r.said[1], "ended bye")
		r.mu.Unlock()
		if !over {
			t.Errorf("told %v", r.said)
		}
		r.mu.Lock()
		r.said = nil
		r.mu.Unlock()
		call.CallID = "out-2"
		if _, err := r.ua.Invite(call); err != nil {
			t.Fatal(err)
		}
		r.told("ended transport 503")
	})
}

func TestAPageThatIsClosedIsNotRegisteredAnyMore(t *testing.T) {
	runWS(t, func(r *rig) {
		first, second := r.page(), r.page()
		ph := &phone{r: r, addr: "127.0.0.1:6001"}
		reg := ph.dial("reg")
		reg.target, reg.remote = "sip:demo.test", "<sip:anna@demo.test>"
		for _, p := range []*page{first, second} { // the second one is the first one, come back before we knew that it had gone
			p.proven(reg, "REGISTER", "Expires: 600\r\n", "")
			p.expect("200 REGISTER")
		}
		_ = first.conn.CloseNow()
		synctest.Wait()
		if b := r.ua.Bindings("demo", "anna"); len(b) != 1 {
			t.Errorf("bindings are %+v", b)
		}
		_ = second.conn.CloseNow()
		synctest.Wait()
		if b := r.ua.Bindings("demo", "anna"); len(b) != 0 {
			t.Errorf("bindings are %+v", b)
		}
		want := []sipua.BindingChange{sipua.BindingAdded, sipua.BindingRefreshed, sipua.BindingLost}
		if got := r.bound(); !slices.Equal(got, want) {
			t.Errorf("told %v", got)
		}
	})
}

func TestAPageThatComesBackInACallIsReachedOverItsNewStream(t *testing.T) {
	for _, name := range []string{"caller", "called"} {
		t.Run(name, func(t *testing.T) {
			runWS(t, func(r *rig) {
				p, ph := r.page(), &phone{r: r, addr: "127.0.0.1:6001"}
				reg := ph.dial("reg")
				reg.target, reg.remote = "sip:demo.test", "<sip:anna@demo.test>"
				p.proven(reg, "REGISTER", "Expires: 600\r\n", "")
				p.expect("200 REGISTER")
				var d *sipua.Dialog
				if name == "caller" {
					s := ph.dial("c1")
					p.proven(s, "INVITE", "", offerSDP)
					p.expect("100 INVITE")
					d = r.dialog()
					d.Accept([]byte(ourSDP), nil)
					s.learn(p.expect("200 INVITE"))
					p.send(overWS(s.request("ACK", "", "")))
				} else {
					b := r.ua.Bindings("demo", "anna")[0]
					var err error
					d, err = r.ua.Invite(sipua.InviteRequest{CallID: "out-1", Tenant: "demo", User: "anna", URI: b.Contact, Via: b.Via, Flow: b.Flow, SDP: []byte(ourSDP)})
					if err != nil {
						t.Fatal(err)
					}
					p.send(strings.Replace(ph.reply(p.expect("INVITE"), 200, "b", "", offerSDP), "sip:bob@127.0.0.1:6001", b.Contact, 1))
					p.expect("ACK")
				}
				_ = p.conn.CloseNow()
				synctest.Wait()
				if r.said[len(r.said)-1] != "adrift 0" {
					t.Errorf("told %v", r.said)
				}
				p = r.page()
				p.proven(reg, "REGISTER", "Expires: 600\r\n", "")
				p.expect("200 REGISTER")
				d.End(sipua.End{})
				p.send(ph.reply(p.expect("BYE"), 200, "", "", ""))
				synctest.Wait()
				if r.said[len(r.said)-1] != "ended bye 0" {
					t.Errorf("told %v", r.said)
				}
			})
		})
	}
}

func TestACallOfAPageThatIsClosedBeforeTheAnswerIsOver(t *testing.T) {
	runWS(t, func(r *rig) {
		p := r.page()
		p.proven((&phone{r: r, addr: "127.0.0.1:6001"}).dial("c1"), "INVITE", "", offerSDP)
		p.expect("100 INVITE")
		r.dialog().Progress(180, "", nil, nil)
		p.expect("180 INVITE")
		_ = p.conn.CloseNow()
		r.told("invite anna 100 sdp", "ended transport 487 remote")
		r.dialog().Accept([]byte(ourSDP), nil)
		time.Sleep(time.Minute)
		r.told()
	})
}

func TestAPageFromBeforeARestartIsNotRegistered(t *testing.T) {
	runWS(t, func(r *rig) {
		r.page() // whose stream has the name of the one that was
		old := sipua.Binding{Tenant: "demo", User: "anna", Contact: "sip:a@b.invalid;transport=ws", Via: "ws:127.0.0.1:9", Flow: "riga-1", Node: "riga", Expires: time.Now().Add(time.Minute)}
		other := old
		other.Node, other.Contact = "oslo", "sip:c@d.invalid;transport=ws"
		r.ua.Restore([]sipua.Binding{old, other})
		if b := r.ua.Bindings("demo", "anna"); len(b) != 1 || b[0].Node != "oslo" {
			t.Errorf("bindings are %+v", b)
		}
		time.Sleep(2 * time.Minute)
		if got := r.bound(); len(got) != 2 || slices.Contains(got, sipua.BindingAdded) {
			t.Errorf("told %v", got)
		}
	})
}

func TestAPageIsNoTrunkWhateverItsAddress(t *testing.T) {
	runWS(t, func(r *rig) {
		p := r.page()
		p.send(overWS((&phone{r: r, addr: "127.0.0.1:6001"}).dial("c1").request("INVITE", "", offerSDP)))
		p.expect("407 INVITE")
		r.told()
	})
}

func TestPagesOfOthersAndOtherProtocolsAreRefused(t *testing.T) {
	allow := func(c *sipua.Config) { c.Origins = []string{"*.acme.test", "shop.example"} }
	runWS(t, func(r *rig) {
		for _, c := range []struct {
			origin string
			proto  []string
			status int
		}{
			{"https://evil.example", []string{"sip"}, 403},
			{"null", []string{"sip"}, 403},
			{"http://" + wsAddr, []string{"sip"}, 101},
			{"https://phone.acme.test", []string{"sip"}, 101},
			{"https://shop.example", []string{"chat", "sip"}, 101},
			{"https://shop.example", []string{"chat"}, 400},
			{"https://shop.example", nil, 400},
		} {
			conn, res, err := r.open(websocket.DialOptions{Subprotocols: c.proto, HTTPHeader: http.Header{"Origin": {c.origin}}})
			if res == nil || res.StatusCode != c.status {
				t.Errorf("%s %v: %+v, %v", c.origin, c.proto, res, err)
			}
			if err == nil {
				_ = conn.CloseNow()
			}
		}
	}, allow)
}

func TestAPingOfSIPIsAnsweredOverWebSocket(t *testing.T) {
	runWS(t, func(r *rig) {
		p := r.page()
		p.send("\r\n")
		p.send("\r\n\r\n")
		if got := p.get(); got != "\r\n" {
			t.Errorf("answered %q", got)
		}
		p.options()
	})
}

func (p *page) options() {
	p.r.t.Helper()
	p.send(overWS((&phone{r: p.r, addr: "127.0.0.1:6001"}).dial("o1").request("OPTIONS", "", "")))
	p.expect("200 OPTIONS")
}

func TestAPageThatIsThereStaysAndOneThatIsGoneDoesNot(t *testing.T) {
	runWS(t, func(r *rig) {
		there, gone := r.page(), r.page() // riga-1, riga-2
		heard := make(chan string)
		go func() {
			defer close(heard)
			for { // whoever reads answers pings
				_, raw, err := there.conn.Read(r.t.Context())
				if err != nil {
					return
				}
				heard <- string(raw)
			}
		}()
		time.Sleep(5 * time.Minute)
		for _, c := range []struct{ flow, callID string }{{"riga-1", "out-1"}, {"riga-2", "out-2"}} {
			if _, err := r.ua.Invite(sipua.InviteRequest{CallID: c.callID, URI: "sip:a@b.invalid", Flow: c.flow}); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		r.told("ended transport 503") // the second one's
		if got := <-heard; !strings.HasPrefix(got, "INVITE") {
			t.Errorf("heard %q", got)
		}
		_, _ = there.conn.CloseNow(), gone.conn.CloseNow()
		<-heard
		r.told("ended transport 503")
	})
}

// frames is a client that writes its frames by hand.
func (r *rig) frames() *stream {
	r.t.Helper()
	s := &stream{r: r, conn: r.dialed(wsAddr)}
	s.in = bufio.NewReader(s.conn)
	s.send("GET / HTTP/1.1\r\nHost: " + wsAddr + "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
		"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: sip\r\n\r\n")
	res, err := http.ReadResponse(s.in, nil)
	if err != nil || res.StatusCode != http.StatusSwitchingProtocols {
		r.t.Fatal(res, err)
	}
	return s
}

// frame writes one; its mask is zero.
func (s *stream) frame(head byte, payload string) {
	s.r.t.Helper()
	size := binary.BigEndian.AppendUint64([]byte{head, 0x80 | 127}, uint64(len(payload)))
	s.send(string(size) + "\x00\x00\x00\x00" + payload)
}

// unframe reads one.
func (s *stream) unframe() (head byte, payload string, err error) {
	_ = s.conn.SetReadDeadline(time.Now().Add(time.Minute))
	b := make([]byte, 4)
	if _, err = io.ReadFull(s.in, b[:2]); err != nil {
		return 0, "", err
	}
	n := int(b[1])
	if n == 126 {
		if _, err = io.ReadFull(s.in, b[2:]); err != nil {
			return 0, "", err
		}
		n = int(binary.BigEndian.Uint16(b[2:]))
	}
	body := make([]byte, n)
	_, err = io.ReadFull(s.in, body)
	return b[0], string(body), err
}

func TestAMessageInFragmentsWithPingsBetweenIsOne(t *testing.T) {
	runWS(t, func(r *rig) {
		s := r.frames()
		raw := overWS((&phone{r: r, addr: "127.0.0.1:6001"}).dial("o1").request("OPTIONS", "", ""))
		s.frame(0x01, raw[:7])
		s.send("\x89\x82\x00\x00\x00\x00hi")
		if head, body, err := s.unframe(); head != 0x8a || body != "hi" || err != nil {
			t.Errorf("pong is %x %q %v", head, body, err)
		}
		s.frame(0x00, raw[7:100])
		s.frame(0x80, raw[100:])
		if _, body, err := s.unframe(); !strings.HasPrefix(body, "SIP/2.0 200") {
			t.Errorf("answer is %q %v", body, err)
		}
	})
}

func TestAWebSocketThatBreaksTheRulesIsClosed(t *testing.T) {
	big := strings.Repeat("x", 70000)
	for name, c := range map[string]struct {
		write func(*stream)
		code  uint16 // of the close frame; 0: none
		after time.Duration
	}{
		"too big":            {func(s *stream) { s.frame(0x81, big) }, 1009, 0},
		"too many fragments": {func(s *stream) { s.frame(0x01, big[:40000]); s.frame(0x80, big[:40000]) }, 1009, 0},
		"no end":             {func(s *stream) { s.frame(0x01, "OPTIONS") }, 0, 30 * time.Second},
		"a reserved bit":     {func(s *stream) { s.frame(0xf1, "OPTIONS") }, 1002, 0},
		"plain SIP":          {func(s *stream) { s.send("OPTIONS sip:100@127.0.0.1 SIP/2.0\r\n\r\n") }, 1002, 0},
	} {
		t.Run(name, func(t *testing.T) {
			runWS(t, func(r *rig) {
				s, start := r.frames(), time.Now()
				go func() {
					defer func() { _ = recover() }()
					c.write(&stream{r: r, conn: quietly{s.conn}})
				}()
				code := uint16(0)
				for {
					head, body, err := s.unframe()
					if isTimeout(err) {
						t.Fatal("it is still open")
					}
					if err != nil {
						break
					}
					if head == 0x88 && len(body) >= 2 {
						code = binary.BigEndian.Uint16([]byte(body))
						_ = s.conn.Close()
					}
				}
				if d := time.Since(start); code != c.code || d != c.after {
					t.Errorf("closed with %d after %v", code, d)
				}
			})
		})
	}
}

// quietly is a connection whose writes may fail: the other side closes it meanwhile.
type quietly struct{ net.Conn }

func (q quietly) Write(b []byte) (int, error) {
	_, _ = q.Conn.Write(b)
	return len(b), nil
}

func TestAWebSocketOverTLSOnLoopback(t *testing.T) {
	folder := t.TempDir()
	ua, err := sipua.New(sipua.Config{Certificate: pair(t, folder).Get, Listen: []sipua.Listen{{Network: "wss", Addr: "127.0.0.1:0"}}}, &peer{}, openDirectory{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- ua.Run(ctx) }()
	addr := strings.TrimPrefix(ua.Addrs()[0], "wss:")
	silent, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted(t, folder)}}
	defer transport.CloseIdleConnections()
	conn, _, err := websocket.Dial(ctx, "wss://"+addr, &websocket.DialOptions{HTTPClient: &http.Client{Transport: transport}, Subprotocols: []string{"sip"}})
	if err != nil {
		t.Fatal(err)
	}
	p := &page{&rig{t: t}, conn}
	p.options()
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, _, err := conn.Read(t.Context()); err == nil || errors.Is(err, context.Canceled) {
		t.Errorf("still open: %v", err)
	}
}

func TestAnHTTPServerTakesWebSocketsForTheUA(t *testing.T) {
	ua, err := sipua.New(sipua.Config{Listen: []sipua.Listen{{Network: "udp", Addr: "127.0.0.1:0"}}}, &peer{}, openDirectory{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- ua.Run(ctx) }()
	server := httptest.NewServer(ua.WebSocket())
	defer server.Close()
	dial := &websocket.DialOptions{HTTPClient: server.Client(), Subprotocols: []string{"sip"}}
	conn, _, err := websocket.Dial(ctx, server.URL, dial)
	if err != nil {
		t.Fatal(err)
	}
	p := &page{&rig{t: t}, conn}
	p.options()
	res, err := server.Client().Get(server.URL)
	if err != nil || res.StatusCode != http.StatusBadRequest {
		t.Fatalf("who only reads gets %v, %v", res, err)
	}
	_ = res.Body.Close()
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, _, err := conn.Read(t.Context()); err == nil || errors.Is(err, context.Canceled) {
		t.Errorf("still open: %v", err)
	}
	late, _, err := websocket.Dial(t.Context(), server.URL, dial)
	if err == nil {
		_, _, err = late.Read(t.Context())
	}
	if err == nil {
		t.Error("the UA is over and takes more")
	}
}
