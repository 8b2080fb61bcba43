package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/offhook/offhook/infra/bench/rig"
	"github.com/offhook/offhook/infra/bench/rtp"
)

// played is how evenly, and at what cost, prompts went out.
type played struct {
	System    string  `json:"system"`
	Streams   int     `json:"streams"`
	Packets   int     `json:"packets"`
	Lost      int     `json:"lost"`
	LateP50US float64 `json:"late_p50_us"` // behind the 20 ms grid of the stream's earliest packet
	LateP99US float64 `json:"late_p99_us"`
	LateMost  float64 `json:"late_most_us"`
	CPUMicros float64 `json:"cpu_us_per_packet,omitempty"`
	CPUStream float64 `json:"core_percent_per_stream,omitempty"`
}

const ears = 10 // parties that listen: one socket does not hold the packets of a thousand streams while its reader waits

// playing: as many calls as wanted that each hear a prompt of their own at once, beside a bare loop on the same machine.
func (b *bench) playing() error {
	say("%d prompts at once", b.prompts)
	parties := make([]*rtp.Party, ears)
	for i := range parties {
		p, err := rtp.NewParty()
		if err != nil {
			return err
		}
		defer p.Close()
		parties[i] = p
	}
	for _, round := range []func([]*rtp.Party) (played, error){b.loop, b.play} {
		p, err := round(parties)
		if err != nil {
			return err
		}
		say("  %-28s %d streams, %d packets: late p50 %.0f us, p99 %.0f us, most %.0f us; %.1f us CPU a packet, %.3f %% of a core a stream; %d lost",
			p.System, p.Streams, p.Packets, p.LateP50US, p.LateP99US, p.LateMost, p.CPUMicros, p.CPUStream, p.Lost)
		b.results.Prompts = append(b.results.Prompts, p)
	}
	return nil
}

const listening = 5 * time.Second

// loop is a goroutine of this program that does nothing but send as many packets in time.
func (b *bench) loop(parties []*rtp.Party) (p played, err error) {
	from, err := rtp.NewParty()
	if err != nil {
		return p, err
	}
	defer from.Close()
	for i := range b.prompts {
		from.SendTo(parties[i%ears].Addr())
	}
	sent := make(chan error, 1)
	go func() { sent <- rtp.Send(from, listening) }()
	g, err := rtp.Listen(parties, listening+time.Second)
	if err == nil {
		err = <-sent
	}
	return even("a loop that only sends", g), err
}

// play is the product.
func (b *bench) play(parties []*rtp.Party) (p played, err error) {
	sys := b.Offhook("3")
	if err := sys.Start(); err != nil {
		return p, err
	}
	defer sys.Stop()
	s, err := rtp.NewSIP(sys.Addr, rig.Local(rig.PortAnswer))
	if err != nil {
		return p, err
	}
	s.Answer(parties[0])
	defer s.Close()
	for i := range b.prompts {
		if err := s.Hear(sys.Dial, parties[i%ears]); err != nil {
			return p, err
		}
	}
	if _, err := rtp.Listen(parties, time.Second); err != nil { // what waits in the sockets since they rang
		return p, err
	}
	before := sys.CPU()
	g, err := rtp.Listen(parties, listening)
	if err != nil {
		return p, err
	}
	cpu := sys.CPU() - before
	p = even(sys.Name, g)
	if p.Streams < b.prompts {
		return p, fmt.Errorf("%d of %d prompts are heard", p.Streams, b.prompts)
	}
	p.CPUMicros, p.CPUStream = cpu*1e6/float64(p.Packets+p.Lost), 100*cpu/listening.Seconds()/float64(p.Streams)
	return p, nil
}

func even(system string, g rtp.Grid) played {
	p := played{System: system, Streams: g.Streams, Packets: g.Packets, Lost: g.Lost}
	if len(g.Late) > 0 {
		p.LateP50US, p.LateP99US, p.LateMost = rig.Percentile(g.Late, 50), rig.Percentile(g.Late, 99), g.Late[len(g.Late)-1]
	}
	return p
}

func (r *results) promptTable(b *strings.Builder) {
	if len(r.Prompts) == 0 {
		return
	}
	fmt.Fprintf(b, "## %d prompts at once\n\n%s", r.Prompts[0].Streams, "Each call has a prompt of its own, begun at a time of its own. The kernel stamps each packet as it comes; late is behind the "+
		"20 ms grid of the stream's earliest packet. The loop sends as many packets and does nothing else: what this machine can.\n\n")
	b.WriteString("| | late p50 us | p99 us | most us | CPU us a packet | % of a core a stream | lost |\n|---|--:|--:|--:|--:|--:|--:|\n")
	for _, x := range r.Prompts {
		cpu, core := "-", "-"
		if x.CPUMicros > 0 {
			cpu, core = fmt.Sprintf("%.1f", x.CPUMicros), fmt.Sprintf("%.3f", x.CPUStream)
		}
		fmt.Fprintf(b, "| %s | %.0f | %.0f | %.0f | %s | %s | %d of %d |\n", x.System, x.LateP50US, x.LateP99US, x.LateMost, cpu, core, x.Lost, x.Packets+x.Lost)
	}
	b.WriteString("\n")
}
