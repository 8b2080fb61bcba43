package main

import (
	"cmp"
	"slices"
	"time"

	"github.com/offhook/offhook/infra/bench/rig"
)

// crowded is what a call costs while others are up.
type crowded struct {
	Up  int     `json:"calls_up"`
	CPU float64 `json:"cpu_seconds_per_1000_calls"` // without what holding the others costs; median
}

const crowdRate = 1000

// crowd: the cost of a call while few and many others are up.
func (b *bench) crowd() error {
	say("the cost of a call while others are up")
	for _, up := range b.crowds {
		c, err := b.among(up)
		if err != nil {
			return err
		}
		say("  %5d up: %.3f CPU-s per 1,000", c.Up, c.CPU)
		b.results.Crowd = append(b.results.Crowd, c)
	}
	return nil
}

func (b *bench) among(up int) (c crowded, err error) {
	sys := b.Offhook("1")
	if err := sys.Start(); err != nil {
		return c, err
	}
	defer sys.Stop()
	r := &rated{sys: sys}
	if err := b.warm([]*rated{r}); err != nil {
		return c, err
	}
	const pace = 1000
	rise := time.Duration(up)*time.Second/pace + time.Second
	scenario, err := b.heldScenario(rise + 40*time.Second)
	if err != nil {
		return c, err
	}
	holding, err := rig.StartCalls(b.Dir, b.Dir, rig.Calls{Scenario: scenario, Target: sys.Addr, Dial: sys.Dial, Rate: pace, Count: up, Port: rig.PortHolder})
	if err != nil {
		return c, err
	}
	defer holding.Kill()
	time.Sleep(rise)
	const idle = 2 * time.Second
	before := sys.CPU()
	time.Sleep(idle)
	standing := (sys.CPU() - before) / idle.Seconds()
	var costs []float64
	for range 5 {
		began := time.Now()
		_, cpu, err := b.atRate(r, crowdRate, crowdRate*2)
		if err != nil {
			return c, err
		}
		costs = append(costs, cpu-standing*time.Since(began).Seconds()/2)
	}
	return crowded{up, median(costs)}, nil
}

func median[T cmp.Ordered](list []T) (m T) {
	if len(list) == 0 {
		return m
	}
	slices.Sort(list)
	return list[len(list)/2]
}
