package events

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
)

const (
	dialTimeout    = 5 * time.Second
	requestTimeout = 10 * time.Second
	metadataTTL    = 3 * time.Second // also the longest time until a new leader or topic is seen
)

// client is one user's connections to the broker: all of its requests share one transport.
type client struct {
	kafka.Client
	transport *kafka.Transport
	dialer    *kafka.Dialer // for consumer groups, which do not use the transport
	conns     *connections
}

func (k Kafka) open() (*client, error) {
	if err := k.Validate(); err != nil {
		return nil, err
	}
	mechanism, err := k.SASL.mechanism()
	if err != nil {
		return nil, err
	}
	id := k.ClientID
	if id == "" {
		id = "offhook"
	}
	conns := newConnections(k.Dial)
	tr := &kafka.Transport{
		Dial: conns.dial, DialTimeout: dialTimeout, IdleTimeout: time.Minute, MetadataTTL: metadataTTL,
		ClientID: id, TLS: k.TLS, SASL: mechanism,
	}
	return &client{
		Client:    kafka.Client{Addr: kafka.TCP(k.Brokers...), Transport: tr, Timeout: requestTimeout},
		transport: tr,
		dialer:    &kafka.Dialer{ClientID: id, DialFunc: conns.dial, Timeout: dialTimeout, TLS: k.TLS, SASLMechanism: mechanism},
		conns:     conns,
	}, nil
}

// Close ends all connections, also those with a request under way. No request may begin any more:
// the transport would open itself again.
func (c *client) Close() {
	c.transport.CloseIdleConnections()
	c.conns.close()
}

// partitions gives the number of partitions of a topic. It may be metadataTTL old.
func (c *client) partitions(ctx context.Context, topic string) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	m, err := c.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{topic}})
	if err != nil {
		return 0, err
	}
	for _, t := range m.Topics {
		if t.Name == topic && t.Error == nil && len(t.Partitions) > 0 {
			return len(t.Partitions), nil
		}
	}
	return 0, fmt.Errorf("topic %s: %w", topic, kafka.UnknownTopicOrPartition)
}

// offset resolves kafka.FirstOffset, kafka.LastOffset or, with at set, the first offset not older than that.
func (c *client) offset(ctx context.Context, topic string, partition int, which int64, at time.Time) (int64, error) {
	ask := kafka.OffsetRequest{Partition: partition, Timestamp: which}
	if !at.IsZero() {
		ask = kafka.TimeOffsetOf(partition, at)
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	res, err := c.ListOffsets(ctx, &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{topic: {ask}}})
	if err != nil {
		return 0, err
	}
	for _, p := range res.Topics[topic] {
		if p.Partition != partition {
			continue
		}
		if p.Error != nil {
			return 0, p.Error
		}
		return pickOffset(p, which, at), nil
	}
	return 0, fmt.Errorf("topic %s partition %d: no offset in the answer", topic, partition)
}

// pickOffset gives -1 when nothing is as new as at.
func pickOffset(p kafka.PartitionOffsets, which int64, at time.Time) int64 {
	switch {
	case !at.IsZero():
		for off := range p.Offsets {
			return off
		}
		return -1
	case which == kafka.FirstOffset:
		return p.FirstOffset
	}
	return p.LastOffset
}

// connections knows every open connection, so that closing does not wait for a broker that is silent.
type connections struct {
	inner func(context.Context, string, string) (net.Conn, error)
	mu    sync.Mutex
	open  map[*connection]struct{}
	over  bool
}

func newConnections(dial func(context.Context, string, string) (net.Conn, error)) *connections {
	if dial == nil {
		dial = (&net.Dialer{Timeout: dialTimeout}).DialContext
	}
	return &connections{inner: dial, open: map[*connection]struct{}{}}
}

var errClientClosed = errors.New("kafka client is closed")

func (s *connections) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := s.inner(ctx, network, address)
	if err != nil {
		return nil, err
	}
	c := &connection{Conn: conn, of: s}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return nil, errors.Join(errClientClosed, conn.Close())
	}
	s.open[c] = struct{}{}
	return c, nil
}

// breakAll closes what is open; new connections are still allowed.
func (s *connections) breakAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.open {
		_ = c.Conn.Close() // its user sees the error
	}
}

func (s *connections) close() {
	s.mu.Lock()
	s.over = true
	s.mu.Unlock()
	s.breakAll()
}

type connection struct {
	net.Conn
	of *connections
}

func (c *connection) Close() error {
	c.of.mu.Lock()
	delete(c.of.open, c)
	c.of.mu.Unlock()
	return c.Conn.Close()
}

// sleep waits; false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
