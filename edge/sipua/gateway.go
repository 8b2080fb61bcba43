package sipua

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/google/uuid"

	"github.com/offhook/offhook/edge/sipua/digest"
)

const (
	gatewayExpires = 10 * time.Minute // asked for when the configuration says nothing
	firstRetry     = 4 * time.Second
	longestRetry   = 5 * time.Minute
	farewell       = 2 * time.Second // for taking a registration back at the end
)

var (
	errRegister      = errors.New("registration refused")
	errNoCredentials = errors.New("no credentials for the challenge")
)

// gateways keeps the registrations out.
type gateways struct {
	u      *UA
	client *digest.Client
	send   func(ctx context.Context, req *sip.Request, to InviteRequest) (*sip.Response, error)
}

func newGateways(u *UA) *gateways {
	return &gateways{u: u, client: digest.NewClient(), send: u.request}
}

// runGateways keeps the registrations out, reads Directory.Gateways again after u.reload, and returns when ctx ends.
func (u *UA) runGateways(ctx context.Context) error {
	running := map[string]*enrolment{}
	var all sync.WaitGroup
	defer all.Wait()
	for {
		u.bindings.gateways.follow(ctx, running, &all)
		select {
		case <-ctx.Done():
			return nil
		case <-u.reload:
		}
	}
}

// follow starts and stops enrolments so that they are those of the Directory.
func (g *gateways) follow(ctx context.Context, running map[string]*enrolment, all *sync.WaitGroup) {
	wanted := map[string]Gateway{}
	for _, gw := range g.u.dir.Gateways() {
		if gw.Register {
			wanted[gw.Name] = gw
		}
	}
	for name, e := range running {
		if wanted[name] != e.gateway {
			e.stop()
			delete(running, name)
		}
	}
	for name, gw := range wanted {
		if running[name] != nil {
			continue
		}
		own, stop := context.WithCancel(ctx)
		e := &enrolment{u: g.u, gateway: gw, stop: stop, callID: uuid.NewString(), tag: rand.Uint64()}
		running[name] = e
		all.Go(func() { e.run(own) })
	}
}

// enrolment is one gateway's registration. Its fields belong to run.
type enrolment struct {
	u          *UA
	gateway    Gateway
	stop       context.CancelFunc
	callID     string
	tag        uint64
	seq        uint32
	contact    string
	registered bool
	told       bool
	ask        time.Duration // what a 423 raised the expiry to
}

// run registers, refreshes and tries again until ctx ends, and then takes the registration back.
func (e *enrolment) run(ctx context.Context) {
	failures := 0
	for ctx.Err() == nil {
		granted, err := e.register(ctx, e.expires())
		if ctx.Err() != nil {
			break
		}
		e.tell(err)
		wait := refreshAfter(granted)
		if err != nil {
			wait = retryAfter(failures)
			failures++
		} else {
			failures = 0
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
	if !e.registered {
		return
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer cancel()
	_, err := e.register(last, 0)
	if err != nil {
		e.u.log.Debug("gateway registration not taken back", "gateway", e.gateway.Name, "error", err)
	}
}

func (e *enrolment) expires() time.Duration {
	return max(cmp.Or(e.gateway.Expires, gatewayExpires), e.ask)
}

// tell the handler when the state changed, and of the first failure.
func (e *enrolment) tell(err error) {
	if ok := err == nil; !e.told || ok != e.registered {
		e.told, e.registered = true, ok
		e.u.handler.OnGateway(e.gateway.Name, ok, err)
	}
}

// refreshAfter is well before the end, and spread so that many gateways don't come together.
func refreshAfter(granted time.Duration) time.Duration {
	return max(time.Duration(float64(granted)*(0.7+0.2*rand.Float64())), time.Second)
}

// retryAfter doubles with each failure, spread as in RFC 5626 4.5.
func retryAfter(failures int) time.Duration {
	longest := min(firstRetry<<min(failures, 10), longestRetry)
	return time.Duration(float64(longest) * (0.5 + 0.5*rand.Float64()))
}

// register sends REGISTER until it is answered for good: challenges and 423 are met.
func (e *enrolment) register(ctx context.Context, expires time.Duration) (granted time.Duration, err error) {
	via, contact, err := e.way(ctx)
	if err != nil {
		return 0, err
	}
	e.contact = contact
	var answered *sip.Response
	var before *sip.Request
	for range 4 {
		req := e.request(expires)
		if answered != nil && (answered.StatusCode == 401 || answered.StatusCode == 407) {
			carryCredentials(before, req)
			if err := e.u.authorize(req, answered, e.gateway.Name); err != nil {
				return 0, err
			}
		}
		res, err := e.u.bindings.gateways.send(ctx, req, InviteRequest{Via: via, Gateway: e.gateway.Name})
		if err != nil {
			return 0, fmt.Errorf("gateway %s: %w", e.gateway.Name, err)
		}
		switch {
		case res.StatusCode < 300:
			return e.granted(res, expires), nil
		case res.StatusCode == 423 && e.raise(res):
			expires = e.expires()
		case res.StatusCode != 401 && res.StatusCode != 407:
			return 0, fmt.Errorf("gateway %s: %w: %d %s", e.gateway.Name, errRegister, res.StatusCode, cleanPhrase(res.Reason))
		}
		answered, before = res, req
	}
	return 0, fmt.Errorf("gateway %s: %w", e.gateway.Name, digest.ErrRefused)
}

// carryCredentials keeps what was sent before, so that a second refusal is known for one.
func carryCredentials(from, to *sip.Request) {
	for _, name := range []string{"Authorization", "Proxy-Authorization"} {
		for _, h := range from.GetHeaders(name) {
			to.AppendHeader(sip.HeaderClone(h))
		}
	}
}

// raise asks for longer after a 423; false: it didn't say how long, or more than a day.
func (e *enrolment) raise(res *sip.Response) bool {
	least := parseExpires(headerOf(res, "min-expires"), 0)
	if least <= e.ask || least > 24*time.Hour {
		return false
	}
	e.ask = least
	return true
}

// granted is the expiry of our contact (RFC 3261 10.2.4), at most what was asked. Behind NAT some registrars give back another
// address than ours; then it is the one with most time left, for it has just been renewed.
func (e *enrolment) granted(res *sip.Response, asked time.Duration) time.Duration {
	granted := asked
	if h := res.GetHeader("Expires"); h != nil {
		granted = parseExpires(h.Value(), asked)
	}
	ours, most := contactKey(e.contact), time.Duration(0)
	for _, h := range res.GetHeaders("Contact") {
		c, ok := h.(*sip.ContactHeader)
		if !ok {
			continue
		}
		left := parseExpires(param(c.Params, "expires"), granted)
		if contactKey(c.Address.String()) == ours {
			return min(left, asked)
		}
		most = max(most, left)
	}
	return min(cmp.Or(most, granted), asked)
}

// request makes one REGISTER (RFC 3261 10.2).
func (e *enrolment) request(expires time.Duration) *sip.Request {
	e.seq++
	domain := sip.Uri{}
	domain.Scheme, domain.Host, domain.Port = "sip", cmp.Or(e.gateway.Domain, hostOf(e.gateway.Host)), 0
	me := domain
	me.User = e.gateway.Username
	req := sip.NewRequest(sip.REGISTER, domain)
	tag := sip.HeaderParams{{K: "tag", V: strconv.FormatUint(e.tag, 36)}}
	req.AppendHeader(&sip.FromHeader{Address: me, Params: tag})
	req.AppendHeader(&sip.ToHeader{Address: me})
	callID, hops := sip.CallIDHeader(e.callID), sip.MaxForwardsHeader(70)
	req.AppendHeader(&callID)
	req.AppendHeader(&sip.CSeqHeader{SeqNo: e.seq, MethodName: sip.REGISTER})
	req.AppendHeader(&hops)
	req.AppendHeader(sip.NewHeader("Contact", "<"+e.contact+">"))
	req.AppendHeader(sip.NewHeader("Expires", strconv.Itoa(int(expires/time.Second))))
	req.AppendHeader(sip.NewHeader("User-Agent", e.u.cfg.UserAgent))
	return req
}

func hostOf(hostPort string) string {
	if host, _, err := net.SplitHostPort(hostPort); err == nil {
		return host
	}
	return strings.Trim(hostPort, "[]")
}

// way finds the gateway's address, the first that can be reached from here, and what is our Contact there.
func (e *enrolment) way(ctx context.Context) (via, contact string, err error) {
	network := strings.ToLower(cmp.Or(e.gateway.Transport, "udp"))
	all, err := e.u.addresses(ctx, e.gateway.Host, defaultPortOf(network))
	if bad := userPart(e.gateway.Username); bad != nil {
		all, err = nil, bad
	}
	for _, to := range all {
		var p path
		if p, err = e.u.net.route(network, to, e.gateway.trust()); err == nil {
			contact = "sip:" + e.gateway.Username + "@" + p.hostPort() + transportParam(p.link.network())
			return network + ":" + to.String(), contact, nil
		}
	}
	return "", "", fmt.Errorf("gateway %s: %w", e.gateway.Name, err)
}

// addresses of host[:port]; at least one.
func (u *UA) addresses(ctx context.Context, hostPort string, standard int) (all []netip.AddrPort, err error) {
	host, service, err := net.SplitHostPort(hostPort)
	if err != nil {
		host, service = strings.Trim(hostPort, "[]"), strconv.Itoa(standard)
	}
	port, err := strconv.ParseUint(service, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("port of %q: %w", hostPort, err)
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return []netip.AddrPort{netip.AddrPortFrom(ip.Unmap(), uint16(port))}, nil
	}
	found, err := u.cfg.Lookup(ctx, host)
	if err != nil {
		return nil, err
	}
	for _, ip := range found {
		all = append(all, netip.AddrPortFrom(ip.Unmap(), uint16(port)))
	}
	if len(all) == 0 {
		err = fmt.Errorf("%s has no address", host)
	}
	return all, err
}

// authorize answers res's challenges in req, which has its new CSeq and branch already, as that gateway's user.
func (u *UA) authorize(req *sip.Request, res *sip.Response, gateway string) error {
	err := errNoCredentials
	if g, ok := u.gateway(gateway); ok && g.Username != "" {
		err = u.bindings.gateways.client.Answer(req, res, digest.Account{Name: g.Name, Username: g.Username, Password: g.Password})
	}
	if err != nil {
		return fmt.Errorf("gateway %s: %w", gateway, err)
	}
	return nil
}

func (u *UA) gateway(name string) (Gateway, bool) {
	for _, g := range u.dir.Gateways() {
		if g.Name == name {
			return g, true
		}
	}
	return Gateway{}, false
}
