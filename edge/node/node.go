// Package node is the shell around the pure core: it feeds calls with what the wire, the media, the timers and the
// scripts bring, and does what they put out. It decides nothing about a call; that is edge/call and edge/verbs.
package node

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/offhook/offhook/edge/ask"
	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/edge/media"
	"github.com/offhook/offhook/edge/recordings"
	"github.com/offhook/offhook/edge/sipua"
	"github.com/offhook/offhook/events"
	schema "github.com/offhook/offhook/schemas/ask"
	"github.com/offhook/offhook/schemas/config"
	"github.com/offhook/offhook/schemas/verb"
)

// Asker asks scripts; *ask.Asker in production.
type Asker interface {
	Ask(ctx context.Context, p ask.Policy, to string, a schema.Ask) ask.Answer
}

// Sounds opens what is played; *sound.Library in production.
type Sounds interface {
	Open(ctx context.Context, tenant string, a verb.Audio) (media.Source, error)
	Music(ctx context.Context, tenant, kind string) media.Source
	Prepare(ctx context.Context, tenant string, a verb.Audio) // speech that is said soon, unless ctx ends
}

// Config of a Node. Media, Sounds, Asker, Events and NewCall are needed.
type Config struct {
	Name    string // this edge's name, in event sources
	Workers int    // default GOMAXPROCS
	Queue   int    // inputs waiting at one worker before new calls get 503; default 10,000
	Calls   int    // most calls at once; default 50,000
	Router  string // what decides new calls: default fn:router
	NewCall func(id string) call.Stepper
	Media   *media.Engine
	Sounds  Sounds
	Asker   Asker
	AtOnce  func(to string, a schema.Ask) (ask.Answer, bool) // answers without blocking, or not at all; nil: never
	Events  events.Publisher
	Record  func(recordings.New) (Tape, error) // makes a file; nil: every recording fails
	Socket  func(ask.Policy) *http.Client      // makes the connections of streams; nil: every stream fails
	Logger  *slog.Logger
}

// Node runs calls.
type Node struct {
	cfg       Config
	source    string // of its events
	log       *slog.Logger
	ua        *sipua.UA
	workers   []*worker
	dir       atomic.Pointer[directory]
	draining  atomic.Bool
	live      atomic.Int64
	askers    askers
	asking    context.Context // ends when the node does
	cancel    context.CancelFunc
	metrics   metrics
	meetings  meetings
	recorders recorders
	streams   streams
	gateways  sync.Map      // name -> bool, registered
	reloaded  chan struct{} // a new configuration: the nodes' addresses are looked up
}

// New makes a node. Attach gives it its signalling before Run.
func New(cfg Config, tenants *config.Config) (*Node, error) {
	if cfg.NewCall == nil || cfg.Media == nil || cfg.Asker == nil || cfg.Events == nil || cfg.Sounds == nil {
		return nil, errors.New("node: NewCall, Media, Sounds, Asker and Events are needed")
	}
	defaults(&cfg)
	n := &Node{cfg: cfg, source: "/offhook/edge/" + cfg.Name, log: cfg.Logger, metrics: newMetrics(), meetings: newMeetings(), reloaded: make(chan struct{}, 1)}
	n.recorders.begin()
	n.streams.begin()
	n.asking, n.cancel = context.WithCancel(context.Background())
	n.askers.do, n.askers.under = n.put, n.asking
	if err := n.Reload(tenants); err != nil {
		return nil, err
	}
	for range cfg.Workers {
		n.workers = append(n.workers, newWorker(n))
	}
	return n, nil
}

func defaults(cfg *Config) {
	if cfg.Workers <= 0 {
		cfg.Workers = runtime.GOMAXPROCS(0)
	}
	if cfg.Queue <= 0 {
		cfg.Queue = 10_000
	}
	if cfg.Calls <= 0 {
		cfg.Calls = 50_000
	}
	if cfg.Router == "" {
		cfg.Router = "fn:router"
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
}

// Directory is what the signalling asks about the tenants.
func (n *Node) Directory() sipua.Directory { return (*liveDirectory)(n) }

// Attach gives the node its signalling.
func (n *Node) Attach(ua *sipua.UA) { n.ua = ua }

// Reload takes a new configuration; calls in progress keep what they have begun.
func (n *Node) Reload(tenants *config.Config) error {
	d, err := newDirectory(n.cfg.Name, tenants)
	if err != nil {
		return err
	}
	if old := n.dir.Load(); old != nil {
		d.cluster.keep(old.cluster)
	}
	n.dir.Store(d)
	select {
	case n.reloaded <- struct{}{}:
	default:
	}
	if n.ua != nil {
		n.ua.Reload()
	}
	return nil
}

// Run works until ctx ends; then what is left of the calls is ended by force. Drain first for a soft end.
func (n *Node) Run(ctx context.Context) error {
	workers, stop := context.WithCancel(context.Background())
	defer stop()
	var g errgroup.Group
	for _, w := range n.workers {
		g.Go(func() error { w.run(workers); return nil })
	}
	g.Go(func() error { n.lookUp(ctx); return nil })
	<-ctx.Done()
	n.endAll()
	stop()
	err := g.Wait()
	n.cancel()
	n.recorders.giveUp()
	n.askers.stop()
	n.recorders.all.Wait()
	n.streams.all.Wait()
	return err
}

// Drain refuses new calls with 503 and Retry-After and waits until the last call is over, at most grace; then it ends
// what is left. It tells how many that were.
func (n *Node) Drain(ctx context.Context, grace time.Duration) int {
	n.draining.Store(true)
	if n.ua != nil {
		n.ua.Drain(grace)
	}
	ctx, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for n.live.Load() > 0 {
		select {
		case <-ctx.Done():
			left := int(n.live.Load())
			n.endAll()
			return left
		case <-tick.C:
		}
	}
	return 0
}

// endAll ends every call with cause system/shutdown and gives the wire a moment to say so, and half of it to uploads.
func (n *Node) endAll() {
	for _, w := range n.workers {
		w.each(func(s *session) { n.post(s, call.End{Cause: call.CauseShutdown, By: "system"}) })
	}
	deadline := time.NewTimer(2 * time.Second)
	defer deadline.Stop()
	uploads := time.NewTimer(time.Second)
	defer uploads.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for n.live.Load() > 0 {
		select {
		case <-uploads.C:
			n.recorders.giveUp()
		case <-deadline.C:
			return
		case <-tick.C:
		}
	}
}
