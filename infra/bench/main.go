// Command bench measures offhook beside what people would use instead, on one machine, in one run, in turns.
// It proves nothing about correctness; that is what the tests do.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/offhook/offhook/infra/bench/rig"
)

// plan is how much is done.
type plan struct {
	step    int // seconds at one rate
	steps   int // rates tried per system
	rounds  int // of measuring the cost
	held    int
	hold    int // seconds
	relays  []int
	seconds int   // of RTP at one size
	flood   int   // seconds of overload
	steady  int   // seconds at a rate that is compared with it
	crowds  []int // calls up while the cost of one more is measured
	events  int   // seconds of publishing
	prompts int
}

var (
	whole = plan{step: 4, steps: 10, rounds: 2, held: 5000, hold: 8, relays: []int{100, 300, 900}, seconds: 4, flood: 30, steady: 8, crowds: []int{100, 1000, 5000}, events: 5, prompts: 1000}
	quick = plan{step: 3, steps: 3, rounds: 1, held: 1000, hold: 6, relays: []int{100, 300}, seconds: 4, flood: 8, steady: 4, crowds: []int{100, 1000}, events: 2, prompts: 1000}
)

const everything = "calls,overload,crowd,bridge,held,relay,prompts,events"

// bench is one run.
type bench struct {
	*rig.Bench
	plan
	beside  []*rig.Process // that serve all of it
	results results
}

func main() {
	bin := flag.String("bin", "bin/bench", "folder of the programs")
	scenarios := flag.String("scenarios", "infra/bench/scenarios", "folder of the scenarios")
	out := flag.String("out", "infra/bench", "folder for results.json, BENCHMARKS.md and chart.svg; empty: print only")
	only := flag.String("only", everything, "which; fewer than all are only printed")
	fast := flag.Bool("quick", false, "a short run")
	profile := flag.String("pprof", "", "address for the product's profiles")
	flag.Parse()
	if err := run(*bin, *scenarios, *out, *only, *profile, *fast); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(bin, scenarios, out, only, profile string, fast bool) error {
	dir, err := os.MkdirTemp("", "offhook-bench")
	if err != nil {
		return err
	}
	bin, _ = filepath.Abs(bin) // fails only without a working directory
	scenarios, _ = filepath.Abs(scenarios)
	b := &bench{Bench: &rig.Bench{Dir: dir, Bin: bin, Scenarios: scenarios, Profile: profile, Cores: runtime.NumCPU()}, plan: whole}
	if fast {
		b.plan = quick
	}
	if only != everything {
		out = ""
	}
	b.results = describe(fast)
	if err := b.all(strings.Split(only, ",")); err != nil {
		return fmt.Errorf("%w\nlogs: %s", err, dir)
	}
	if err := b.results.write(out); err != nil {
		return err
	}
	return os.RemoveAll(dir)
}

// all runs the benchmarks; the webhook and the product's event log serve all of them.
func (b *bench) all(only []string) error {
	hook, err := b.Hook()
	if err != nil {
		return err
	}
	defer hook.Kill()
	broker, err := b.Broker()
	if err != nil {
		return err
	}
	defer broker.Kill()
	b.beside = []*rig.Process{hook, broker}
	for _, name := range only {
		work, ok := b.benchmarks()[name]
		if !ok {
			return fmt.Errorf("no benchmark %q", name)
		}
		if err := work(); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func (b *bench) benchmarks() map[string]func() error {
	return map[string]func() error{"calls": b.calls, "overload": b.overload, "crowd": b.crowd, "bridge": b.bridge, "held": b.heldCalls,
		"relay": b.relay, "prompts": b.playing, "events": b.eventPath}
}

func say(format string, args ...any) { fmt.Printf(format+"\n", args...) }
