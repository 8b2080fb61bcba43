package sipua

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/offhook/offhook/edge/edgetest"
	"github.com/offhook/offhook/edge/sipua/guard"
)

// exchange is a provider's registrar, reached without a network.
type exchange struct {
	t     *testing.T
	u     *UA
	mu    sync.Mutex
	sent  []string // what arrived: CSeq, expires asked, status given
	down  bool
	vias  []string
	shape func(res *sip.Response) *sip.Response
}

func (x *exchange) send(_ context.Context, req *sip.Request, to InviteRequest) (*sip.Response, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.vias = append(x.vias, to.Via)
	if x.down {
		return nil, errors.New("no way")
	}
	req.PrependHeader(&sip.ViaHeader{ProtocolName: "SIP", ProtocolVersion: "2.0", Transport: "UDP", Host: "192.0.2.9", Params: sip.HeaderParams{{K: "branch", V: "z9hG4bK1"}}})
	raw, err := renderRequest(req)
	if err != nil {
		return nil, err
	}
	if reply, ok := guard.Check(raw); !ok {
		x.t.Errorf("guard answers %d to\n%s", reply, raw)
	}
	m, err := sip.ParseMessage(guard.Canonical(raw))
	if err != nil {
		return nil, err
	}
	if status, reason := guard.Normalise(m); status != 0 {
		x.t.Errorf("%d %s", status, reason)
	}
	res := x.u.handleRegister(m.(*sip.Request), phoneAt, "UDP", "")
	if x.shape != nil {
		res = x.shape(res)
	}
	x.sent = append(x.sent, strings.Fields(req.CSeq().Value())[0]+"/"+values(req, "Expires")+"/"+strings.Fields(res.StartLine())[1])
	// as it comes from the wire
	raw, err = renderResponse(res, m.(*sip.Request), "x")
	if err != nil {
		return nil, err
	}
	parsed, err := sip.ParseMessage(raw)
	if err != nil {
		return nil, err
	}
	return parsed.(*sip.Response), nil
}

func (x *exchange) seen() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	s := strings.Join(x.sent, " ")
	x.sent = nil
	return s
}

// ways are where requests were sent.
func (x *exchange) ways() []string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.Clone(x.vias)
}

func (x *exchange) setDown(down bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.down = down
}

// subscriber is a UA with one gateway, at an exchange.
func subscriber(t *testing.T, g Gateway) (*UA, *doorHandler, *exchange) {
	t.Helper()
	provider, _ := newDoor(t, doorDirectory{})
	x := &exchange{t: t, u: provider}
	u, h := newDoor(t, doorDirectory{gateways: []Gateway{g}})
	u.net = &transports{u: u, udp: []*udpSocket{{host: "192.0.2.9", addr: netip.MustParseAddrPort("192.0.2.9:5060")}}}
	u.cfg.Lookup = func(_ context.Context, host string) ([]netip.Addr, error) {
		if host != "sip.demo.test" {
			return nil, errors.New("no such host")
		}
		return []netip.Addr{netip.MustParseAddr("192.0.2.1")}, nil
	}
	u.bindings.gateways.send = x.send
	return u, h, x
}

var theGateway = Gateway{
	Name: "demo/telia", Host: "sip.demo.test:5070", Domain: "demo.test", Username: "101", Password: "secret-101", Register: true, Expires: time.Minute,
}

// running runs the gateways and gives how to stop them.
func running(t *testing.T, u *UA) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- u.runGateways(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func TestGatewayIsRegisteredAndRefreshedAndTakenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u, h, x := subscriber(t, theGateway)
		stop := running(t, u)
		synctest.Wait()
		want(t, "exchange", x.seen(), "1/60/401 2/60/200")
		want(t, "told", h.heard(), "demo/telia registered")
		want(t, "way", x.ways()[0], "udp:192.0.2.1:5070")
		b := x.u.Bindings("demo", "101")
		if len(b) != 1 || b[0].Contact != "sip:101@192.0.2.9:5060" {
			t.Fatalf("registered: %+v", b)
		}
		time.Sleep(54 * time.Second)
		synctest.Wait()
		want(t, "refresh", x.seen(), "3/60/401 4/60/200")
		want(t, "told of the refresh", h.heard(), "")
		stop()
		want(t, "at the end", x.seen(), "5/0/401 6/0/200")
		if b := x.u.Bindings("demo", "101"); len(b) != 0 {
			t.Errorf("left: %+v", b)
		}
	})
}

func TestGatewayThatIsDownIsTriedAgainLessAndLess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u, h, x := subscriber(t, theGateway)
		x.setDown(true)
		stop := running(t, u)
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		want(t, "told once", h.heard(), "demo/telia failed")
		if n := len(x.ways()); n < 6 || n > 12 {
			t.Errorf("%d tries in ten minutes", n)
		}
		x.setDown(false)
		time.Sleep(longestRetry)
		synctest.Wait()
		want(t, "told", h.heard(), "demo/telia registered")
		x.setDown(true)
		time.Sleep(aMinute)
		synctest.Wait()
		want(t, "told", h.heard(), "demo/telia failed")
		stop()
	})
}

func TestWrongPasswordIsNotHammered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := theGateway
		g.Password = "wrong"
		u, h, x := subscriber(t, g)
		stop := running(t, u)
		synctest.Wait()
		want(t, "exchange", x.seen(), "1/60/401 2/60/401")
		want(t, "told", h.heard(), "demo/telia failed")
		stop()
	})
}

func TestTooShortExpiryIsRaised(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := theGateway
		g.Expires = 5 * time.Second
		u, _, x := subscriber(t, g)
		stop := running(t, u)
		synctest.Wait()
		want(t, "exchange", x.seen(), "1/5/401 2/5/423 3/10/401 4/10/200")
		stop()
	})
}

func TestAnAddressThatTheRegistrarRewroteHasItsExpiryToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := theGateway
		g.Expires = 10 * time.Minute
		u, _, x := subscriber(t, g)
		x.shape = func(res *sip.Response) *sip.Response {
			if res.RemoveHeader("Contact") { // as behind NAT, with another device beside us
				res.AppendHeader(sip.NewHeader("Contact", "<sip:101@203.0.113.7:1024>;expires=60"))
				res.AppendHeader(sip.NewHeader("Contact", "<sip:101@203.0.113.9:1024>;expires=7"))
			}
			return res
		}
		stop := running(t, u)
		time.Sleep(59 * time.Second)
		synctest.Wait()
		want(t, "exchange", x.seen(), "1/600/401 2/600/200 3/600/401 4/600/200")
		stop()
	})
}

func TestAGatewayIsRegisteredAtWhereItCanBeReached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u, _, x := subscriber(t, theGateway)
		u.cfg.Lookup = func(context.Context, string) ([]netip.Addr, error) {
			return []netip.Addr{netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("192.0.2.1")}, nil
		}
		stop := running(t, u)
		synctest.Wait()
		want(t, "exchange", x.seen(), "1/60/401 2/60/200")
		want(t, "way", x.ways()[0], "udp:192.0.2.1:5070")
		stop()
	})
}

func TestOtherRefusalsFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u, h, x := subscriber(t, theGateway)
		x.shape = func(res *sip.Response) *sip.Response { res.StatusCode = 403; return res }
		stop := running(t, u)
		synctest.Wait()
		want(t, "exchange", x.seen(), "1/60/403")
		want(t, "told", h.heard(), "demo/telia failed")
		stop()
		want(t, "nothing to take back", x.seen(), "")
	})
}

func TestReloadStartsAndStopsGateways(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u, h, x := subscriber(t, theGateway)
		stop := running(t, u)
		synctest.Wait()
		x.seen()
		dir := doorDirectory{}
		u.dir = dir
		// authorize reads the directory too: the farewell has no credentials any more, so the exchange forgets by itself
		u.reload <- struct{}{}
		synctest.Wait()
		want(t, "farewell", x.seen(), "3/0/401")
		h.heard()
		dir.gateways = []Gateway{theGateway}
		u.dir = dir
		u.reload <- struct{}{}
		synctest.Wait()
		want(t, "again", x.seen(), "1/60/401 2/60/200")
		want(t, "told", h.heard(), "demo/telia registered")
		stop()
	})
}

func TestGatewayRegistersOverTheNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := edgetest.NewNet()
		g := theGateway
		g.Host = uaAt.String()
		provider, _ := networked(t, net, uaAt.String(), doorDirectory{})
		subscriber, told := networked(t, net, "192.0.2.9:5060", doorDirectory{gateways: []Gateway{g}})
		stopProvider, stopSubscriber := served(t, provider), served(t, subscriber)
		synctest.Wait()
		want(t, "told", told.heard(), "demo/telia registered")
		if b := provider.Bindings("demo", "101"); len(b) != 1 || b[0].Contact != "sip:101@192.0.2.9:5060" || b[0].Via != "udp:192.0.2.9:5060" {
			t.Errorf("registered: %+v", b)
		}
		stopSubscriber()
		if b := provider.Bindings("demo", "101"); len(b) != 0 {
			t.Errorf("left: %+v", b)
		}
		stopProvider()
	})
}

func networked(t *testing.T, net *edgetest.Net, addr string, dir Directory) (*UA, *doorHandler) {
	t.Helper()
	h := &doorHandler{}
	u, err := New(Config{Listen: []Listen{{"udp", addr}}, ListenPacket: net.ListenPacket}, h, dir)
	if err != nil {
		t.Fatal(err)
	}
	return u, h
}

// served runs u and gives how to stop it.
func served(t *testing.T, u *UA) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- u.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func TestChallengeToAGatewayWithoutCredentialsIsNotAnswered(t *testing.T) {
	u, _ := newDoor(t, doorDirectory{gateways: []Gateway{theGateway, {Name: "demo/open"}}})
	res := sip.NewResponse(401, "")
	res.AppendHeader(sip.NewHeader("WWW-Authenticate", `Digest realm="a", nonce="n"`))
	for gateway, want := range map[string]error{"demo/none": errNoCredentials, "demo/open": errNoCredentials, "demo/telia": nil} {
		req := sip.NewRequest(sip.INVITE, sip.Uri{Scheme: "sip", User: "100", Host: "demo.test"})
		if err := u.authorize(req, res, gateway); !errors.Is(err, want) {
			t.Errorf("%s: %v", gateway, err)
		}
		if answered := len(req.GetHeaders("Authorization")) == 1; answered != (want == nil) {
			t.Errorf("%s: answered %v", gateway, answered)
		}
	}
}
