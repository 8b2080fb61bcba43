package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/offhook/offhook/infra/bench/rig"
)

// overloaded is what twice the highest rate did.
type overloaded struct {
	Highest  int     `json:"highest_calls_per_second"` // without failures for Steady seconds, measured just before
	After    int     `json:"highest_after"`            // the same, just after: machines are not always as fast
	Steady   int     `json:"highest_for_seconds"`
	Offered  int     `json:"offered_calls_per_second"`
	OwnP50MS float64 `json:"own_p50_ms"` // offhook_answer_seconds, stage own, at half of the highest, before
	OwnP99MS float64 `json:"own_p99_ms"`
	Seconds  int     `json:"seconds"`
	Good     int     `json:"good_calls_per_second"` // meanwhile
	Share    float64 `json:"share_of_highest"`      // of the mean of before and after
	Normal   float64 `json:"normal_after_seconds"`  // at half of the highest; -1: not seen
	Left     int     `json:"calls_left"`
	LeftTime float64 `json:"none_left_after_seconds"` // since the last call began
}

// overload: twice the highest rate, then half of it at once. On a core of its own: at this rate the generator would take
// from the product what it offers.
func (b *bench) overload() error {
	if b.Cores < 2 {
		return b.flooded(b.Offhook("1"))
	}
	product, others := rig.Apart(b.Cores)
	var all rig.Cores
	for cpu := range b.Cores {
		all.Set(cpu)
	}
	for _, p := range b.beside {
		if err := p.Move(others); err != nil {
			return err
		}
		defer func() { _ = p.Move(all) }() // what comes next measures itself
	}
	sys := b.Offhook("1")
	sys.Cores = &product
	return rig.On(others, func() error { return b.flooded(sys) })
}

func (b *bench) flooded(sys *rig.System) error {
	highest, err := b.highest(sys)
	if err != nil {
		return err
	}
	defer sys.Stop()
	half := &rated{sys: sys, good: highest}
	if err := b.ownHalf(half); err != nil {
		return err
	}
	o := &overloaded{Highest: highest, Offered: 2 * highest, Steady: b.steady, Seconds: b.flood, OwnP50MS: half.own[0], OwnP99MS: half.own[1]}
	say("%d calls/s for %d s, twice the highest", o.Offered, o.Seconds)
	run, err := rig.StartCalls(b.Dir, b.Scenarios, rig.Calls{Scenario: "uac.xml", Target: sys.Addr, Dial: sys.Dial, Rate: o.Offered,
		Count: o.Offered * o.Seconds, Port: rig.PortCaller, Patience: 45 * time.Second})
	if err != nil {
		return err
	}
	time.Sleep(time.Duration(o.Seconds) * time.Second)
	ended := time.Now()
	if err := b.afterwards(sys, o); err != nil {
		return err
	}
	flood, err := run.Finish()
	if err != nil {
		return err
	}
	o.Good = good(flood.Course[:min(len(flood.Course), o.Seconds)]) / o.Seconds
	if o.Left, err = b.untilNone(sys, 40*time.Second); err != nil {
		return err
	}
	o.LeftTime = time.Since(ended).Seconds()
	say("  %d good calls/s, normal after %.0f s, %d calls left after %.0f s; in all %v", o.Good, o.Normal, o.Left, o.LeftTime, flood)
	b.results.Overload = o
	return b.share(sys, o)
}

// share compares what was good to the highest rate, of before and of now.
func (b *bench) share(sys *rig.System, o *overloaded) (err error) {
	if o.After, err = b.highestFrom(sys, o.Highest); err != nil {
		return err
	}
	o.Share = 2 * float64(o.Good) / float64(o.Highest+o.After)
	say("  the highest rate is %d calls/s now; %.0f %% of the mean of before and now were good", o.After, 100*o.Share)
	return nil
}

// highestFrom finds the highest rate again, to a tenth, beginning at one that it was.
func (b *bench) highestFrom(sys *rig.System, rate int) (int, error) {
	good, err := b.clean(sys, rate)
	for up := good; err == nil && rate > 100; {
		next := rate * 10 / 11
		if up {
			next = rate * 11 / 10
		}
		if good, err = b.clean(sys, next); good != up {
			return min(rate, next), err
		}
		rate = next
	}
	return 0, errors.Join(err, fmt.Errorf("%s has no rate without failed calls any more", sys.Name))
}

// clean tells whether a rate goes without failures; it has a second try, as in climb.
func (b *bench) clean(sys *rig.System, rate int) (bool, error) {
	for range 2 {
		o, _, err := b.atRate(&rated{sys: sys}, rate, rate*b.steady)
		if err != nil || o.Clean() {
			return err == nil, err
		}
		say("  %d calls/s: %v", rate, o)
		if err := sys.Start(); err != nil {
			return false, err
		}
	}
	return false, nil
}

// highest finds the rate without failures where the product has what it has here, beginning with what it did where it had
// all. The system runs afterwards.
func (b *bench) highest(sys *rig.System) (int, error) {
	if err := sys.Start(); err != nil {
		return 0, err
	}
	if err := b.warm([]*rated{{sys: sys}}); err != nil {
		return 0, err
	}
	first := 4000
	if len(b.results.Rates) > 0 {
		first = b.results.Rates[0].Highest * 9 / 10
	}
	return b.highestFrom(sys, first)
}

// afterwards calls at half of the highest rate from another port and sees when every second is as it should be.
func (b *bench) afterwards(sys *rig.System, o *overloaded) error {
	const seconds = 8
	rate := o.Highest / 2
	run, err := rig.StartCalls(b.Dir, b.Scenarios, rig.Calls{Scenario: "uac.xml", Target: sys.Addr, Dial: sys.Dial, Rate: rate,
		Count: rate * seconds, Port: rig.PortHolder, Patience: 5 * time.Second})
	if err != nil {
		return err
	}
	after, err := run.Finish()
	if err != nil {
		return err
	}
	o.Normal = normalAfter(after.Course, rate, seconds)
	return nil
}

// normalAfter is the first second from which on nine tenths of the rate went well and nothing failed.
func normalAfter(course []rig.Second, rate, seconds int) float64 {
	n := min(len(course), seconds)
	first := n
	for first > 0 && course[first-1].Failed == 0 && course[first-1].Good*10 >= rate*9 {
		first--
	}
	if first == n {
		return -1
	}
	return float64(first)
}

// good counts the calls that ended well. Seconds are not alike: new calls are taken and refused in turns.
func good(course []rig.Second) (n int) {
	for _, s := range course {
		n += s.Good
	}
	return n
}

// untilNone waits until no call is live, and tells how many are left.
func (b *bench) untilNone(sys *rig.System, most time.Duration) (int, error) {
	for end := time.Now().Add(most); ; time.Sleep(500 * time.Millisecond) {
		m, err := sys.Metrics()
		if err != nil {
			return 0, err
		}
		if left := int(m["offhook_calls_live"]); left == 0 || time.Now().After(end) {
			return left, nil
		}
	}
}
