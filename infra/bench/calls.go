package main

import (
	"time"

	"github.com/offhook/offhook/infra/bench/rig"
)

// children of Kamailio that ask the webhook: each is blocked while it asks.
const askers = 16

// calls: INVITE, webhook, 200, BYE.
func (b *bench) calls() error {
	say("calls answered by a webhook")
	all, err := b.rates([]*rig.System{b.Offhook("1"), b.Sipgo(), b.Kamailio("Kamailio http_client", "kamailio-webhook.cfg", askers)}, 4000)
	if err != nil {
		return err
	}
	us := all[0]
	if err := us.sys.Start(); err != nil {
		return err
	}
	defer us.sys.Stop()
	if err := b.warm(all[:1]); err != nil {
		return err
	}
	if err := b.ownHalf(us); err != nil {
		return err
	}
	b.results.add("INVITE, webhook, 200, BYE", all)
	return nil
}

// bridge: a call is connected to a second sipp.
func (b *bench) bridge() error {
	say("calls bridged to a second sipp")
	answering, err := rig.StartAnswering(b.Dir, b.Scenarios, "uas.xml", rig.PortAnswer)
	if err != nil {
		return err
	}
	defer answering.Kill()
	all, err := b.rates([]*rig.System{b.Offhook("2"), b.Kamailio("Kamailio proxy (no webhook)", "kamailio-proxy.cfg", b.Cores*2)}, 2400)
	if err != nil {
		return err
	}
	b.results.add("Bridged to a second sipp", all)
	return nil
}

// heldCalls: calls that are up and silent.
func (b *bench) heldCalls() error {
	say("%d held calls", b.held)
	for _, s := range []*rig.System{b.Offhook("1"), b.Sipgo()} {
		if err := b.holdOn(s); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) holdOn(s *rig.System) error {
	if err := s.Start(); err != nil {
		return err
	}
	defer s.Stop()
	r := &rated{sys: s}
	if _, _, err := b.atRate(r, 100, 200); err != nil {
		return err
	}
	empty := s.Memory()
	const rate = 1000
	up := time.Duration(b.held) * time.Second / rate
	hold := up + time.Duration(b.hold)*time.Second
	scenario, err := b.heldScenario(hold)
	if err != nil {
		return err
	}
	run, err := rig.StartCalls(b.Dir, b.Dir, rig.Calls{Scenario: scenario, Target: s.Addr, Dial: s.Dial, Rate: rate, Count: b.held,
		Port: rig.PortCaller, Patience: hold + 10*time.Second})
	if err != nil {
		return err
	}
	time.Sleep(up + 2*time.Second)
	before, began := s.CPU(), time.Now()
	time.Sleep(time.Duration(b.hold-4) * time.Second)
	core := (s.CPU() - before) / time.Since(began).Seconds()
	full := s.Memory()
	o, err := run.Finish()
	if err != nil {
		return err
	}
	per := float64(full-empty) / float64(b.held)
	say("  %-28s %v; %.1f kB a call, %.3f core while held", s.Name, o, per/1000, core)
	b.results.Held = append(b.results.Held, held{System: s.Name, Calls: b.held, Failed: o.Calls - o.Good, BytesPerCall: per, Core: core, Empty: empty, Full: full})
	return nil
}
