package sipua_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/offhook/offhook/edge/sipua"
)

func TestAGatewayIsRegisteredAtOverTheWire(t *testing.T) {
	dir := openDirectory{gateways: []sipua.Gateway{{Name: "demo/telia", Host: "127.0.0.1:7001", Username: "acme", Password: "pw", Register: true}}}
	var p *phone
	runIn(t, dir, func(r *rig) {
		p = r.phone("127.0.0.1:7001")
		challenge := "WWW-Authenticate: Digest realm=\"telia\", nonce=\"n1\", algorithm=MD5, qop=\"auth\"\r\n"
		m := p.expect("REGISTER").(*sip.Request)
		p.send(p.reply(m, 401, "c", challenge, ""))
		m = p.expect("REGISTER").(*sip.Request)
		if m.GetHeader("Authorization") == nil || m.CSeq().SeqNo != 2 || m.Contact() == nil {
			t.Errorf("second REGISTER is\n%s", m)
		}
		reply := strings.Replace(p.reply(m, 200, "c", "", ""), "<sip:bob@127.0.0.1:7001>", m.Contact().Value()+";expires=600", 1)
		p.send(reply)
		p.quiet(5 * time.Minute)
		go func() { // taken back when the UA stops
			if m, ok := p.get(time.Hour).(*sip.Request); ok {
				p.trySend(p.reply(m, 200, "c", "", ""))
			}
		}()
	})
}

func TestARegistrationWithoutCredentialsIsChallengedOverTheWire(t *testing.T) {
	run(t, func(r *rig) {
		p := r.phone("127.0.0.1:6001")
		s := p.dial("reg")
		s.target = "sip:demo.test"
		p.send(s.request("REGISTER", "Expires: 60\r\n", ""))
		if res := p.expect("401 REGISTER").(*sip.Response); res.GetHeader("WWW-Authenticate") == nil || tag(res.To().Params) == "" {
			t.Errorf("401 is\n%s", res)
		}
	})
}

func TestTooManyWaitingMessagesMeetA503(t *testing.T) {
	run(t, func(r *rig) {
		hold := make(chan struct{})
		p := r.phone("127.0.0.1:6001")
		first := p.dial("c0")
		var once sync.Once
		r.onInvite = func(*sipua.Dialog, sipua.Invite) { once.Do(func() { <-hold }) } // a handler that blocks, to fill the queue
		p.send(first.request("INVITE", "", offerSDP))
		p.expect("100 INVITE")
		for i := range 8 {
			p.send(p.dial(fmt.Sprint("later-", i)).request("INVITE", "", offerSDP))
		}
		time.Sleep(time.Millisecond)
		close(hold)
		refused := 0
		for m := p.get(time.Second); m != nil; m = p.get(time.Second) {
			if res, ok := m.(*sip.Response); ok && res.StatusCode == 503 {
				refused++
				if res.GetHeader("Retry-After") == nil {
					t.Errorf("503 is\n%s", res)
				}
			}
		}
		if refused != 3 { // of 8 waiting, those behind which more than 4 wait
			t.Errorf("%d refused", refused)
		}
	}, func(c *sipua.Config) { c.Workers, c.Queue = 1, 4 })
}

// TestRealSocketsOnLoopback is the one test with the kernel's sockets: two UAs call each other over UDP, TCP and TLS.
func TestRealSocketsOnLoopback(t *testing.T) {
	folder := t.TempDir()
	trusting := openDirectory{gateways: []sipua.Gateway{{Name: "demo/b", Host: "127.0.0.1", Transport: "tls", CA: filepath.Join(folder, "cert.pem")}}}
	for _, network := range []string{"udp", "tcp", "tls"} {
		a, b := newPeer(t, folder, trusting), newPeer(t, folder, trusting)
		ctx, stop := context.WithCancel(t.Context())
		var all sync.WaitGroup
		for _, x := range []*peer{a, b} {
			all.Go(func() {
				if err := x.ua.Run(ctx); err != nil {
					t.Error(err)
				}
			})
		}
		to := b.address(network)
		_, err := a.ua.Invite(sipua.InviteRequest{
			CallID: "real-" + network, URI: "sip:bob@" + to + ";transport=" + network, FromUser: "anna", Gateway: "demo/b", SDP: []byte(offerSDP),
		})
		if err != nil {
			t.Fatal(err)
		}
		a.wait(t, sipua.Answered).End(sipua.End{})
		a.wait(t, sipua.Ended)
		b.wait(t, sipua.Ended)
		stop()
		all.Wait()
	}
}

// peer is a UA that answers every call, and tells what happens.
type peer struct {
	ua      *sipua.UA
	events  chan told
	gateway chan error
}

type told struct {
	d  *sipua.Dialog
	ev sipua.DialogEvent
}

func newPeer(t *testing.T, folder string, dir openDirectory) *peer {
	p := &peer{events: make(chan told, 16), gateway: make(chan error, 16)}
	var err error
	c := sipua.Config{Certificate: pair(t, folder).Get}
	for _, network := range []string{"udp", "tcp", "tls"} {
		c.Listen = append(c.Listen, sipua.Listen{Network: network, Addr: "127.0.0.1:0"})
	}
	p.ua, err = sipua.New(c, p, dir)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *peer) address(network string) string {
	for _, a := range p.ua.Addrs() {
		if strings.HasPrefix(a, network+":") {
			return strings.TrimPrefix(a, network+":")
		}
	}
	return ""
}

// wait for an event of this kind.
func (p *peer) wait(t *testing.T, kind sipua.DialogEventKind) *sipua.Dialog {
	t.Helper()
	late := time.After(time.Minute)
	for {
		select {
		case e := <-p.events:
			if e.ev.Kind == kind {
				return e.d
			}
		case <-late:
			t.Fatalf("no event of kind %d", kind)
		}
	}
}

func (p *peer) OnInvite(d *sipua.Dialog, _ sipua.Invite)       { d.Accept([]byte(ourSDP), nil) }
func (p *peer) OnDialog(d *sipua.Dialog, ev sipua.DialogEvent) { p.events <- told{d, ev} }
func (p *peer) OnBinding(sipua.Binding, sipua.BindingChange)   {}
func (p *peer) OnGateway(_ string, _ bool, err error)          { p.gateway <- err }
