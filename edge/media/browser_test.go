package media

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/offhook/offhook/edge/media/dtls"
	"github.com/offhook/offhook/edge/media/ice"
	"github.com/offhook/offhook/edge/media/rtcp"
	"github.com/offhook/offhook/edge/media/srtp"
	piondtls "github.com/pion/dtls/v3"
	"github.com/pion/dtls/v3/pkg/crypto/selfsign"
	pion "github.com/pion/srtp/v3"
	"github.com/pion/stun/v3"
	"github.com/pion/transport/v4/packetio"
)

// browser is a party whose DTLS and STUN are pion's.
type browser struct {
	*locked
	cert tls.Certificate
	dtls atomic.Pointer[packetio.Buffer] // what comes to its DTLS
	stun chan []byte
	rtp  chan datagram
	conn *piondtls.Conn
}

// browser opens an endpoint with a party to which nothing was said yet. done ends it.
func (r *rig) browser(p Profile) (b *browser, done func()) {
	r.Helper()
	cert, err := selfsign.GenerateSelfSigned()
	if err != nil {
		r.Fatal(err)
	}
	b = &browser{locked: &locked{phone: r.unanswered(p)}, cert: cert, stun: make(chan []byte, 16), rtp: make(chan datagram, 4096)}
	b.anew()
	real := b.sock
	read := make(chan bool)
	go func() {
		defer close(read)
		b.read(real)
	}()
	b.phone.sock = &memSock{net: real.net, addr: real.addr, in: b.rtp, closed: real.closed}
	return b, func() {
		if b.conn != nil {
			_ = b.conn.Close()
		}
		_ = real.Close()
		<-read
		_ = b.dtls.Load().Close()
	}
}

// anew lets another association begin.
func (b *browser) anew() { b.dtls.Store(packetio.NewBuffer()) }

// read sorts what comes (RFC 7983).
func (b *browser) read(sock *memSock) {
	for {
		select {
		case <-sock.closed:
			return
		case d := <-sock.in:
			switch {
			case d.b[0] < 4:
				b.stun <- d.b
			case d.b[0] < 64:
				_, _ = b.dtls.Load().Write(d.b)
			default:
				b.rtp <- d
			}
		}
	}
}

// The methods of a net.PacketConn, for pion.
func (b *browser) ReadFrom(p []byte) (int, net.Addr, error) {
	n, err := b.dtls.Load().Read(p)
	return n, b.LocalAddr(), err
}
func (b *browser) WriteTo(p []byte, _ net.Addr) (int, error) {
	b.put(p)
	return len(p), nil
}
func (b *browser) Close() error                      { return nil }
func (b *browser) LocalAddr() net.Addr               { return &net.UDPAddr{} }
func (b *browser) SetDeadline(t time.Time) error     { return b.dtls.Load().SetReadDeadline(t) }
func (b *browser) SetReadDeadline(t time.Time) error { return b.dtls.Load().SetReadDeadline(t) }
func (b *browser) SetWriteDeadline(time.Time) error  { return nil }

func (b *browser) print() string { return printOf(b.cert.Certificate[0]) }

func printOf(der []byte) string {
	sum := sha256.Sum256(der)
	var parts []string
	for _, v := range sum {
		parts = append(parts, strings.ToUpper(hex.EncodeToString([]byte{v})))
	}
	return "a=fingerprint:sha-256 " + strings.Join(parts, ":") + "\r\n"
}

const (
	savpf   = "m=audio %d UDP/TLS/RTP/SAVPF 0 101\r\na=rtpmap:101 telephone-event/8000\r\n"
	iceSays = "a=mid:a0\r\na=ice-ufrag:them\r\na=ice-pwd:0123456789012345678901\r\na=rtcp-mux\r\na=rtcp-rsize\r\na=ice-options:trickle\r\n"
)

// sdp is what a browser says: no address yet, and everything in a bundle.
func (b *browser) sdp(attributes ...string) []byte {
	return []byte("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE a0 v0\r\n" +
		strings.Replace(fmt.Sprintf(savpf, 9), "\r\n", "\r\nc=IN IP4 0.0.0.0\r\n", 1) + strings.Join(attributes, ""))
}

// shake runs the handshake and takes its keys.
func (b *browser) shake(client bool, profiles ...piondtls.SRTPProtectionProfile) error {
	if profiles == nil {
		profiles = []piondtls.SRTPProtectionProfile{piondtls.SRTP_AEAD_AES_128_GCM, piondtls.SRTP_AES128_CM_HMAC_SHA1_80}
	}
	var err error
	if client {
		b.conn, err = piondtls.ClientWithOptions(b, b.LocalAddr(), piondtls.WithCertificates(b.cert), piondtls.WithInsecureSkipVerify(true),
			piondtls.WithSRTPProtectionProfiles(profiles...))
	} else {
		b.conn, err = piondtls.ServerWithOptions(b, b.LocalAddr(), piondtls.WithCertificates(b.cert), piondtls.WithInsecureSkipVerify(true),
			piondtls.WithSRTPProtectionProfiles(profiles...), piondtls.WithClientAuth(piondtls.RequireAnyClientCert))
	}
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(b.r.Context(), 20*time.Second)
	defer cancel()
	if err := b.conn.HandshakeContext(ctx); err != nil {
		return err
	}
	return b.take(client)
}

// take exports the keys as pion's own sessions do.
func (b *browser) take(client bool) error {
	state, _ := b.conn.ConnectionState()
	profile, _ := b.conn.SelectedSRTPProtectionProfile()
	c := pion.Config{Profile: pion.ProtectionProfile(profile)}
	if err := c.ExtractSessionKeysFromDTLS(&state, client); err != nil {
		return err
	}
	var err error
	if b.seal, err = pion.CreateContext(c.Keys.LocalMasterKey, c.Keys.LocalMasterSalt, c.Profile); err == nil {
		b.open, err = pion.CreateContext(c.Keys.RemoteMasterKey, c.Keys.RemoteMasterSalt, c.Profile)
	}
	return err
}

// shakes lets pion's half of a handshake go on while the endpoint makes its own, and says how both ended.
func (b *browser) shakes(client bool, profiles ...piondtls.SRTPProtectionProfile) error {
	err := b.shake(client, profiles...)
	time.Sleep(time.Second)
	return err
}

var iceName = regexp.MustCompile(`a=ice-ufrag:(\S+)\r\na=ice-pwd:(\S+)\r\n`)

// agentOf is who answers checks, by our description.
func (r *rig) agentOf(sdp []byte) ice.Agent {
	r.Helper()
	m := iceName.FindSubmatch(sdp)
	if m == nil {
		r.Fatalf("no ICE:\n%s", sdp)
	}
	return ice.Agent{Ufrag: string(m[1]), Pwd: string(m[2])}
}

// check sends a check; it is true when it was answered well.
func (b *browser) check(a ice.Agent, nominate bool) bool {
	b.r.Helper()
	setters := []stun.Setter{stun.BindingRequest, stun.TransactionID, stun.NewUsername(a.Ufrag + ":them"),
		stun.RawAttribute{Type: stun.AttrICEControlling, Value: make([]byte, 8)}}
	if nominate {
		setters = append(setters, stun.RawAttribute{Type: stun.AttrUseCandidate})
	}
	m, err := stun.Build(append(setters, stun.NewShortTermIntegrity(a.Pwd), stun.Fingerprint)...)
	if err != nil {
		b.r.Fatal(err)
	}
	b.put(m.Raw)
	select {
	case reply := <-b.stun:
		got := &stun.Message{Raw: reply}
		return got.Decode() == nil && got.Type == stun.BindingSuccess && got.TransactionID == m.TransactionID
	case <-time.After(time.Second):
		return false
	}
}

func mustHave(t *testing.T, sdp []byte, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(string(sdp), p) {
			t.Errorf("no %q in\n%s", p, sdp)
		}
	}
}

func TestABrowserCallsAndBothHear(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		a := r.phone(onlyU)
		b, done := r.browser(Profile{})
		defer done()
		video := "m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:v0\r\n"
		answer, n, err := b.end.Answer(b.sdp(iceSays, b.print(), "a=setup:actpass\r\n", video))
		if err != nil || n.Held {
			r.Fatal(n, err)
		}
		mustHave(t, answer, "a=group:BUNDLE a0\r\na=ice-lite\r\n", "UDP/TLS/RTP/SAVPF 0 101\r\n", "a=setup:passive\r\n", "a=rtcp-mux\r\n", "a=mid:a0\r\n",
			printOf(r.certificate()), "m=video 0 UDP/TLS/RTP/SAVPF 96\r\na=mid:v0\r\n", "a=end-of-candidates\r\n",
			fmt.Sprintf("a=candidate:1 1 UDP 2130706431 127.0.0.1 %d typ host\r\n", b.end.Port()))
		bridge(a, b.phone)
		a.talk(9, 3) // before there are keys nothing goes
		if !b.check(r.agentOf(answer), true) {
			r.Fatal("check not answered")
		}
		if !b.end.AwaitsKeys() {
			r.Error("no keys are awaited")
		}
		if err := b.shakes(true); err != nil {
			r.Fatal(err)
		}
		a.talk(1, 5)
		b.talk(2, 5)
		r.all(b.hears(), 5, 1)
		r.all(a.hears(), 5, 2)
		if s := b.end.Stats(); s.Encryption != DTLS || s.Refused != 0 {
			r.Errorf("%+v", s)
		}
		// The session is offered again as it is.
		again := b.end.Offer()
		mustHave(t, again, "a=setup:actpass\r\n", "a=ice-ufrag:"+r.agentOf(answer).Ufrag, "UDP/TLS/RTP/SAVPF 0 8 9 101\r\n", "a=mid:a0\r\n")
		if ev := b.told(); len(ev) != 1 || ev[0].Kind != Keyed || b.end.AwaitsKeys() {
			r.Errorf("%v", ev)
		}
	})
}

// certificate that the engine shows.
func (r *rig) certificate() []byte { return r.eng.identity.DER() }

func TestABrowserIsCalledInEitherRole(t *testing.T) {
	for setup, client := range map[string]bool{"active": true, "passive": false} {
		inBubble(t, nil, func(r *rig) {
			a := r.phone(onlyA)
			b, done := r.browser(Profile{Browser: true})
			defer done()
			offer := b.end.Offer()
			mustHave(t, offer, "a=group:BUNDLE 0\r\na=ice-lite\r\n", "UDP/TLS/RTP/SAVPF 0 8 9 101\r\n", "a=setup:actpass\r\n", "a=mid:0\r\n", "a=rtcp-mux\r\n",
				printOf(r.certificate()))
			if !b.check(r.agentOf(offer), false) { // its check is faster than its answer
				r.Fatal("check not answered")
			}
			if _, err := b.end.Accept(b.sdp(iceSays, b.print(), "a=setup:"+setup+"\r\n")); err != nil {
				r.Fatal(err)
			}
			if err := b.shakes(client); err != nil {
				r.Fatal(err)
			}
			bridge(a, b.phone)
			a.talk(1, 5)
			b.talk(2, 5)
			if got := b.hears(); len(got) != 5 {
				r.Errorf("%d packets", len(got))
			}
			if got := a.hears(); len(got) != 5 {
				r.Errorf("%d packets", len(got))
			}
		})
	}
}

func TestEverySuiteOfDTLS(t *testing.T) {
	for _, p := range []piondtls.SRTPProtectionProfile{piondtls.SRTP_AEAD_AES_256_GCM, piondtls.SRTP_AEAD_AES_128_GCM,
		piondtls.SRTP_AES128_CM_HMAC_SHA1_80, piondtls.SRTP_AES128_CM_HMAC_SHA1_32} {
		inBubble(t, nil, func(r *rig) {
			a := r.phone(onlyU)
			b, done := r.browser(Profile{})
			defer done()
			b.withoutICE("a=setup:active\r\n", "a=rtcp-mux\r\n")
			if err := b.shakes(true, p); err != nil {
				r.Fatal(err)
			}
			bridge(a, b.phone)
			a.talk(1, 2)
			b.talk(2, 2)
			r.all(b.hears(), 2, 1)
			r.all(a.hears(), 2, 2)
		})
	}
}

// withoutICE has the endpoint answer a phone's offer of DTLS.
func (b *browser) withoutICE(attributes ...string) []byte {
	b.r.Helper()
	answer, _, err := b.end.Answer(b.sdpOf("m=audio %d UDP/TLS/RTP/SAVP 0\r\n", append(attributes, b.print())...))
	if err != nil {
		b.r.Fatal(err)
	}
	return answer
}

func TestAnotherCertificateThanToldEndsTheMedia(t *testing.T) {
	for _, client := range []bool{true, false} {
		inBubble(t, nil, func(r *rig) {
			a := r.phone(onlyU)
			b, done := r.browser(Profile{})
			defer done()
			other, err := selfsign.GenerateSelfSigned()
			if err != nil {
				r.Fatal(err)
			}
			b.cert, other = other, b.cert
			setup := map[bool]string{true: "active", false: "passive"}[client]
			if _, _, err := b.end.Answer(b.sdpOf("m=audio %d UDP/TLS/RTP/SAVP 0\r\n", "a=rtcp-mux\r\na=setup:"+setup+"\r\n", printOf(other.Certificate[0]))); err != nil {
				r.Fatal(err)
			}
			bridge(a, b.phone)
			_ = b.shakes(client)
			a.talk(1, 3)
			if len(b.rtp) != 0 {
				r.Error("sent to somebody else")
			}
			ev := b.told()
			if len(ev) != 1 || ev[0].Kind != KeysFailed || !errors.Is(ev[0].Err, dtls.ErrFingerprint) {
				r.Errorf("%v", ev)
			}
		})
	}
}

func TestNoSRTPInTheHandshakeEndsTheMedia(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		b, done := r.browser(Profile{})
		defer done()
		b.withoutICE("a=setup:active\r\n", "a=rtcp-mux\r\n")
		_ = b.shakes(true, piondtls.SRTP_NULL_HMAC_SHA1_80)
		if ev := b.told(); len(ev) != 1 || ev[0].Kind != KeysFailed || ev[0].Err == nil {
			r.Errorf("%v", ev)
		}
	})
}

func TestAHandshakeThatNeverComesOrStopsIsTold(t *testing.T) {
	inBubble(t, func(c *Config) { c.Silence = time.Minute }, func(r *rig) {
		b, done := r.browser(Profile{})
		defer done()
		b.withoutICE("a=setup:active\r\n", "a=rtcp-mux\r\n")
		time.Sleep(keysWithin - time.Second)
		if ev := b.told(); len(ev) != 0 {
			r.Errorf("%v", ev)
		}
		time.Sleep(2 * time.Second)
		if ev := b.told(); len(ev) != 1 || ev[0].Kind != KeysFailed || !errors.Is(ev[0].Err, ErrNoHandshake) {
			r.Errorf("%v", ev)
		}
		b.withoutICE("a=setup:passive\r\n", "a=rtcp-mux\r\n") // it is to wait, we begin, and nobody answers
		time.Sleep(shakeWithin + time.Second)
		if ev := b.told(); len(ev) != 1 || ev[0].Kind != KeysFailed || errors.Is(ev[0].Err, ErrNoHandshake) {
			r.Errorf("%v", ev)
		}
	})
}

func TestHandshakesAreBounded(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		b, done := r.browser(Profile{})
		defer done()
		b.withoutICE("a=setup:active\r\n", "a=rtcp-mux\r\n")
		r.eng.shaking.Store(maxShaking)
		time.AfterFunc(3*time.Second, func() { r.eng.shaking.Store(0) })
		began := time.Now()
		if err := b.shakes(true); err != nil || time.Since(began) < 3*time.Second {
			r.Errorf("%v after %v", err, time.Since(began))
		}
		if n := r.eng.shaking.Load(); n != 0 {
			r.Errorf("%d handshakes go on", n)
		}
	})
}

func TestARefreshKeepsTheAssociationAndANewCertificateMakesOne(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		a := r.phone(onlyU)
		b, done := r.browser(Profile{})
		defer done()
		b.withoutICE("a=setup:actpass\r\n", "a=rtcp-mux\r\n")
		if err := b.shakes(true); err != nil {
			r.Fatal(err)
		}
		bridge(a, b.phone)
		a.talk(1, 2)
		mustHave(t, b.withoutICE("a=setup:actpass\r\n", "a=rtcp-mux\r\n"), "a=setup:passive\r\n")
		a.talk(1, 2)
		b.talk(2, 2)
		r.all(b.hears(), 4, 1)
		r.all(a.hears(), 2, 2)

		time.Sleep(2 * lingers) // the connection is gone, the sound goes on
		a.talk(3, 2)
		if got := b.hears(); len(got) != 2 {
			r.Errorf("%d packets", len(got))
		}
		_ = b.conn.Close()
		b.anew()
		cert, err := selfsign.GenerateSelfSigned()
		if err != nil {
			r.Fatal(err)
		}
		b.cert = cert
		b.withoutICE("a=setup:active\r\n", "a=rtcp-mux\r\n")
		a.talk(9, 2)
		if len(b.rtp) != 0 {
			r.Error("sent with the keys of the certificate before")
		}
		if err := b.shakes(true); err != nil {
			r.Fatal(err)
		}
		a.talk(4, 2)
		if got := b.hears(); len(got) != 2 || got[0].Payload[0] != 4 {
			r.Errorf("%d packets", len(got))
		}
	})
}

func TestChecksOfOthersMoveNothing(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		a := r.phone(onlyU)
		b, done := r.browser(Profile{})
		defer done()
		answer, _, err := b.end.Answer(b.sdp(iceSays, line(1, srtp.Suites[0], 1), "a=setup:actpass\r\n"))
		if !errors.Is(err, ErrNoEncryption) || answer != nil { // UDP/TLS without a fingerprint
			r.Fatalf("%v\n%s", err, answer)
		}
		answer, _, err = b.end.Answer([]byte(strings.Replace(string(b.sdp(iceSays)), "UDP/TLS/RTP/SAVPF", "RTP/AVPF", 1)))
		if err != nil {
			r.Fatal(err)
		}
		bridge(a, b.phone)
		agent := r.agentOf(answer)
		thief, doneThief := r.browser(Profile{})
		defer doneThief()
		thief.peer = b.peer
		wrong := agent
		wrong.Pwd = strings.Repeat("x", len(agent.Pwd))
		if thief.check(wrong, true) {
			r.Error("another's check is answered")
		}
		thief.say(7)
		a.talk(1, 2)
		if len(thief.rtp) != 0 || len(a.hears()) != 0 {
			r.Error("a stranger takes part")
		}
		if n := b.end.Stats().Refused; n != 2 {
			r.Errorf("%d refused", n)
		}
		if !b.check(agent, false) {
			r.Fatal("check not answered")
		}
		a.talk(1, 2)
		if len(b.rtp) != 2 {
			r.Errorf("%d packets to the first place that was seen", len(b.rtp))
		}
		// The party moves: it nominates another address, where the old one is still heard.
		if !thief.check(agent, true) {
			r.Fatal("check not answered")
		}
		a.talk(1, 2)
		if len(b.rtp) != 2 || len(thief.rtp) != 2 {
			r.Errorf("%d and %d packets", len(b.rtp), len(thief.rtp))
		}
	})
}

func TestICEBeginsAnewWhenTheOtherSideSays(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		b, done := r.browser(Profile{})
		defer done()
		plainICE := func(ufrag string) ice.Agent {
			text := strings.Replace(string(b.sdp(iceSays)), "UDP/TLS/RTP/SAVPF", "RTP/AVPF", 1)
			answer, _, err := b.end.Answer([]byte(strings.Replace(text, "ufrag:them", "ufrag:"+ufrag, 1)))
			if err != nil {
				r.Fatal(err)
			}
			return r.agentOf(answer)
		}
		first, same, anew := plainICE("them"), plainICE("them"), plainICE("anew")
		if first != same || first == anew || first.Pwd == anew.Pwd {
			r.Error(first, same, anew)
		}
	})
}

func TestWithoutMuxBothPortsAreCheckedAndKeyed(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		a := r.phone(onlyU)
		b, done := r.browser(Profile{})
		defer done()
		says := strings.Replace(iceSays, "a=rtcp-mux\r\n", "", 1)
		answer, _, err := b.end.Answer(b.sdp(says, b.print(), "a=setup:active\r\n"))
		if err != nil {
			r.Fatal(err)
		}
		mustHave(t, answer, "a=candidate:1 1 UDP 2130706431 ", fmt.Sprintf("a=candidate:1 2 UDP 2130706430 127.0.0.1 %d typ host\r\n", b.end.Port()+1))
		agent := r.agentOf(answer)
		rtp := b.peer
		b.peer = netip.AddrPortFrom(rtp.Addr(), rtp.Port()+1)
		if !b.check(agent, true) {
			r.Fatal("no answer on the port of RTCP")
		}
		if err := b.shakes(true); err != nil {
			r.Fatal(err)
		}
		reports := b.open
		b.peer = rtp
		if !b.check(agent, true) {
			r.Fatal("no answer")
		}
		_ = b.conn.Close()
		b.anew()
		if err := b.shakes(true); err != nil {
			r.Fatal(err)
		}
		bridge(a, b.phone)
		a.talk(1, 400)
		seen := 0
		for len(b.rtp) > 0 {
			if d := <-b.rtp; rtcp.Is(d.b) {
				if _, err := reports.DecryptRTCP(nil, d.b, nil); err != nil || d.from.Port() != rtp.Port()+1 {
					r.Error(err, d.from)
				}
				seen++
			}
		}
		if seen == 0 {
			r.Error("no reports")
		}
	})
}

// What a description without candidates says is an address like any other when nobody checks: both are lite.
func TestTwoLiteAgentsUseWhatTheySay(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		a, b := r.phone(onlyU), r.phone(onlyU)
		text := bytes.Replace(b.sdpOf(onlyU, iceSays), []byte("t=0 0"), []byte("t=0 0\r\na=ice-lite"), 1)
		b.offer(text)
		bridge(a, b)
		a.talk(1, 2)
		b.talk(2, 2)
		if x, y := a.hears(), b.hears(); len(x) != 2 || len(y) != 2 {
			r.Error(len(x), len(y))
		}
	})
}
