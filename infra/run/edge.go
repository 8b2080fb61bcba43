package run

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/offhook/offhook/edge/api"
	"github.com/offhook/offhook/edge/ask"
	"github.com/offhook/offhook/edge/bucket"
	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/edge/console"
	"github.com/offhook/offhook/edge/media"
	"github.com/offhook/offhook/edge/node"
	"github.com/offhook/offhook/edge/recordings"
	"github.com/offhook/offhook/edge/sipua"
	"github.com/offhook/offhook/edge/sound"
	"github.com/offhook/offhook/edge/speech"
	"github.com/offhook/offhook/edge/verbs"
	"github.com/offhook/offhook/events"
	"github.com/offhook/offhook/functions/fn"
	"github.com/offhook/offhook/schemas"
	"github.com/offhook/offhook/schemas/config"
)

// Edge is the phone side of a process, bound to its ports but not yet running.
type Edge struct {
	opts     EdgeOptions
	log      *slog.Logger
	settings *Settings
	kafka    events.Kafka
	eventLog *events.Log
	media    *media.Engine
	speech   *speech.Voices
	sounds   *sound.Library
	recorded *recordings.Store
	asker    *ask.Asker
	node     *node.Node
	ua       *sipua.UA
	web      net.Listener
	feed     *api.Feed
	known    atomic.Bool // registrations were read from the log
	draining atomic.Bool
	parts    Parts
}

// Parts are what a process adds to its edge.
type Parts struct {
	Functions *fn.Set                 // fn:NAME in this process; nil: none
	Pages     map[string]http.Handler // NAME -> further pages at /NAME/
	Facts     []console.Fact          // for the page's head
	Open      bool                    // REST without a key from loopback
}

// NewEdge binds every port and opens the spool, so that what is wrong is told before anything runs.
func NewEdge(settings *Settings, opts EdgeOptions, parts Parts, log *slog.Logger) (*Edge, error) {
	Prepare(opts.Nice, log)
	e := &Edge{opts: opts, log: log, settings: settings, feed: api.NewFeed(5000), parts: parts}
	for _, step := range []func() error{e.openLog, e.openMedia, e.openRecordings, e.openNode, e.openSignalling, e.openWeb} {
		if err := step(); err != nil {
			e.close()
			return nil, err
		}
	}
	settings.OnChange(func(c *config.Config) error {
		if err := buckets(c); err != nil {
			return err
		}
		return e.node.Reload(c)
	})
	return e, nil
}

func (e *Edge) openLog() (err error) {
	if e.kafka, err = events.ParseKafka(e.opts.Kafka); err != nil {
		return fmt.Errorf("--kafka: %w", err)
	}
	if e.eventLog, err = events.Open(events.Config{Dir: filepath.Join(e.opts.Data, "spool"), Kafka: e.kafka, Logger: e.log}); err != nil {
		return taken("--data", e.opts.Data, err)
	}
	return nil
}

func (e *Edge) openMedia() error {
	c, err := e.opts.mediaConfig()
	if err != nil {
		return err
	}
	c.Logger = e.log
	if e.media, err = media.New(c); err != nil {
		return err
	}
	if e.speech, err = voices(e.settings.Config().Speech, filepath.Join(e.opts.Data, "speech"), e.log); err != nil {
		return err
	}
	if err := buckets(e.settings.Config()); err != nil {
		return err
	}
	e.sounds = sound.New(sound.Config{Folder: e.samples, Music: e.music, Voice: e.voice, Speech: e.speech, HTTP: e.soundClient, Logger: e.log})
	return nil
}

// openRecordings: a change of the store needs a restart.
func (e *Edge) openRecordings() (err error) {
	store := e.settings.Config().Recordings.Store
	if store != "" && !strings.Contains(store, "://") && !filepath.IsAbs(store) {
		store = filepath.Join(e.settings.Folder(), store)
	}
	e.recorded, err = recordings.Open(recordings.Config{Folder: filepath.Join(e.opts.Data, "recordings"), Store: store, Node: e.opts.Name, Logger: e.log})
	return err
}

func (e *Edge) record(n recordings.New) (node.Tape, error) { return e.recorded.Create(n) }

func (e *Edge) tenantAudio(tenant string) config.Audio {
	return e.settings.Config().Tenants[tenant].Audio
}

// buckets tells what is wrong with those of samples and recordings, before a caller waits for one or a start fails.
func buckets(c *config.Config) error {
	wrong := bucketFault("recordings.store", c.Recordings.Store)
	for _, name := range slices.Sorted(maps.Keys(c.Tenants)) {
		wrong = errors.Join(wrong, bucketFault("tenants."+name+".audio.samples", c.Tenants[name].Audio.Samples))
	}
	return wrong
}

func bucketFault(setting, where string) error {
	if !strings.Contains(where, "://") {
		return nil
	}
	if _, err := bucket.Open(where); err != nil {
		return fmt.Errorf("%s: %w", setting, err)
	}
	return nil
}

// samples is where a tenant's lie: a folder or a bucket.
func (e *Edge) samples(tenant string) string {
	folder := e.tenantAudio(tenant).Samples
	if folder == "" {
		return filepath.Join(e.settings.Folder(), "audio", filepath.Base(tenant))
	}
	if !filepath.IsAbs(folder) && !strings.Contains(folder, "://") {
		folder = filepath.Join(e.settings.Folder(), folder)
	}
	return folder
}

func (e *Edge) music(tenant, kind string) string {
	if parking := e.settings.Config().Tenants[tenant].Parking.Music; kind == call.MusicParking && parking != "" {
		return parking
	}
	return e.tenantAudio(tenant).MusicOnHold
}

func (e *Edge) voice(tenant string) string { return e.tenantAudio(tenant).Voice }

// soundClient fetches audio under the same rules as webhooks are asked.
func (e *Edge) soundClient(tenant string) *http.Client { return e.asker.Client(e.node.Policy(tenant)) }

func (e *Edge) openNode() (err error) {
	e.asker = ask.New(ask.Config{Functions: asks(e.parts.Functions), AtOnce: atOnce(e.parts.Functions), Remote: e.settings.Config().Functions})
	e.node, err = node.New(node.Config{
		Name: e.opts.Name, Media: e.media, Sounds: e.sounds, Asker: e.asker, AtOnce: e.asker.AtOnce, Events: e.eventLog, Logger: e.log,
		Record: e.record, Socket: e.asker.Socket, NewCall: func(id string) call.Stepper { return verbs.NewCall(id) },
	}, e.settings.Config())
	return err
}

func (e *Edge) openSignalling() (err error) {
	if err := checkPublic(e.opts.Public); err != nil {
		return err
	}
	c := sipua.Config{Advertise: e.opts.Public, Node: e.opts.Name, Secret: []byte(e.opts.Secret), Origins: e.opts.Secure.Origins, Logger: e.log}
	flags := map[string]string{}
	for _, l := range e.opts.listeners() {
		c.Listen, flags[l.network] = append(c.Listen, sipua.Listen{Network: l.network, Addr: l.addr}), l.flag
	}
	if c.Certificate, err = e.certificate(); err != nil {
		return err
	}
	e.ua, err = sipua.New(c, e.node, e.node.Directory())
	if cannot := (*sipua.ListenError)(nil); errors.As(err, &cannot) {
		return taken(flags[cannot.Network], cannot.Addr, cannot.Err)
	}
	if err != nil {
		return err
	}
	e.node.Attach(e.ua)
	return nil
}

func (e *Edge) openWeb() (err error) {
	if e.web, err = net.Listen("tcp", e.opts.HTTP); err != nil {
		return taken("--http", e.opts.HTTP, err)
	}
	return nil
}

func (e *Edge) close() {
	if e.eventLog != nil {
		_ = e.eventLog.Close()
	}
	if e.web != nil {
		_ = e.web.Close()
	}
}

// Start puts the edge's parts on the stack, in the order in which they need each other.
func (e *Edge) Start(s *Stack) {
	s.Start("event log", e.eventLog.Run)
	s.Start("media", e.media.Run)
	s.Start("speech", e.speech.Run)
	s.Start("sounds", e.sounds.Run)
	s.Start("recordings", e.recorded.Run)
	s.Start("asks", func(ctx context.Context) error { <-ctx.Done(); e.asker.Close(); return nil })
	s.Start("calls", e.node.Run)
	s.Start("registrations", e.followState)
	s.Start("signalling", e.ua.Run)
	s.Start("feed", e.follow)
	s.Start("http", e.serve)
	s.Start("configuration", func(ctx context.Context) error { return e.settings.watch(ctx, e.log) })
	if e.opts.Profile != "" {
		s.Start("profiles", func(ctx context.Context) error { return Profile(ctx, e.opts.Profile) })
	}
}

// Drain lets calls end within the grace time and refuses new ones. Another signal to stop ends them at once.
func (e *Edge) Drain() {
	e.draining.Store(true)
	e.log.Info("stopping: new calls are refused; another signal ends those in progress at once", "calls", len(e.node.Calls("")), "grace", e.opts.Grace.String())
	again, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if left := e.node.Drain(again, e.opts.Grace); left > 0 {
		e.log.Warn("calls ended before they were over", "calls", left)
	}
}

// followState keeps the registrations of other edges, and of this one before its restart.
func (e *Edge) followState(ctx context.Context) error {
	return e.patiently(ctx, "registrations not read", func() error {
		return events.State(ctx, e.kafka, events.StateHandlers{
			Logger: e.log,
			Record: func(d events.Delivered) error { e.node.OnState(d.Key, d.Data); return nil },
			Loaded: func() { e.known.Store(true) },
		})
	})
}

// follow feeds those who watch events as they are in the log.
func (e *Edge) follow(ctx context.Context) error {
	return e.patiently(ctx, "events not followed", func() error { return e.feed.Run(ctx, e.tail) })
}

func (e *Edge) tail(ctx context.Context, since time.Time) error {
	return events.Tail(ctx, e.kafka, events.TailConfig{Topics: []string{events.TopicCalls}, From: events.FromTime, Since: since}, e.feed.Take)
}

// patiently tries again while the broker is away: the edge's calls do not depend on it.
func (e *Edge) patiently(ctx context.Context, what string, try func() error) error {
	for {
		err := try()
		if ctx.Err() != nil {
			return nil
		}
		e.log.Warn(what, "err", err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Second):
		}
	}
}

func (e *Edge) ready() error {
	if e.draining.Load() {
		return errors.New("this edge is stopping: calls in progress go on, new ones are refused")
	}
	if !e.known.Load() {
		return errors.New("the registrations have not been read from the event log yet")
	}
	return nil
}

func (e *Edge) serve(ctx context.Context) error {
	server := &http.Server{Handler: e.handler(), ReadHeaderTimeout: 5 * time.Second, IdleTimeout: 2 * time.Minute,
		BaseContext: func(net.Listener) context.Context { return ctx }, ErrorLog: slog.NewLogLogger(e.log.Handler(), slog.LevelWarn)}
	stopped := make(chan error, 1)
	go func() { stopped <- server.Serve(e.web) }()
	select {
	case err := <-stopped:
		return err
	case <-ctx.Done():
		soon, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		err := server.Shutdown(soon)
		<-stopped //nolint:errcheck // ErrServerClosed: it ends because it was told to
		return err
	}
}

func (e *Edge) handler() http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	registry.MustRegister(e.node.Collectors()...)
	registry.MustRegister(logCollectors(e.eventLog)...)
	registry.MustRegister(e.recorded.Collectors()...)
	if e.parts.Functions != nil {
		registry.MustRegister(e.parts.Functions.Collectors()...)
	}
	pages := http.NewServeMux()
	pages.Handle("/", console.New(console.Config{
		Calls: e.node.Calls, Registrations: e.node.Registrations, Gateways: e.node.Gateways, Recent: e.feed.Recent,
		Tenant: func(r *http.Request) string { return api.Tenant(r.Context()) }, Facts: e.parts.Facts, Logger: e.log,
	}))
	for name, h := range e.parts.Pages {
		pages.Handle("/"+name+"/", h)
	}
	return api.New(api.Config{
		Calls: e.node, Log: timelines{feed: e.feed, kafka: e.kafka}, Recent: e.feed.Recent, Tenants: e.settings.Config, Ready: e.ready, Recordings: e.recorded,
		Metrics: promhttp.HandlerFor(registry, promhttp.HandlerOpts{}), Schemas: schemas.Files, Pages: pages, SIP: e.ua.WebSocket(), Audio: e.sounds, Open: e.parts.Open, Logger: e.log,
	})
}

// timelines is the API's view of the log.
type timelines struct {
	feed  *api.Feed
	kafka events.Kafka
}

func (t timelines) Follow(ctx context.Context, f func(events.Delivered) error) error {
	return t.feed.Follow(ctx, f)
}

func (t timelines) Timeline(ctx context.Context, id string) ([]events.Delivered, error) {
	return events.Call(ctx, t.kafka, id)
}

// EdgeAlone runs an edge until ctx ends, then drains it.
func EdgeAlone(ctx context.Context, settings *Settings, opts EdgeOptions, log *slog.Logger) error {
	router, err := Local(ctx, settings, opts.Data, false, log, "router")
	if err != nil {
		return err
	}
	e, err := NewEdge(settings, opts, Parts{Functions: router}, log)
	if err != nil {
		return errors.Join(err, router.Close())
	}
	stack := NewStack()
	e.Start(stack)
	if opts.deaf() {
		log.Warn("phones elsewhere will not be heard: --rtp is an address of this machine alone", "sip", opts.SIP, "rtp", opts.RTP)
	}
	log.Info("edge started", "name", opts.Name, "sip", opts.SIP, "rtp", opts.RTP, "http", opts.HTTP)
	err = stack.Wait(ctx)
	e.Drain()
	err = errors.Join(err, stack.Stop(), router.Close())
	log.Info("edge stopped")
	return err
}

// Feed is what those who watch events follow.
func (e *Edge) Feed() *api.Feed { return e.feed }
