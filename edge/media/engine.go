package media

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/offhook/offhook/edge/media/dtls"
)

// Defaults of Config.
const (
	defaultMinPort = 20000
	defaultMaxPort = 29999
	defaultRest    = 5 * time.Second
	defaultSilence = 30 * time.Second
)

// Engine holds the ports, the clock and the readers that all endpoints share.
type Engine struct {
	cfg   Config
	log   *slog.Logger
	start time.Time
	ports *ports
	net   network
	wheel *wheel
	ends  rounds

	routes sync.Mutex // who hears whom; taken before the locks of endpoints

	mu        sync.Mutex
	recorders map[*Recorder]struct{}
	closed    bool
	running   atomic.Bool

	refused, reportsRefused atomic.Uint64

	identity *dtls.Identity // what we show in DTLS
	tasks    sync.WaitGroup // goroutines of spawn
	shaking  atomic.Int32   // handshakes that go on
}

// New makes an engine. Endpoints may be opened at once; nothing moves before Run.
func New(cfg Config) (*Engine, error) {
	cfg = cfg.withDefaults()
	if !cfg.IP.IsValid() || cfg.MinPort < 1 || cfg.MaxPort > 65535 || cfg.MaxPort <= cfg.MinPort {
		return nil, fmt.Errorf("media: bad address or port range %v:%d-%d", cfg.IP, cfg.MinPort, cfg.MaxPort)
	}
	if cfg.Advertise.Is4() != cfg.IP.Is4() || cfg.Advertise.IsUnspecified() {
		return nil, fmt.Errorf("media: cannot advertise %v for %v", cfg.Advertise, cfg.IP)
	}
	identity, err := dtls.NewIdentity()
	if err != nil {
		return nil, fmt.Errorf("media: %w", err)
	}
	e := &Engine{cfg: cfg, identity: identity, log: cfg.Logger, start: time.Now(), recorders: map[*Recorder]struct{}{}}
	e.ports = newPorts(cfg.MinPort, cfg.MaxPort, cfg.Rest)
	e.wheel = newWheel(e.now)
	e.ends.begin(cfg.Silence)
	if cfg.Listen != nil {
		e.net = &pump{listen: cfg.Listen, clock: e.now}
		return e, nil
	}
	e.net, err = newNetwork(e.now)
	return e, err
}

func (c Config) withDefaults() Config {
	c.IP, c.Advertise = c.IP.Unmap(), c.Advertise.Unmap()
	if !c.Advertise.IsValid() {
		c.Advertise = c.IP
	}
	if c.MinPort == 0 && c.MaxPort == 0 {
		c.MinPort, c.MaxPort = defaultMinPort, defaultMaxPort
	}
	if c.Rest == 0 {
		c.Rest = defaultRest
	}
	if c.Silence == 0 {
		c.Silence = defaultSilence
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// Refused is how many packets and reports of RTCP were not taken so far: of strangers, not to be read, not agreed on.
func (e *Engine) Refused() (packets, reports uint64) {
	return e.refused.Load(), e.reportsRefused.Load()
}

// now is the clock of everything here: time since the engine was made.
func (e *Engine) now() time.Duration { return time.Since(e.start) }

// Run moves the media until ctx ends, then closes every endpoint and stops every recorder that is left. It returns nil then, and an error when
// the sockets cannot be read. It may be called once.
func (e *Engine) Run(ctx context.Context) error {
	if e.running.Swap(true) {
		return errors.New("media: Run called twice")
	}
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	var failed error
	wg.Go(func() {
		defer cancel()
		failed = e.net.run(ctx)
	})
	wg.Go(func() { e.wheel.run(ctx) })
	wg.Go(func() { e.watch(ctx) })
	<-ctx.Done()
	e.closeAll()
	cancel()
	wg.Wait()
	e.tasks.Wait()
	return failed
}

func (e *Engine) closeAll() {
	e.mu.Lock()
	e.closed = true
	recorders := slices.Collect(maps.Keys(e.recorders))
	e.mu.Unlock()
	for _, r := range recorders {
		r.Stop()
	}
	for _, end := range e.ends.all() {
		end.Close()
	}
}

// Open makes an endpoint on a free port; the odd one above it is its own too, see control. notify gets its Digit and Timeout events, one after another or not,
// on the engine's goroutines; it may be nil. Errors: ErrNoPorts, ErrClosed, or what the system says.
func (e *Engine) Open(notify func(Event)) (*Endpoint, error) {
	if e.isClosed() {
		return nil, ErrClosed
	}
	end := newEndpoint(e, notify)
	if err := e.bindPair(end); err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		end.release()
		return nil, ErrClosed
	}
	e.ends.add(end)
	return end, nil
}

func (e *Engine) isClosed() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.closed
}

// bindPair goes through the free ports; those that another program has are put back to rest.
func (e *Engine) bindPair(end *Endpoint) error {
	for range e.ports.ring {
		port, ok := e.ports.take(e.now())
		if !ok {
			return ErrNoPorts
		}
		err := e.bind(end, port)
		if err == nil {
			return nil
		}
		e.ports.give(port, e.now())
		if !errors.Is(err, syscall.EADDRINUSE) {
			return err
		}
	}
	return ErrNoPorts
}

func (e *Engine) bind(end *Endpoint, port int) error {
	end.port = port
	end.rtcp.begin(e.now())
	rtp, err := e.net.open(netip.AddrPortFrom(e.cfg.IP, uint16(port)), end)
	if err != nil {
		return err
	}
	end.setSocket(rtp)
	return nil
}
