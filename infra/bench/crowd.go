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

// crowd: the cost of a call while few and many others are up, from few to many and back, as the machine is not always as fast.
func (b *bench) crowd() error {
	say("the cost of a call while others are up")
	costs := map[int][]float64{}
	back := slices.Clone(b.crowds)
	slices.Reverse(back)
	for _, up := range slices.Concat(b.crowds, back) {
		more, err := b.among(up)
		if err != nil {
			return err
		}
		costs[up] = append(costs[up], more...)
	}
	for _, up := range b.crowds {
		c := crowded{up, median(costs[up])}
		say("  %5d up: %.3f CPU-s per 1,000", c.Up, c.CPU)
		b.results.Crowd = append(b.results.Crowd, c)
	}
	return nil
}

func (b *bench) among(up int) (costs []float64, err error) {
	sys := b.Offhook("1")
	if err := sys.Start(); err != nil {
		return nil, err
	}
	defer sys.Stop()
	r := &rated{sys: sys}
	if err := b.warm([]*rated{r}); err != nil {
		return nil, err
	}
	const pace = 1000
	rise := time.Duration(up)*time.Second/pace + time.Second
	scenario, err := b.heldScenario(rise + 40*time.Second)
	if err != nil {
		return nil, err
	}
	holding, err := rig.StartCalls(b.Dir, b.Dir, rig.Calls{Scenario: scenario, Target: sys.Addr, Dial: sys.Dial, Rate: pace, Count: up, Port: rig.PortHolder})
	if err != nil {
		return nil, err
	}
	defer holding.Kill()
	time.Sleep(rise)
	const idle = 2 * time.Second
	before := sys.CPU()
	time.Sleep(idle)
	standing := (sys.CPU() - before) / idle.Seconds()
	for range 3 {
		began := time.Now()
		_, cpu, err := b.atRate(r, crowdRate, crowdRate*2)
		if err != nil {
			return nil, err
		}
		costs = append(costs, cpu-standing*time.Since(began).Seconds()/2)
	}
	return costs, nil
}

func median[T cmp.Ordered](list []T) (m T) {
	if len(list) == 0 {
		return m
	}
	slices.Sort(list)
	return list[len(list)/2]
}
