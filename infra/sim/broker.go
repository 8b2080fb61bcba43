package sim

import (
	"context"
	"fmt"
	"time"

	"github.com/offhook/offhook/events"
	"github.com/offhook/offhook/events/embedded"
	"github.com/offhook/offhook/events/eventstest"
)

// kafka is the way to the log as it ships: spool, forwarder and a broker, over a network that fails.
type kafka struct {
	ledger *ledger // what was published
	log    *events.Log
	broker *embedded.Broker
	net    *eventstest.Network
}

// publisher is the ledger alone, or the ledger and the real log.
func (w *world) publisher(ctx context.Context, e *edge) (events.Publisher, error) {
	if w.opts.Spool == "" {
		return w.ledger, nil
	}
	k := &kafka{ledger: w.ledger, net: eventstest.NewNetwork()}
	var err error
	if k.broker, err = embedded.Open(embedded.Config{Listen: k.net.Listen, Dial: k.net.Dial}); err != nil {
		return nil, err
	}
	if k.log, err = events.Open(events.Config{Dir: w.opts.Spool, Kafka: k.broker.Kafka()}); err != nil {
		return nil, err
	}
	e.kafka = k
	e.start(ctx, k.log.Run)
	for n := range 4 {
		w.outage(text(n))
	}
	return k, nil
}

// outage takes the broker's network away for a while.
func (w *world) outage(n string) {
	day := time.Duration(w.opts.Calls) * time.Second / pace
	at, lasts := w.dice.span(0, day+time.Second, "outage", n), w.dice.span(time.Second, 20*time.Second, "lasts", n)
	w.after(at, func() { w.edge.kafka.net.Cut() })
	w.after(at+lasts, func() { w.edge.kafka.net.Mend() })
}

// Publish is events.Publisher. What the log takes must come out of the broker.
func (k *kafka) Publish(e events.Event) error {
	if err := k.log.Publish(e); err != nil {
		return err
	}
	return k.ledger.Publish(e)
}

// delivered waits until all is in the broker and gives what is there.
func (k *kafka) delivered(ctx context.Context) (*ledger, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	if err := k.log.Drain(ctx); err != nil {
		return nil, fmt.Errorf("the spool was not forwarded: %w", err)
	}
	got := &ledger{calls: map[string][]entry{}}
	err := events.Tail(ctx, k.broker.Kafka(), events.TailConfig{From: events.FromBeginning, Stop: true},
		func(d events.Delivered) error { return got.Publish(d.Event) })
	return got, err
}

// close ends the broker and waits for what its connections have left behind.
func (k *kafka) close() error {
	err := k.broker.Close()
	time.Sleep(2 * time.Minute)
	return err
}

// compare holds what came out of the broker to what was published: at least once, and in order.
func (w *world) compare(got *ledger) {
	for id, want := range w.ledger.calls {
		list, name := distinct(got.calls[id]), w.nameOf(id)
		if len(list) != len(want) {
			w.problem(name, "%d events were published, %d came out of the broker", len(want), len(list))
		}
		for i, e := range list {
			if e.seq != int64(i+1) {
				w.problem(name, "event %d came out of the broker where %d belongs", e.seq, i+1)
				break
			}
		}
	}
}
