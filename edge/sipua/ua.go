package sipua

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/offhook/offhook/edge/load"
)

// ErrClosed: the UA's Run has ended.
var ErrClosed = errors.New("sipua: closed")

// UA is one user agent on its sockets. New binds, Run serves.
type UA struct {
	cfg      Config
	handler  Handler
	final    FinalHandler      // handler, if it is one
	load     func() load.Level // the handler's
	dir      Directory
	log      *slog.Logger
	bindings *bindings
	lamps    lamps
	workers  []*worker
	net      *transports
	ids      sharedIDs
	reload   chan struct{} // read by runGateways
	live     atomic.Int64  // dialogs
	draining atomic.Int64  // seconds of Retry-After; 0: not draining
	closed   atomic.Bool
	errands  sync.WaitGroup // look-ups under way
	lookups  chan struct{}  // one token each
	refusals
}

// refusals are what was not served.
type refusals struct {
	dropped atomic.Int64 // messages that no queue had room for
	refused atomic.Int64 // INVITEs answered 503
	excess  atomic.Int64 // requests in excess of a source's share
	greedy  seldom       // tells of these
}

// New binds the sockets of cfg; a port that is taken is an error naming it. The UA serves once Run is called.
func New(cfg Config, h Handler, dir Directory) (*UA, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	u := &UA{cfg: cfg, handler: h, dir: dir, log: cfg.Logger, reload: make(chan struct{}, 1), lookups: make(chan struct{}, maxLookups)}
	u.final, _ = h.(FinalHandler)
	u.load = func() load.Level { return load.InTime }
	if l, ok := h.(LoadHandler); ok {
		u.load = l.Load
	}
	u.ids.ids = newIDs(cfg.Secret, cfg.Node)
	for range cfg.Workers {
		u.workers = append(u.workers, newWorker(u))
	}
	if u.net, err = bind(u); err != nil {
		return nil, err
	}
	u.bindings, u.lamps = newBindings(u), newLamps()
	return u, nil
}

func (c Config) withDefaults() (Config, error) {
	if len(c.Listen) == 0 {
		return c, errors.New("sipua: nothing to listen on")
	}
	if len(c.Secret) == 0 {
		c.Secret = make([]byte, 32)
		_, _ = rand.Read(c.Secret) // crypto/rand.Read never fails
	}
	c.Node = cmp.Or(token(c.Node), "edge")
	c.UserAgent = cmp.Or(c.UserAgent, "offhook")
	c.Workers, c.Queue = max(cmp.Or(c.Workers, 4), 1), max(cmp.Or(c.Queue, 4096), 1)
	c.SessionExpires, c.MinSE = cmp.Or(c.SessionExpires, 1800*time.Second), cmp.Or(c.MinSE, 90*time.Second)
	c.MaxExpires, c.MinExpires = cmp.Or(c.MaxExpires, time.Hour), cmp.Or(c.MinExpires, 10*time.Second)
	c.DefaultExpires = cmp.Or(c.DefaultExpires, 600*time.Second)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if err := checkText(c.UserAgent, c.Advertise); err != nil {
		return c, fmt.Errorf("sipua: config: %w", err)
	}
	return c.withNetwork(), nil
}

func (c Config) withNetwork() Config {
	if c.ListenPacket == nil {
		c.ListenPacket = listenPacket
	}
	if c.ListenTCP == nil {
		c.ListenTCP = net.Listen
	}
	if c.DialTCP == nil {
		c.DialTCP = (&net.Dialer{}).DialContext
	}
	if c.Lookup == nil {
		c.Lookup = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	return c
}

// Run serves until ctx ends, then ends what is left and closes the sockets. It is called once.
func (u *UA) Run(ctx context.Context) error {
	work, stopWork := context.WithCancel(context.Background())
	defer stopWork()
	var workers sync.WaitGroup
	for _, w := range u.workers {
		workers.Go(func() { w.run(work) })
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return u.net.serve(ctx) })
	group.Go(func() error { return u.runGateways(ctx) })
	group.Go(func() error {
		<-ctx.Done()
		u.draining.CompareAndSwap(0, busyRetry)
		return nil
	})
	err := group.Wait()
	u.closed.Store(true)
	stopWork() // the workers say good-bye while the sockets are still open
	workers.Wait()
	u.net.close()
	u.errands.Wait()
	if err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("sipua: %w", err)
	}
	return nil
}

// Addrs are the listeners, as "udp:ip:port", "tcp:ip:port" ....
func (u *UA) Addrs() []string { return u.net.addrs() }

// Dialogs counts the dialogs that have not ended.
func (u *UA) Dialogs() int { return int(u.live.Load()) }

// Dropped counts messages that were thrown away because a worker's queue was full.
func (u *UA) Dropped() int64 { return u.dropped.Load() }

// Refused counts the new calls that were answered 503 before the handler heard of them.
func (u *UA) Refused() int64 { return u.refused.Load() }

// Excess counts the requests that were dropped or refused as their source had had its share while others waited.
func (u *UA) Excess() int64 { return u.excess.Load() }

// Drain refuses new calls with 503 and Retry-After from now on; dialogs go on.
func (u *UA) Drain(retryAfter time.Duration) {
	u.draining.Store(max(int64(retryAfter/time.Second), 1))
}

// Reload makes the gateways be read again from the Directory.
func (u *UA) Reload() {
	select {
	case u.reload <- struct{}{}:
	default:
	}
}

func (u *UA) answered(d *Dialog) {
	if u.final != nil {
		u.final.OnFinal(d)
	}
}

// worker that owns a Call-ID.
func (u *UA) worker(callID string) *worker {
	return u.workers[hashString(callID)%uint32(len(u.workers))]
}
