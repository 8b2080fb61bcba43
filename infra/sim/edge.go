package sim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"sync"

	"github.com/offhook/offhook/edge/ask"
	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/edge/media"
	"github.com/offhook/offhook/edge/node"
	"github.com/offhook/offhook/edge/sipua"
	"github.com/offhook/offhook/edge/verbs"
	"github.com/offhook/offhook/functions/fn"
	"github.com/offhook/offhook/functions/router"
	"github.com/offhook/offhook/schemas/config"
	"github.com/offhook/offhook/schemas/verb"
)

// edge is the product under test, put together as infra/run does it.
type edge struct {
	w      *world
	node   *node.Node
	ua     *sipua.UA
	media  *media.Engine
	asker  *ask.Asker
	tapes  tapes
	agent  *agent
	kafka  *kafka // nil: events only go to the ledger
	cancel context.CancelFunc
	done   sync.WaitGroup
	mu     sync.Mutex
	err    error
}

func (w *world) newEdge(ctx context.Context) (*edge, error) {
	ctx, cancel := context.WithCancel(ctx)
	e := &edge{w: w, cancel: cancel, agent: newAgent()}
	for _, step := range []func(context.Context) error{e.openMedia, e.openNode, e.openSignalling} {
		if err := step(ctx); err != nil {
			cancel()
			return nil, err
		}
	}
	e.start(ctx, e.agent.run)
	e.start(ctx, e.media.Run)
	e.start(ctx, e.node.Run)
	e.start(ctx, e.ua.Run)
	return e, nil
}

func (e *edge) start(ctx context.Context, run func(context.Context) error) {
	e.done.Go(func() {
		if err := run(ctx); err != nil {
			e.mu.Lock()
			e.err = errors.Join(e.err, err)
			e.mu.Unlock()
		}
	})
}

func (e *edge) openMedia(context.Context) (err error) {
	e.media, err = media.New(media.Config{IP: edgeIP, MinPort: 20000, MaxPort: 29999, NAT: true, Listen: e.w.listenRTP})
	return err
}

func (w *world) listenRTP(at netip.AddrPort) (media.PacketSocket, error) {
	s, err := w.rtp.ListenUDP(at)
	if err != nil {
		return nil, err
	}
	if w.opts.Socket != nil {
		return w.opts.Socket(s), nil
	}
	return s, nil
}

func (e *edge) openNode(ctx context.Context) error {
	cfg := tenants()
	log := slog.New(slog.NewTextHandler(logTo(), &slog.HandlerOptions{Level: slog.LevelDebug}))
	routing, err := router.Spec.New(ctx, fn.Env{Config: func() *config.Config { return cfg }, Logger: log, Getenv: func(string) string { return "" }})
	if err != nil {
		return err
	}
	e.asker = ask.New(ask.Config{Functions: map[string]http.Handler{"router": routing.Asks},
		AtOnce: map[string]ask.AtOnce{"router": ask.AtOnce(routing.AtOnce)}, Transport: webhook{e.w}})
	e.tapes.fails = func(id string) bool { return e.w.dice.chance(e.w.opts.Faults.Phones, "tape", e.w.nameOf(id)) }
	publisher, err := e.w.publisher(ctx, e)
	if err != nil {
		return err
	}
	e.node, err = node.New(node.Config{Name: "sim", Workers: 2, Media: e.media, Sounds: sounds{}, Asker: e.asker, AtOnce: e.asker.AtOnce, Events: publisher,
		Logger: log, NewCall: e.newCall, Record: e.tapes.begin, Socket: e.agent.client}, cfg)
	return err
}

func logTo() io.Writer {
	if os.Getenv("SIM_LOG") != "" {
		return os.Stderr
	}
	return io.Discard
}

func (e *edge) newCall(id string) call.Stepper {
	var core call.Stepper = verbs.NewCall(id)
	if e.w.opts.Core != nil {
		core = e.w.opts.Core(core)
	}
	return e.w.newCall(core, id)
}

func (e *edge) openSignalling(context.Context) (err error) {
	var handler sipua.Handler = e.node
	if e.w.opts.Handler != nil {
		handler = e.w.opts.Handler(handler)
	}
	e.ua, err = sipua.New(sipua.Config{Listen: []sipua.Listen{{Network: "udp", Addr: edgeSIP.String()}}, Node: "sim",
		Secret: []byte("sim"), Workers: 2, ListenPacket: e.w.net.ListenPacket, ListenTCP: e.w.net.Listen, DialTCP: e.w.net.DialContext,
		Lookup: func(_ context.Context, host string) ([]netip.Addr, error) {
			return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
		}}, handler, e.node.Directory())
	if err == nil {
		e.node.Attach(e.ua)
	}
	return err
}

// stop ends the edge and waits for all of it.
func (e *edge) stop() error {
	if e.kafka != nil {
		if got, err := e.kafka.delivered(context.Background()); err != nil {
			e.w.problem("", "%v", err)
		} else {
			e.w.compare(got)
		}
	}
	e.cancel()
	e.done.Wait()
	e.asker.Close()
	if e.kafka != nil {
		if err := e.kafka.close(); err != nil {
			return err
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.err
}

func tenants() *config.Config {
	t := config.Tenant{
		Domains: []string{domain}, Fallback: decode[verb.Document]([]byte(fallbackDoc)),
		Numbers: map[string]config.Number{}, Users: map[string]config.User{},
		Trunks:   map[string]config.Trunk{"callers": {Allow: []string{"10.1.0.0/16"}}},
		Gateways: map[string]config.Gateway{"telia": {Host: gateway.String()}},
	}
	for n := range hooks {
		t.Numbers[text(200+n)] = config.Number{Answer: &verb.Do{URL: fmt.Sprintf("http://hook-%d.sim/call", n)}}
	}
	for i, user := range users {
		t.Users[user] = config.User{Name: "Agent " + user, Password: config.Secret{Value: password(user)}, RingFor: verb.Duration((6 + i) * 1e9)}
	}
	return &config.Config{Tenants: map[string]config.Tenant{"demo": t}}
}

// originate begins a call through the API.
func (w *world) originate(c *callPlan) {
	_, err := w.edge.node.Originate(node.Origination{Tenant: "demo", From: c.number, To: verb.Target{User: "103"},
		Start: verb.Do{Document: decode[verb.Document]([]byte(originatedDoc))}})
	if err != nil {
		w.problem(c.number, "not originated: %v", err)
	}
}
