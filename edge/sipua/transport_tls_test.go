package sipua_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/offhook/offhook/edge/certificate"
	"github.com/offhook/offhook/edge/sipua"
)

const tlsAddr = "127.0.0.1:5061"

// pair is a new self-made certificate in a folder, for 127.0.0.1 and further hosts.
func pair(t *testing.T, folder string, hosts ...string) *certificate.Pair {
	t.Helper()
	p, err := certificate.SelfMade(folder, append(hosts, "127.0.0.1"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// runTLS is run with a TLS listener, whose certificate lies in folder.
func runTLS(t *testing.T, test func(r *rig, folder string)) {
	folder := t.TempDir()
	run(t, func(r *rig) { test(r, folder) }, func(c *sipua.Config) {
		c.Listen = append(c.Listen, sipua.Listen{Network: "tls", Addr: tlsAddr})
		c.Certificate = pair(t, folder).Get
	})
}

func (r *rig) dialed(addr string) net.Conn {
	r.t.Helper()
	conn, err := r.net.DialContext(r.t.Context(), "tcp", addr)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// tls is a stream of a client that trusts the certificate in a folder.
func (r *rig) tls(folder string) *stream {
	r.t.Helper()
	conn := tls.Client(r.dialed(tlsAddr), &tls.Config{RootCAs: trusted(r.t, folder), ServerName: "127.0.0.1"})
	if err := conn.HandshakeContext(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	return &stream{r, conn, bufio.NewReader(conn)}
}

func overTLS(raw string) string {
	return strings.NewReplacer("SIP/2.0/UDP", "SIP/2.0/TLS", "sip:anna@127.0.0.1:6001>", "sip:anna@127.0.0.1:6001;transport=tls>").Replace(raw)
}

func TestACallOverTLSStaysOnItsConnection(t *testing.T) {
	runTLS(t, func(r *rig, folder string) {
		c := r.tls(folder)
		p := &phone{r: r, addr: "127.0.0.1:6001"}
		s := p.dial("t1")
		c.send(overTLS(s.request("INVITE", "", offerSDP)))
		c.expect("100 INVITE")
		d := r.dialog()
		d.Accept([]byte(ourSDP), nil)
		ok := s.learn(c.expect("200 INVITE"))
		if got := ok.Contact().Value(); !strings.Contains(got, "@"+tlsAddr+";transport=tls") {
			t.Errorf("Contact is %s", got)
		}
		c.send(overTLS(s.request("ACK", "", "")))
		d.Reoffer([]byte(ourSDP))
		again := c.expect("INVITE")
		if again.Via().Transport != "TLS" || again.Via().Port != 5061 {
			t.Errorf("re-INVITE is\n%s", again)
		}
		c.send(p.reply(again, 200, "", "", offerSDP))
		c.expect("ACK")
		c.send(overTLS(s.request("BYE", "", "")))
		c.expect("200 BYE")
		r.told("invite anna 100 sdp", "answered 200", "offer answered 200 sdp", "ended bye 0 remote")
	})
}

func TestACallOverTLSOutlivesNotItsConnection(t *testing.T) {
	runTLS(t, func(r *rig, folder string) {
		c := r.tls(folder)
		s := (&phone{r: r, addr: "127.0.0.1:6001"}).dial("t1")
		c.send(overTLS(s.request("INVITE", "", offerSDP)))
		c.expect("100 INVITE")
		d := r.dialog()
		d.Accept([]byte(ourSDP), nil)
		s.learn(c.expect("200 INVITE"))
		c.send(overTLS(s.request("ACK", "", "")))
		r.told("invite anna 100 sdp", "answered 200")
		_ = c.conn.Close()
		time.Sleep(time.Second)
		d.End(sipua.End{}) // nobody listens at the Contact
		time.Sleep(time.Minute)
		r.told("ended bye 408")
	})
}

func TestAClientWhoDoesNotShakeHandsHoldsUpNobody(t *testing.T) {
	for name, c := range map[string]struct {
		says  string
		after time.Duration
	}{
		"silent":          {"", 5 * time.Second},
		"half a hello":    {"\x16\x03\x01\x02\x00\x01\x00", 5 * time.Second},
		"plain SIP":       {"OPTIONS sip:100@127.0.0.1 SIP/2.0\r\n\r\n", 0},
		"an HTTP request": {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 0},
	} {
		t.Run(name, func(t *testing.T) {
			runTLS(t, func(r *rig, folder string) {
				start := time.Now()
				odd := r.dialed(tlsAddr)
				go func() { _, _ = odd.Write([]byte(c.says)) }()
				r.tls(folder).options()
				if d := time.Since(start); d != 0 {
					t.Errorf("another client waited %v", d)
				}
				_ = odd.SetReadDeadline(time.Now().Add(time.Minute))
				for err := error(nil); err == nil; { // an alert may come first
					if _, err = odd.Read(make([]byte, 100)); isTimeout(err) {
						t.Fatal("it is still open")
					}
				}
				if d := time.Since(start); d != c.after {
					t.Errorf("closed after %v", d)
				}
			})
		})
	}
}

// options is an exchange that shows that the stream works.
func (s *stream) options() {
	s.r.t.Helper()
	s.send(overTLS((&phone{r: s.r, addr: "127.0.0.1:6001"}).dial("o1").request("OPTIONS", "", "")))
	s.expect("200 OPTIONS")
}

func TestAChangedCertificateIsShownToTheNextWhoComes(t *testing.T) {
	runTLS(t, func(r *rig, folder string) {
		before := r.tls(folder)
		time.Sleep(400 * 24 * time.Hour) // it has expired by now
		if err := tls.Client(r.dialed(tlsAddr), &tls.Config{RootCAs: trusted(t, folder), ServerName: "127.0.0.1"}).HandshakeContext(r.t.Context()); err == nil {
			t.Error("an expired certificate was trusted")
		}
		pair(t, folder, "pbx.example") // the files are made anew
		time.Sleep(time.Second)
		r.tls(folder).options()
		_ = before.conn.Close()
	})
}

func trusted(t *testing.T, folder string) *x509.CertPool {
	t.Helper()
	roots := x509.NewCertPool()
	raw, err := os.ReadFile(filepath.Join(folder, "cert.pem"))
	if err != nil || !roots.AppendCertsFromPEM(raw) {
		t.Fatal(err)
	}
	return roots
}

// provider is a gateway's end of TLS.
func (r *rig) provider(p *certificate.Pair) net.Listener {
	r.t.Helper()
	ln, err := r.net.Listen("tcp", "127.0.0.1:7001")
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = ln.Close() })
	return tls.NewListener(ln, &tls.Config{GetCertificate: p.Get})
}

func gatewayOver(t *testing.T, host, ca string, test func(r *rig)) {
	gw := sipua.Gateway{Name: "demo/telia", Host: host, Transport: "tls", CA: ca, Username: "acme", Password: "pw"}
	runIn(t, openDirectory{gateways: []sipua.Gateway{gw}}, test, func(c *sipua.Config) { c.Listen = c.Listen[:1] })
}

func TestAGatewayIsCalledOverTLSByTheNameItHas(t *testing.T) {
	folder := t.TempDir()
	gatewayOver(t, "sip.telia.example:7001", filepath.Join(folder, "cert.pem"), func(r *rig) {
		ln := r.provider(pair(t, folder, "sip.telia.example"))
		if _, err := r.ua.Invite(sipua.InviteRequest{CallID: "out-1", URI: "sip:1@telia.example", Via: "tls:127.0.0.1:7001", Gateway: "demo/telia"}); err != nil {
			t.Fatal(err)
		}
		conn, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		c := &stream{r, conn, bufio.NewReader(conn)}
		m := c.expect("INVITE").(*sip.Request)
		if m.Via().Transport != "TLS" || !strings.Contains(m.Contact().Value(), ";transport=tls") {
			t.Errorf("INVITE is\n%s", m)
		}
		c.send((&phone{r: r, addr: "x"}).reply(m, 486, "b", "", ""))
		c.expect("ACK")
		r.told("ended refused 486 remote")
		_ = conn.Close()
	})
}

func TestAGatewayWithoutAGoodCertificateIsNotCalled(t *testing.T) {
	folder, other := t.TempDir(), t.TempDir()
	for name, c := range map[string]struct{ host, ca string }{
		"another name":      {"other.example:7001", filepath.Join(folder, "cert.pem")},
		"another authority": {"sip.telia.example:7001", filepath.Join(other, "cert.pem")},
		"the system's":      {"sip.telia.example:7001", ""},
		"no file":           {"sip.telia.example:7001", filepath.Join(other, "none.pem")},
		"no certificate":    {"sip.telia.example:7001", filepath.Join(other, "key.pem")},
	} {
		t.Run(name, func(t *testing.T) {
			gatewayOver(t, c.host, c.ca, func(r *rig) {
				pair(t, other)
				ln := r.provider(pair(t, folder, "sip.telia.example"))
				if _, err := r.ua.Invite(sipua.InviteRequest{CallID: "out-1", URI: "sip:1@telia.example", Via: "tls:127.0.0.1:7001", Gateway: "demo/telia"}); err != nil {
					t.Fatal(err)
				}
				conn, err := ln.Accept()
				if err != nil {
					t.Fatal(err)
				}
				if n, err := conn.Read(make([]byte, 1)); err == nil {
					t.Errorf("%d bytes came", n)
				}
				_ = conn.Close()
				r.told("ended transport 503")
			})
		})
	}
}

// Over real sockets: a pipe has no room for the alert that ends the handshake.
func TestWhyAGatewayIsNotReachedOverTLSIsTold(t *testing.T) {
	folder, other := t.TempDir(), t.TempDir()
	pair(t, other)
	ln, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{GetCertificate: pair(t, folder).Get})
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for conn, err := ln.Accept(); err == nil; conn, err = ln.Accept() {
			_, _ = conn.Read(make([]byte, 1))
			_ = conn.Close()
		}
	})
	gw := sipua.Gateway{Name: "demo/telia", Host: ln.Addr().String(), Transport: "tls", CA: filepath.Join(other, "cert.pem"), Username: "acme", Register: true}
	p := newPeer(t, folder, openDirectory{gateways: []sipua.Gateway{gw}})
	ctx, stop := context.WithCancel(t.Context())
	all.Go(func() { _ = p.ua.Run(ctx) })
	if err := <-p.gateway; err == nil || !strings.Contains(err.Error(), "unknown authority") {
		t.Errorf("told %v", err)
	}
	stop()
	_ = ln.Close()
	all.Wait()
}

func TestTLSWithoutACertificateIsRefused(t *testing.T) {
	_, err := sipua.New(sipua.Config{Listen: []sipua.Listen{{Network: "tls", Addr: "127.0.0.1:0"}}}, &peer{}, openDirectory{})
	if err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("New gives %v", err)
	}
}
