package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/offhook/offhook/infra/bench/rig"
)

// rated is what is known of a system's calls a second.
type rated struct {
	sys    *rig.System
	good   int // highest rate without a failed call
	bad    int // lowest rate with one, 0: none yet
	next   int
	again  bool // the rate at next failed once: something else on the machine may have been the reason
	found  bool // good and bad are within a tenth
	common int
	costs  []float64 // CPU-seconds per 1,000 calls at the common rate
	load   float64   // CPU-seconds per 1,000 calls at the highest rate
	mem    int64
	times  probes
	own    [2]float64 // p50 and p99, in ms, of what the product says it adds at half of its highest rate
}

// rates finds for each system the highest steady rate with none failed, then the cost of a call at a common rate.
// The systems take turns, so that what else the machine does meets all of them.
func (b *bench) rates(systems []*rig.System, first int) ([]*rated, error) {
	var all []*rated
	for _, s := range systems {
		if err := s.Start(); err != nil {
			return nil, err
		}
		defer s.Stop()
		all = append(all, &rated{sys: s, next: first})
	}
	if err := b.warm(all); err != nil {
		return nil, err
	}
	for range b.steps {
		for _, r := range all {
			if r.found {
				continue
			}
			if err := b.climb(r); err != nil {
				return nil, err
			}
		}
	}
	return all, b.cost(all)
}

// warm lets caches fill and connections be made before anything counts.
func (b *bench) warm(all []*rated) error {
	for _, r := range all {
		if _, _, err := b.atRate(r, 100, 100); err != nil {
			return err
		}
	}
	return nil
}

// climb tries the next rate: half as much again until one fails twice, then between the good and the bad.
func (b *bench) climb(r *rated) error {
	rate := r.next
	o, cpu, err := b.atRate(r, rate, rate*b.step)
	if err != nil {
		return err
	}
	say("  %-28s %5d calls/s: %v, %.2f CPU-s per 1,000", r.sys.Name, rate, o, cpu)
	if o.Clean() {
		r.good, r.load, r.again = rate, cpu, false
	} else {
		if err := r.sys.Start(); err != nil { // what it still repeats must not meet the next run
			return err
		}
		if r.again = !r.again; r.again {
			return nil
		}
		r.bad = rate
	}
	switch {
	case r.bad == 0:
		r.next = rate * 3 / 2
	case r.good == 0:
		r.next = rate / 2
	default:
		r.next = (r.good + r.bad) / 2
		r.found = r.bad*10 <= r.good*11
	}
	return nil
}

// cost measures all systems at half the slowest's highest rate, in turns, and takes the median. In the first round calls
// are timed too; they are too few to count.
func (b *bench) cost(all []*rated) error {
	common := all[0].good
	for _, r := range all {
		common = min(common, r.good)
	}
	if common = common / 2; common == 0 {
		return fmt.Errorf("a system has no rate without failed calls")
	}
	for round := range b.rounds {
		for _, r := range all {
			stop := func() error { return nil }
			if round == 0 {
				stop = r.time()
			}
			o, cpu, err := b.atRate(r, common, common*b.step)
			if err = errors.Join(err, stop()); err != nil {
				return err
			}
			say("  %-28s %5d calls/s: %v, %.2f CPU-s per 1,000", r.sys.Name, common, o, cpu)
			r.common = common
			r.costs = append(r.costs, cpu)
			r.mem = r.sys.Memory()
		}
	}
	for _, r := range all {
		slices.Sort(r.costs)
	}
	return nil
}

// time probes until the function that it gives is called.
func (r *rated) time() (stop func() error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		var err error
		r.times, err = probe(ctx, r.sys)
		done <- err
	}()
	return func() error {
		cancel()
		return <-done
	}
}

// ownHalf measures what the product itself says that it adds to an answer at half of its highest rate: the median of three times.
func (b *bench) ownHalf(r *rated) error {
	var p50, p99 []float64
	for range 3 {
		before, err := r.sys.Metrics()
		if err != nil {
			return err
		}
		if _, _, err = b.atRate(r, r.good/2, r.good/2*(b.step-1)); err != nil {
			return err
		}
		after, err := r.sys.Metrics()
		if err != nil {
			return err
		}
		own := ownTimes(before, after)
		say("  at half of its highest, %d calls/s, offhook itself adds p50 %.2f ms, p99 %.1f ms", r.good/2, own[0], own[1])
		p50, p99 = append(p50, own[0]), append(p99, own[1])
	}
	r.own = [2]float64{median(p50), median(p99)}
	return nil
}

// ownTimes are p50 and p99 of what the product itself added to answers meanwhile, in ms.
func ownTimes(before, after rig.Metrics) (own [2]float64) {
	for i, q := range []float64{0.5, 0.99} {
		own[i] = 1000 * after.Quantile(before, "offhook_answer_seconds", `stage="own"`, q)
	}
	return own
}

// atRate makes calls at a steady rate; cpu is the system's CPU-seconds per 1,000 of them.
func (b *bench) atRate(r *rated, rate, count int) (o rig.Outcome, cpu float64, err error) {
	before := r.sys.CPU()
	run, err := rig.StartCalls(b.Dir, b.Scenarios, rig.Calls{Scenario: "uac.xml", Target: r.sys.Addr, Dial: r.sys.Dial, Rate: rate, Count: count,
		Port: rig.PortCaller, Patience: 4 * time.Second})
	if err != nil {
		return o, 0, err
	}
	if o, err = run.Finish(); err != nil {
		return o, 0, err
	}
	time.Sleep(200 * time.Millisecond) // events and timers of the last calls are part of their cost
	if !r.sys.Alive() {
		return o, 0, fmt.Errorf("%s ended:\n%s", r.sys.Name, rig.Tail(b.Dir+"/"+r.sys.Process.Name+".log", 2000))
	}
	return o, (r.sys.CPU() - before) * 1000 / float64(count), nil
}
