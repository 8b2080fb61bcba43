// Package embedded runs a Kafka-compatible broker in this process, for development and one small node. It keeps its
// log in a folder and is spoken to over loopback with the same protocol as any broker.
// It does not replicate, and a record is safe from the end of the process, not from the end of the machine's power:
// for production there is Apache Kafka.
package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/offhook/offhook/events"
	"github.com/offhook/offhook/events/internal/dirlock"
)

const segmentBytes = 16 << 20

// Config is how to run the broker. The zero value keeps nothing and takes a free port.
type Config struct {
	Dir     string        // the log's folder, one process at a time; "": in memory
	Addr    string        // "127.0.0.1:9092"; must be loopback; "": a free port of 127.0.0.1
	Compact time.Duration // how often old states and expired events are removed; 0: one minute
	Logger  *slog.Logger  // nil: none
	// Listen opens the port; nil: TCP. Tests give an in-memory network.
	Listen func(network, address string) (net.Listener, error)
	Dial   func(ctx context.Context, network, address string) (net.Conn, error) // goes with Listen
}

// ErrInUse: another process has the folder.
var ErrInUse = dirlock.ErrHeld

// Broker is a running broker.
type Broker struct {
	cluster *kfake.Cluster
	lock    *dirlock.Lock
	kafka   events.Kafka
	every   time.Duration
	closed  func() error
}

// ErrPort says that the address is taken; the error's text names it.
var ErrPort = errors.New("port is taken")

// Open starts the broker and makes the product's topics. It serves until Run or Close ends it.
// Errors: the port is taken (ErrPort), the folder is in use or damaged, the address is not loopback.
func Open(cfg Config) (*Broker, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	port, err := loopbackPort(cfg.Addr)
	if err != nil {
		return nil, err
	}
	b := &Broker{every: cfg.Compact}
	if b.every <= 0 {
		b.every = time.Minute
	}
	b.closed = sync.OnceValue(b.shutDown)
	if cfg.Dir != "" {
		if b.lock, err = dirlock.Acquire(cfg.Dir); err != nil {
			return nil, fmt.Errorf("embedded broker: %w", err)
		}
	}
	if err := b.start(cfg, port); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

func (b *Broker) start(cfg Config, port int) error {
	cluster, err := kfake.NewCluster(options(cfg, port)...)
	if err != nil {
		return startError(cfg, err)
	}
	b.cluster = cluster
	b.kafka = events.Kafka{Brokers: cluster.ListenAddrs(), Dial: cfg.Dial}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := events.EnsureTopics(ctx, b.kafka); err != nil {
		return fmt.Errorf("embedded broker: %w", err)
	}
	return nil
}

func options(cfg Config, port int) []kfake.Opt {
	listen := cfg.Listen
	if listen == nil {
		listen = net.Listen
	}
	opts := []kfake.Opt{
		kfake.Ports(port), kfake.ClusterID("offhook"), kfake.WithLogger(kfakeLogger{cfg.Logger}),
		kfake.BrokerConfigs(map[string]string{"log.segment.bytes": strconv.Itoa(segmentBytes)}),
		kfake.ListenFn(func(network, address string) (net.Listener, error) {
			ln, err := listen(network, address)
			if err != nil {
				return nil, err
			}
			return guardedListener{ln}, nil
		}),
	}
	if cfg.Dir != "" {
		opts = append(opts, kfake.DataDir(cfg.Dir))
	}
	return opts
}

func startError(cfg Config, err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("embedded broker: %w: %s", ErrPort, cfg.Addr)
	}
	return fmt.Errorf("embedded broker: %w", err)
}

// loopbackPort: the broker has no login, so only this machine may reach it.
func loopbackPort(address string) (int, error) {
	if address == "" {
		return 0, nil
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return 0, fmt.Errorf("embedded broker: %q is not host:port", address)
	}
	if host != "127.0.0.1" && host != "localhost" {
		return 0, fmt.Errorf("embedded broker: %s: only 127.0.0.1 is served, it has no login", address)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("embedded broker: %q is no port", port)
	}
	return int(n), nil
}

// Run keeps the log small until ctx ends, which the broker's own ticker does not after a restart, then closes.
func (b *Broker) Run(ctx context.Context) error {
	t := time.NewTicker(b.every)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return b.Close()
		case <-t.C:
			b.cluster.Compact()
			b.cluster.ApplyRetention()
		}
	}
}

// Compact removes superseded states and expired events now.
func (b *Broker) Compact() { b.cluster.Compact() }

// Address is where the broker listens.
func (b *Broker) Address() string { return b.kafka.Brokers[0] }

// Kafka is how to reach the broker.
func (b *Broker) Kafka() events.Kafka { return b.kafka }

// Close stops the broker and saves its log. Closing again does nothing.
func (b *Broker) Close() error { return b.closed() }

func (b *Broker) shutDown() error {
	if b.cluster != nil {
		b.cluster.Close()
	}
	if b.lock == nil {
		return nil
	}
	return b.lock.Release()
}

// kfakeLogger keeps the broker's warnings; its chatter about requests is dropped.
type kfakeLogger struct{ log *slog.Logger }

func (l kfakeLogger) Logf(level kfake.LogLevel, format string, args ...any) {
	switch level {
	case kfake.LogLevelError:
		l.log.Error("embedded broker", "msg", fmt.Sprintf(format, args...))
	case kfake.LogLevelWarn:
		l.log.Warn("embedded broker", "msg", fmt.Sprintf(format, args...))
	}
}
