package main

import (
	"fmt"
	"time"

	"github.com/offhook/offhook/infra/bench/rig"
	"github.com/offhook/offhook/infra/bench/rtp"
)

// relay: RTP of two-party calls through the product and through rtpengine, beside the direct way.
func (b *bench) relay() error {
	say("relayed RTP of two-party calls")
	for _, calls := range b.relays {
		direct, err := b.relayOnce("direct", nil, calls, b.direct)
		if err != nil {
			return err
		}
		for _, round := range []struct {
			sys   *rig.System
			setUp func(*rig.System, int, *rtp.Party, *rtp.Party) (func(), error)
		}{{b.Offhook("2"), b.bridged}, {b.RTPEngine(), b.engine}} {
			r, err := b.relayOnce(round.sys.Name, round.sys, calls, round.setUp)
			if err != nil {
				return fmt.Errorf("%s: %w", round.sys.Name, err)
			}
			r.AddedP50US, r.AddedP99US = r.p50-direct.p50, r.p99-direct.p99
			say("  %-28s %4d calls: %.2f us CPU a packet, added delay p50 %.0f us p99 %.0f us, %d of %d packets lost",
				r.System, calls, r.CPUMicros, r.AddedP50US, r.AddedP99US, r.Lost, r.Packets)
			b.results.Relay = append(b.results.Relay, r.relayed)
		}
	}
	return nil
}

// measured is a relayed with its delays.
type measured struct {
	relayed
	p50, p99 float64
}

// relayOnce sets calls up, lets RTP flow and measures what it costs.
func (b *bench) relayOnce(name string, sys *rig.System, calls int, setUp func(*rig.System, int, *rtp.Party, *rtp.Party) (func(), error)) (m measured, err error) {
	if sys != nil {
		if err := sys.Start(); err != nil {
			return m, err
		}
		defer sys.Stop()
	}
	from, err := rtp.NewParty()
	if err != nil {
		return m, err
	}
	defer from.Close()
	to, err := rtp.NewParty()
	if err != nil {
		return m, err
	}
	defer to.Close()
	done, err := setUp(sys, calls, from, to)
	if err != nil {
		return m, err
	}
	defer done()
	if _, err := rtp.Run(from, to, time.Second); err != nil { // caches fill, sources are learnt
		return m, err
	}
	return b.flow(name, sys, calls, from, to)
}

func (b *bench) flow(name string, sys *rig.System, calls int, from, to *rtp.Party) (m measured, err error) {
	before := cpuOf(sys)
	r, err := rtp.Run(from, to, time.Duration(b.seconds)*time.Second)
	if err != nil {
		return m, err
	}
	m.relayed = relayed{System: name, Calls: calls, Packets: r.Sent, Lost: r.Sent - r.Received}
	if r.Received == 0 {
		return m, fmt.Errorf("none of %d packets came through", r.Sent)
	}
	m.CPUMicros = (cpuOf(sys) - before) * 1e6 / float64(r.Received)
	m.p50, m.p99 = rig.Percentile(r.Delay, 50), rig.Percentile(r.Delay, 99)
	return m, nil
}

func cpuOf(sys *rig.System) float64 {
	if sys == nil {
		return 0
	}
	return sys.CPU()
}

// direct: the parties send to each other.
func (b *bench) direct(_ *rig.System, calls int, from, to *rtp.Party) (func(), error) {
	for range calls {
		from.SendTo(to.Addr())
		to.SendTo(from.Addr())
	}
	return func() {}, nil
}

// bridged: SIP calls that the product connects to the callee.
func (b *bench) bridged(sys *rig.System, calls int, from, to *rtp.Party) (func(), error) {
	s, err := rtp.NewSIP(sys.Addr, rig.Local(rig.PortAnswer))
	if err != nil {
		return nil, err
	}
	s.Answer(to)
	for range calls {
		if err := s.Call(sys.Dial, from, to); err != nil {
			s.Close()
			return nil, err
		}
	}
	return s.Close, nil
}

// engine: calls that rtpengine is told of.
func (b *bench) engine(sys *rig.System, calls int, from, to *rtp.Party) (func(), error) {
	ng, err := rtp.DialNG(sys.Addr)
	if err != nil {
		return nil, err
	}
	for i := range calls {
		if err := ng.Call(i, from, to); err != nil {
			ng.Close()
			return nil, err
		}
	}
	return ng.Close, nil
}
