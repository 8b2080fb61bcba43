package sipua_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/offhook/offhook/edge/edgetest"
	"github.com/offhook/offhook/edge/sipua"
)

const (
	edgeAddr = "127.0.0.1:5060"
	offerSDP = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\n"
	ourSDP   = "v=0\r\no=- 9 9 IN IP4 127.0.0.1\r\ns=-\r\n"
)

// rig is a UA on a network in memory, inside a synctest bubble, and what its handler was told.
type rig struct {
	t    *testing.T
	net  *edgetest.Net
	ua   *sipua.UA
	over chan struct{} // closed at the end of the test

	mu       sync.Mutex
	said     []string
	changes  []sipua.BindingChange
	onInvite func(*sipua.Dialog, sipua.Invite)
	onDialog func(*sipua.Dialog, sipua.DialogEvent)
	last     *sipua.Dialog
}

var kinds = map[sipua.DialogEventKind]string{
	sipua.Progress: "progress", sipua.Answered: "answered", sipua.Offer: "offer",
	sipua.OfferAnswered: "offer answered", sipua.Info: "info", sipua.Ended: "ended",
	sipua.Referred: "referred", sipua.Notified: "notified", sipua.Adrift: "adrift",
}

var whys = map[sipua.EndWhy]string{
	sipua.EndBye: "bye", sipua.EndCancel: "cancel", sipua.EndRefused: "refused", sipua.EndTimeout: "timeout",
	sipua.EndNoAck: "no ack", sipua.EndTransport: "transport", sipua.EndExpired: "expired", sipua.EndLost: "lost",
}

func (r *rig) OnInvite(d *sipua.Dialog, in sipua.Invite) {
	replaces := ""
	if in.Replaces != nil {
		replaces = " replaces"
	}
	r.note(d, "invite "+in.From+" "+in.To+sdpMark(in.SDP)+replaces)
	if r.onInvite != nil {
		r.onInvite(d, in)
	}
}

func (r *rig) OnDialog(d *sipua.Dialog, ev sipua.DialogEvent) {
	s := kinds[ev.Kind]
	switch ev.Kind {
	case sipua.Ended:
		s += fmt.Sprintf(" %s %d", whys[ev.End.Why], ev.End.Code)
		if ev.End.Remote {
			s += " remote"
		}
	case sipua.Info:
		s += " " + ev.ContentType + " " + string(ev.Body)
	case sipua.Offer:
		s += sdpMark(ev.SDP)
	case sipua.Referred:
		s += " " + ev.Refer.User
		if !ev.Refer.Local {
			s += " at " + ev.Refer.Host
		}
		if ev.Refer.Replaces != nil {
			s += " replaces"
		}
	default:
		s += fmt.Sprintf(" %d", ev.Code) + sdpMark(ev.SDP)
	}
	if ev.Forked {
		s += " forked"
	}
	r.note(d, s)
	if r.onDialog != nil {
		r.onDialog(d, ev)
	}
}

func sdpMark(sdp []byte) string {
	if sdp == nil {
		return ""
	}
	return " sdp"
}

func (r *rig) OnBinding(_ sipua.Binding, change sipua.BindingChange) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.changes = append(r.changes, change)
}

// bound gives how registrations have changed.
func (r *rig) bound() []sipua.BindingChange {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.changes
}
func (r *rig) OnGateway(string, bool, error) {}

func (r *rig) note(d *sipua.Dialog, s string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.said, r.last = append(r.said, s), d
}

// told compares what the handler was told since the last time.
func (r *rig) told(want ...string) {
	r.t.Helper()
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Equal(r.said, want) {
		r.t.Errorf("told\n  %s\nwant\n  %s", strings.Join(r.said, "\n  "), strings.Join(want, "\n  "))
	}
	r.said = nil
}

// dialog that spoke last.
func (r *rig) dialog() *sipua.Dialog {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last
}

// open is a directory that lets everybody on loopback in.
type openDirectory struct {
	gateways []sipua.Gateway
	users    map[string]string // passwords
}

func (openDirectory) Tenant(string) (string, string, bool) { return "demo", "demo.test", true }
func (d openDirectory) IsUser(_, name string) bool         { return d.users[name] != "" }
func (d openDirectory) Password(_, name string) (string, string, bool) {
	return d.users[name], "", d.users[name] != ""
}
func (d openDirectory) Gateways() []sipua.Gateway { return d.gateways }
func (openDirectory) Trusted(netip.Addr) bool     { return true }
func (openDirectory) TrunkByAddress(src netip.Addr, _ string) (string, string, bool) {
	return "demo", "local", src.IsLoopback()
}

// run gives test a UA in a bubble, and checks that nothing is left when it is done.
func run(t *testing.T, test func(*rig), change ...func(*sipua.Config)) {
	runIn(t, openDirectory{gateways: []sipua.Gateway{{Name: "demo/telia", Host: "127.0.0.1:7001", Username: "acme", Password: "pw"}}}, test, change...)
}

func runIn(t *testing.T, dir sipua.Directory, test func(*rig), change ...func(*sipua.Config)) {
	synctest.Test(t, func(t *testing.T) {
		r := &rig{t: t, net: edgetest.NewNet(), over: make(chan struct{})}
		cfg := sipua.Config{
			Listen: []sipua.Listen{{Network: "udp", Addr: edgeAddr}, {Network: "tcp", Addr: edgeAddr}},
			Node:   "riga", Secret: []byte("secret"),
			ListenPacket: r.net.ListenPacket, ListenTCP: r.net.Listen, DialTCP: r.net.DialContext,
			Lookup: func(context.Context, string) ([]netip.Addr, error) {
				return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
			},
		}
		for _, c := range change {
			c(&cfg)
		}
		var err error
		if r.ua, err = sipua.New(cfg, r, dir); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- r.ua.Run(ctx) }()
		defer func() {
			close(r.over)
			stop()
			if err := <-done; err != nil {
				t.Errorf("Run: %v", err)
			}
			if n := r.ua.Dialogs(); n != 0 {
				t.Errorf("%d dialogs left", n)
			}
		}()
		test(r)
	})
}

// phone is a UDP endpoint whose every message the test writes.
type phone struct {
	r    *rig
	addr string
	conn net.PacketConn
}

func (r *rig) phone(addr string) *phone {
	conn, err := r.net.ListenPacket("udp", addr)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = conn.Close() })
	return &phone{r, addr, conn}
}

func (p *phone) send(raw string) {
	p.r.t.Helper()
	to := net.UDPAddrFromAddrPort(netip.MustParseAddrPort(edgeAddr))
	if _, err := p.conn.WriteTo([]byte(raw), to); err != nil {
		p.r.t.Fatal(err)
	}
}

// get gives the next message within d of virtual time, or nil.
func (p *phone) get(d time.Duration) sip.Message {
	buf := make([]byte, 65535)
	_ = p.conn.SetReadDeadline(time.Now().Add(d))
	n, _, err := p.conn.ReadFrom(buf)
	if err != nil {
		return nil
	}
	m, err := sip.ParseMessage(buf[:n])
	if err != nil {
		p.r.t.Fatalf("bad message from the edge: %v\n%s", err, buf[:n])
	}
	return m
}

func summary(m sip.Message) string {
	switch m := m.(type) {
	case *sip.Request:
		return string(m.Method)
	case *sip.Response:
		return fmt.Sprintf("%d %s", m.StatusCode, m.CSeq().MethodName)
	}
	return "nothing"
}

// expect takes messages that must be these, and gives the last.
func (p *phone) expect(wants ...string) sip.Message {
	p.r.t.Helper()
	var m sip.Message
	for _, want := range wants {
		m = p.get(time.Minute)
		if got := summary(m); got != want {
			p.r.t.Fatalf("phone %s got %s, want %s\n%v", p.addr, got, want, m)
		}
	}
	return m
}

// quiet fails if anything comes within d.
func (p *phone) quiet(d time.Duration) {
	p.r.t.Helper()
	if m := p.get(d); m != nil {
		p.r.t.Fatalf("phone %s got %s, want silence\n%v", p.addr, summary(m), m)
	}
}

// side is one end of a dialog as the phone sees it.
type side struct {
	p                     *phone
	callID, local, remote string
	target                string
	cseq                  int
}

func (p *phone) dial(callID string) *side {
	return &side{
		p: p, callID: callID, local: "<sip:anna@127.0.0.1>;tag=" + callID + "-a", remote: "<sip:100@127.0.0.1>", target: "sip:100@" + edgeAddr,
	}
}

// request renders one of the side's requests, with the next CSeq unless it is ACK or CANCEL.
func (s *side) request(method, headers, body string) string {
	if method != "ACK" && method != "CANCEL" {
		s.cseq++
	}
	return s.requestAs(method, s.cseq, fmt.Sprintf("z9hG4bK-%s-%d-%s", s.callID, s.cseq, method), headers, body)
}

func (s *side) requestAs(method string, cseq int, branch, headers, body string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=%s;rport\r\n", method, s.target, s.p.addr, branch)
	fmt.Fprintf(&b, "Max-Forwards: 70\r\nFrom: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %d %s\r\n", s.local, s.remote, s.callID, cseq, method)
	if method != "ACK" && method != "CANCEL" && method != "BYE" {
		fmt.Fprintf(&b, "Contact: <sip:anna@%s>\r\n", s.p.addr)
	}
	if body != "" && !strings.Contains(headers, "Content-Type") {
		b.WriteString("Content-Type: application/sdp\r\n")
	}
	fmt.Fprintf(&b, "%sContent-Length: %d\r\n\r\n%s", headers, len(body), body)
	return b.String()
}

// learn takes tag and target from a response.
func (s *side) learn(m sip.Message) *sip.Response {
	res := m.(*sip.Response)
	s.remote = res.To().Value()
	if c := res.Contact(); c != nil {
		s.target = c.Address.String()
	}
	return res
}

// reply renders a response of the phone to a request of the edge; tag goes into To.
func (p *phone) reply(m sip.Message, code int, tag, headers, body string) string {
	req := m.(*sip.Request)
	to := req.To().Value()
	if tag != "" && !strings.Contains(to, "tag=") {
		to += ";tag=" + tag
	}
	var b strings.Builder
	fmt.Fprintf(&b, "SIP/2.0 %d Some Phrase\r\n%s\r\n%s\r\nTo: %s\r\n", code, req.Via(), req.From(), to)
	fmt.Fprintf(&b, "%s\r\n%s\r\nContact: <sip:bob@%s>\r\n", req.CallID(), req.CSeq(), p.addr)
	if body != "" {
		b.WriteString("Content-Type: application/sdp\r\n")
	}
	fmt.Fprintf(&b, "%sContent-Length: %d\r\n\r\n%s", headers, len(body), body)
	return b.String()
}

// answering gives the side of a phone that was called and has answered.
func (p *phone) answering(m sip.Message, tag string) *side {
	req := m.(*sip.Request)
	return &side{
		p: p, callID: req.CallID().Value(), local: req.To().Value() + ";tag=" + tag, remote: req.From().Value(),
		target: req.Contact().Address.String(), cseq: 100,
	}
}

// established makes an inbound call that is answered and acknowledged.
func (r *rig) established(p *phone, callID, headers string) *side {
	r.t.Helper()
	s := p.dial(callID)
	p.send(s.request("INVITE", headers, offerSDP))
	p.expect("100 INVITE")
	r.dialog().Accept([]byte(ourSDP), nil)
	s.learn(p.expect("200 INVITE"))
	p.send(s.request("ACK", "", ""))
	r.told("invite anna 100 sdp", "answered 200")
	return s
}

// called makes an outbound call that is answered and acknowledged.
func (r *rig) called(p *phone, callID, headers string) (*sipua.Dialog, *side) {
	r.t.Helper()
	d := r.invite(p, callID)
	m := p.expect("INVITE")
	p.send(p.reply(m, 200, "b", headers, offerSDP))
	p.expect("ACK")
	r.told("answered 200 sdp")
	return d, p.answering(m, "b")
}

func (r *rig) invite(p *phone, callID string) *sipua.Dialog {
	r.t.Helper()
	d, err := r.ua.Invite(sipua.InviteRequest{
		CallID: callID, URI: "sip:bob@" + p.addr, Via: "udp:" + p.addr, FromUser: "100", FromName: "Edge", SDP: []byte(ourSDP),
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return d
}

// closed tells whether the test is over for this phone.
func (p *phone) closed() bool {
	select {
	case <-p.r.over:
		return true
	default:
		return false
	}
}

func (p *phone) trySend(raw string) {
	_, _ = p.conn.WriteTo([]byte(raw), net.UDPAddrFromAddrPort(netip.MustParseAddrPort(edgeAddr)))
}
