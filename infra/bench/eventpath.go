package main

import (
	"context"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/offhook/offhook/events"
	"github.com/offhook/offhook/infra/bench/rig"
	"github.com/offhook/offhook/schemas/encode"
	"github.com/offhook/offhook/schemas/event"
)

// published is the event path alone: encoding and publishing in this process, spool, broker in another.
type published struct {
	Rate      int     `json:"events_per_second"`
	Cores     float64 `json:"cores"`              // of all, at that rate
	Micros    float64 `json:"publish_us"`         // of the publisher's own time, encoding included
	Share     float64 `json:"publish_share"`      // of a call's CPU, with eventsOfCall; 0: calls were not measured
	Backlog   uint64  `json:"backlog_at_the_end"` // events not yet in the broker when the last was published
	DrainedMS int64   `json:"drained_ms"`         // until the broker had them all
}

const (
	eventRate    = 50_000
	eventsOfCall = 11 // of a call that is answered and hung up
)

// eventPath: 50,000 events a second through spool and broker.
func (b *bench) eventPath() error {
	say("%d events/s through the spool", eventRate)
	dir, err := os.MkdirTemp(b.Dir, "spool")
	if err != nil {
		return err
	}
	log, err := events.Open(events.Config{Dir: dir, Kafka: events.Kafka{Brokers: []string{rig.Local(rig.PortKafka)}}})
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- log.Run(ctx) }()
	p, err := b.publish(log)
	stop()
	if failed := <-done; err == nil {
		err = failed
	}
	if err != nil {
		return err
	}
	if len(b.results.Rates) > 0 {
		p.Share = p.Micros * eventsOfCall / (b.results.Rates[0].CPU * 1000)
	}
	say("  %.2f cores, %.2f us to publish one, %d not yet in the broker at the end, all there after %d ms", p.Cores, p.Micros, p.Backlog, p.DrainedMS)
	b.results.Events = &p
	return nil
}

// publish publishes at the rate, in portions of a hundredth of a second, for as long as the plan says.
func (b *bench) publish(log *events.Log) (published, error) {
	p := published{Rate: eventRate}
	if err := portion(log, 0); err != nil { // connects
		return p, err
	}
	const portions = 100
	began, cpu, own := time.Now(), cpuHere(), time.Duration(0)
	for i := range b.events * portions {
		time.Sleep(time.Until(began.Add(time.Duration(i) * time.Second / portions)))
		start := time.Now()
		if err := portion(log, i); err != nil {
			return p, err
		}
		own += time.Since(start)
	}
	p.Cores = (cpuHere() - cpu) / time.Since(began).Seconds()
	p.Micros = float64(own.Microseconds()) / float64(b.events*eventRate)
	p.Backlog = log.Stats().Backlog
	end := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	err := log.Drain(ctx)
	p.DrainedMS = time.Since(end).Milliseconds()
	return p, err
}

// portion publishes the events of a hundredth of a second.
func portion(log *events.Log, n int) error {
	for i := range eventRate / 100 {
		id := fmt.Sprintf("call_01M80FNC09J4ARN%06d%05d", n, i/eventsOfCall)
		leg := &event.Leg{Base: event.Base{CallID: id, Tenant: "bench", Seq: int64(i%eventsOfCall + 1), At: time.Now()}, Leg: 1, CallerNumber: "+37120001111"}
		body, err := encode.JSON(leg)
		if err != nil {
			return err
		}
		if err := log.Publish(events.Event{ID: id + "-1", Type: "offhook.leg.answered", Source: "/offhook/edge/bench", Subject: id, Data: body}); err != nil {
			return err
		}
	}
	return nil
}

// cpuHere is this process's CPU-seconds.
func cpuHere() float64 {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r) // fails only for a bad argument
	return time.Duration(r.Utime.Nano() + r.Stime.Nano()).Seconds()
}
