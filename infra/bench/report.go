package main

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// write writes results.json, chart.svg and BENCHMARKS.md; a short run writes nothing.
func (r *results) write(out string) error {
	if out == "" || r.Quick {
		fmt.Print("\n" + r.tables())
		return nil
	}
	raw, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	for name, text := range map[string]string{"results.json": string(raw) + "\n", "chart.svg": r.chart(), "BENCHMARKS.md": r.page()} {
		if err := os.WriteFile(filepath.Join(out, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

const intro = `# Benchmarks

Written by ` + "`make bench`" + ` (` + "`QUICK=1`" + ` for a short run that only prints); do not edit. Product and peers run in the same run, in turns, on loopback,
with sipp, webhook and event log as processes beside them on the same cores: compare the ratios, not the numbers of two machines.
Product and peers have the priority that the product gives itself (nice -10), sipp, webhook and event log the usual one.

- **offhook**: ` + "`offhook edge`" + ` as it ships: every document checked, ports opened, every event spooled to disk and sent to a
  Kafka-compatible broker in another process, the webhook told of the hang-up too (two requests a call; the peers make one).
- **bare sipgo UAS**: [peer/main.go](peer/main.go): sipgo.Server, one webhook request, a fixed answer. No media port, no event, no repeated 2xx.
- **Kamailio http_client**: [scenarios/kamailio-webhook.cfg](scenarios/kamailio-webhook.cfg), 16 workers that block while they ask.
- **Kamailio proxy**: [scenarios/kamailio-proxy.cfg](scenarios/kamailio-proxy.cfg): forwards and stays in the dialog; no webhook, no second leg, no media.
- **rtpengine (user space)**: ` + "`--table=-1`" + `, steered over its ng protocol.

A rate is *highest* when not one call failed in 4 s, at most one message in a hundred calls was repeated, and nine tenths of the rate or more
were reached (a generator without CPU slows down); it is found to a tenth. CPU is user and system time of
the measured processes from /proc; it is compared at one common rate, half of the slowest's highest.
`

//go:embed way.md
var wayOn string

func (r *results) page() string {
	var b strings.Builder
	b.WriteString(intro)
	fmt.Fprintf(&b, "\n![comparison](chart.svg)\n\nMachine: %s, %d cores, Linux %s; load before the run %s. %s.\n", r.CPU, r.Cores, r.Kernel, r.Load, r.At.Format("2006-01-02 15:04 UTC"))
	fmt.Fprintf(&b, "Versions: offhook %s, Go %s, sipp %s, Kamailio %s, rtpengine %s, sipgo %s.\n\n", r.Versions["offhook"], r.Versions["go"],
		r.Versions["sipp"], r.Versions["kamailio"], r.Versions["rtpengine"], r.Versions["sipgo"])
	b.WriteString(r.tables())
	b.WriteString(wayOn)
	return b.String()
}

func (r *results) tables() string {
	var b strings.Builder
	for i := 0; i < len(r.Rates); {
		n := i
		for n < len(r.Rates) && r.Rates[n].Benchmark == r.Rates[i].Benchmark {
			n++
		}
		rateTable(&b, r.Rates[i:n])
		i = n
	}
	r.overloadTable(&b)
	r.crowdTable(&b)
	r.heldTable(&b)
	r.relayTable(&b)
	r.promptTable(&b)
	r.eventTable(&b)
	return b.String()
}

// rateTable: ratios are the product's to the peer's.
func rateTable(b *strings.Builder, rows []rateResult) {
	us := rows[0]
	fmt.Fprintf(b, "## %s\n\nTimes and CPU at %d calls/s.\n\n", us.Benchmark, us.Common)
	b.WriteString("| | highest calls/s | offhook's is | CPU-s per 1,000 calls | offhook's is | at the highest | memory MB | INVITE to 200, p50 / p99 ms | of it the webhook |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|\n")
	for _, x := range rows {
		fmt.Fprintf(b, "| %s | %d | %s | %.2f | %s | %.2f | %d | %.2f / %.1f | %.2f / %.1f |\n", x.System, x.Highest, times(float64(us.Highest), float64(x.Highest)),
			x.CPU, times(us.CPU, x.CPU), x.CPUAtHigh, x.MemoryBytes>>20, x.AnswerP50MS, x.AnswerP99MS, x.HookP50MS, x.HookP99MS)
	}
	if us.OwnP50MS > 0 {
		fmt.Fprintf(b, "\nAt half of its highest rate offhook itself adds p50 %.2f ms, p99 %.1f ms to an answer (its metric offhook_answer_seconds, stage own; median of three times).\n", us.OwnP50MS, us.OwnP99MS)
	}
	b.WriteString("\n")
}

func (r *results) overloadTable(b *strings.Builder) {
	o := r.Overload
	if o == nil {
		return
	}
	fmt.Fprintf(b, "## Twice the highest rate\n\n%d calls/s offered for %d s, then half of the highest at once. The product has half of the cores here, and generator, webhook and event log "+
		"the other: at such a rate the generator would take from the product what it offers. *Highest* is over %d s here: in a shorter time a queue takes in what is too much.\n\n", o.Offered, o.Seconds, o.Steady)
	b.WriteString("| highest calls/s before | good calls/s meanwhile | highest after | good of the mean of both | normal again after | calls left |\n|--:|--:|--:|--:|--:|--:|\n")
	normal := fmt.Sprintf("%.0f s", o.Normal)
	if o.Normal < 0 {
		normal = "not within 8 s"
	}
	fmt.Fprintf(b, "| %d | %d | %d | %.0f %% | %s | %d after %.0f s |\n\n", o.Highest, o.Good, o.After, 100*o.Share, normal, o.Left, o.LeftTime)
	fmt.Fprintf(b, "Before that, at half of the highest, offhook itself added p50 %.2f ms, p99 %.1f ms to an answer (median of three times).\n\n", o.OwnP50MS, o.OwnP99MS)
}

func (r *results) crowdTable(b *strings.Builder) {
	if len(r.Crowd) == 0 {
		return
	}
	fmt.Fprintf(b, "## The cost of a call while others are up\n\nAt %d calls/s, without what holding the others costs.\n\n| calls up | CPU-s per 1,000 calls | to the first |\n|--:|--:|--:|\n", crowdRate)
	for _, x := range r.Crowd {
		fmt.Fprintf(b, "| %d | %.3f | %s |\n", x.Up, x.CPU, times(x.CPU, r.Crowd[0].CPU))
	}
	b.WriteString("\n")
}

func (r *results) eventTable(b *strings.Builder) {
	p := r.Events
	if p == nil {
		return
	}
	fmt.Fprintf(b, "## Events\n\n%d events/s encoded, published, spooled to disk with syncs and sent to the broker, in one process: %.2f cores. Publishing one takes "+
		"its publisher %.2f us", p.Rate, p.Cores, p.Micros)
	if p.Share > 0 {
		fmt.Fprintf(b, ", %.1f %% of the CPU of a call that has %d", 100*p.Share, eventsOfCall)
	}
	fmt.Fprintf(b, ". When the last was published %d were not in the broker yet; %d ms later all were.\n\n", p.Backlog, p.DrainedMS)
}

func times(ours, theirs float64) string {
	if theirs == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f x", ours/theirs)
}

func (r *results) heldTable(b *strings.Builder) {
	if len(r.Held) == 0 {
		return
	}
	us := r.Held[0]
	fmt.Fprintf(b, "## %d calls held, silent\n\nMemory is what the process grew by.\n\n| | failed | kB a call | offhook's is | core while held |\n|---|--:|--:|--:|--:|\n", us.Calls)
	for _, x := range r.Held {
		fmt.Fprintf(b, "| %s | %d | %.1f | %s | %.3f |\n", x.System, x.Failed, x.BytesPerCall/1000, times(us.BytesPerCall, x.BytesPerCall), x.Core)
	}
	b.WriteString("\n")
}

func (r *results) relayTable(b *strings.Builder) {
	if len(r.Relay) == 0 {
		return
	}
	b.WriteString("## RTP relayed between two parties\n\n50 packets/s each way; delay beyond the direct path on the same machine.\n\n| calls | | CPU us a packet | offhook's is | added p50 us | added p99 us | lost |\n|--:|---|--:|--:|--:|--:|--:|\n")
	var us relayed
	for _, x := range r.Relay {
		if x.System == "offhook" {
			us = x
		}
		fmt.Fprintf(b, "| %d | %s | %.2f | %s | %.0f | %.0f | %d of %d |\n", x.Calls, x.System, x.CPUMicros, times(us.CPUMicros, x.CPUMicros), x.AddedP50US, x.AddedP99US, x.Lost, x.Packets)
	}
	b.WriteString("\n")
}
