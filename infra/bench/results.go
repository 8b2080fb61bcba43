package main

import (
	"bufio"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"github.com/offhook/offhook/infra/bench/rig"
)

// results is results.json.
type results struct {
	At       time.Time         `json:"at"`
	Quick    bool              `json:"quick"`
	Cores    int               `json:"cores"`
	CPU      string            `json:"cpu"`
	Kernel   string            `json:"kernel"`
	Load     string            `json:"load_before"` // 1, 5 and 15 minutes: what else the machine did
	Versions map[string]string `json:"versions"`
	Rates    []rateResult      `json:"rates"`
	Held     []held            `json:"held"`
	Relay    []relayed         `json:"relay"`
	Prompts  []played          `json:"prompts,omitempty"`
	Overload *overloaded       `json:"overload,omitempty"`
	Crowd    []crowded         `json:"crowd,omitempty"`
	Events   *published        `json:"events,omitempty"`
}

// rateResult is one system in one benchmark of calls.
type rateResult struct {
	Benchmark   string  `json:"benchmark"`
	System      string  `json:"system"`
	Highest     int     `json:"highest_calls_per_second"`
	CPU         float64 `json:"cpu_seconds_per_1000_calls"` // at the common rate, median
	CPUAtHigh   float64 `json:"cpu_seconds_per_1000_calls_at_highest"`
	MemoryBytes int64   `json:"memory_bytes"`
	Common      int     `json:"common_calls_per_second"` // half of the slowest system's highest
	AnswerP50MS float64 `json:"answer_p50_ms"`
	AnswerP99MS float64 `json:"answer_p99_ms"`
	HookP50MS   float64 `json:"webhook_p50_ms"`
	HookP99MS   float64 `json:"webhook_p99_ms"`
	OwnP50MS    float64 `json:"own_p50_ms,omitempty"` // offhook_answer_seconds, stage own
	OwnP99MS    float64 `json:"own_p99_ms,omitempty"`
}

// held is one system with silent calls.
type held struct {
	System       string  `json:"system"`
	Calls        int     `json:"calls"`
	Failed       int     `json:"failed"`
	BytesPerCall float64 `json:"bytes_per_call"`
	Core         float64 `json:"core_while_held"`
	Empty        int64   `json:"memory_before"`
	Full         int64   `json:"memory_held"`
}

// relayed is one system at one number of two-party calls.
type relayed struct {
	System     string  `json:"system"`
	Calls      int     `json:"calls"`
	Packets    int     `json:"packets"`
	Lost       int     `json:"lost"`
	CPUMicros  float64 `json:"cpu_us_per_packet"`
	AddedP50US float64 `json:"added_delay_p50_us"`
	AddedP99US float64 `json:"added_delay_p99_us"`
}

func (r *results) add(benchmark string, all []*rated) {
	for _, x := range all {
		r.Rates = append(r.Rates, rateResult{
			Benchmark: benchmark, System: x.sys.Name, Highest: x.good, CPU: x.costs[len(x.costs)/2], CPUAtHigh: x.load, MemoryBytes: x.mem,
			Common: x.common, AnswerP50MS: rig.Percentile(x.times.answer, 50), AnswerP99MS: rig.Percentile(x.times.answer, 99),
			HookP50MS: rig.Percentile(x.times.hook, 50), HookP99MS: rig.Percentile(x.times.hook, 99), OwnP50MS: x.own[0], OwnP99MS: x.own[1],
		})
	}
}

func describe(quick bool) results {
	return results{
		At: time.Now().UTC().Truncate(time.Second), Quick: quick, Cores: runtime.NumCPU(), CPU: cpuModel(), Kernel: output("uname", "-r"), Load: load(),
		Versions: map[string]string{
			"go": strings.TrimPrefix(runtime.Version(), "go"), "offhook": output("git", "describe", "--always", "--dirty"),
			"sipp": word(output("sipp", "-v"), "SIPp"), "kamailio": word(output("kamailio", "-v"), "kamailio"),
			"rtpengine": word(output("rtpengine", "--version"), "Version:"), "sipgo": module("github.com/emiago/sipgo"),
		},
	}
}

func cpuModel() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if name, value, _ := strings.Cut(lines.Text(), ":"); strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

func load() string {
	b, _ := os.ReadFile("/proc/loadavg")
	return strings.Join(strings.Fields(string(b))[:min(3, len(strings.Fields(string(b))))], " ")
}

func output(name string, args ...string) string {
	out, _ := exec.Command(name, args...).CombinedOutput() // sipp -v ends with 99
	return strings.TrimSpace(string(out))
}

func module(path string) string { return output("go", "list", "-m", "-f", "{{.Version}}", path) }

// word is the version that follows a name: the first word after it with a digit.
func word(text, after string) string {
	_, rest, _ := strings.Cut(text, after)
	for _, w := range strings.Fields(rest) {
		if strings.ContainsAny(w, "0123456789") {
			return strings.TrimRight(w, ",;.")
		}
	}
	return "?"
}
