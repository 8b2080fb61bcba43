package real

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// NodeOptions of StartNode.
type NodeOptions struct {
	Command string   // "dev" or "edge"
	Kafka   string   // of an edge: its brokers
	Config  string   // content of the configuration
	Args    []string // further flags
	Wrap    []string // a command in front of offhook's
	Data    string   // default: a new folder
	RTP     [2]int   // first and last port; default: 2,000 that no other node has
}

// Node is offhook started as `offhook dev` or `offhook edge`. It can be ended and started again at the same addresses.
type Node struct {
	*Offhook
	wrap []string
}

// StartNode starts it and waits until it takes calls.
func StartNode(t *testing.T, o NodeOptions) *Node {
	t.Helper()
	port := Port(t, 3)
	if o.RTP == [2]int{} {
		o.RTP = rtpPorts(t, 2000)
	}
	if o.Data == "" {
		o.Data = t.TempDir()
	}
	h := &Offhook{SIPPort: port, SIP: addr(port), HTTP: addr(port + 1), Kafka: addr(port + 2), RTP: o.RTP, Data: o.Data}
	if o.Kafka != "" {
		h.Kafka = o.Kafka
	}
	if o.Command == "edge" {
		h.Key = "e2e-" + strconv.Itoa(port)
		o.Config += "\napi_keys: [{name: e2e, key: " + h.Key + "}]\n"
	}
	config := filepath.Join(h.Data, "offhook.yaml")
	must(t, os.WriteFile(config, []byte(o.Config), 0o600))
	h.args = append([]string{o.Command, "--data", h.Data, "--config", config, "--sip", h.SIP, "--http", h.HTTP, "--kafka", h.Kafka,
		"--rtp", fmt.Sprintf("127.0.0.1:%d-%d", h.RTP[0], h.RTP[1]), "--level", "warn", "--log", "text"}, o.Args...)
	n := &Node{Offhook: h, wrap: o.Wrap}
	n.Again(t)
	return n
}

// rtpPorts are so many thousand ports that no other node of these tests has, in whichever test process: a listener on the
// first of each thousand says so.
func rtpPorts(t *testing.T, size int) [2]int {
	t.Helper()
	for _, n := range rand.Perm(12000 / size) {
		first := 20000 + n*size
		var claims []net.Listener
		for port := first; port < first+size; port += 1000 {
			if l, err := net.Listen("tcp", addr(port)); err == nil {
				claims = append(claims, l)
			}
		}
		release := func() {
			for _, l := range claims {
				_ = l.Close()
			}
		}
		if len(claims) == size/1000 {
			t.Cleanup(release)
			return [2]int{first, first + size - 1}
		}
		release()
	}
	t.Fatal("no RTP ports are left")
	return [2]int{}
}

// Again starts it after it has ended.
func (n *Node) Again(t *testing.T) {
	t.Helper()
	words := append(append(append([]string{}, n.wrap...), Binary(t)), n.args...)
	n.Process = Start(t, n.Data, words[0], words[1:]...)
	Eventually(t, "offhook takes calls", func() bool {
		select {
		case <-n.done:
			t.Fatalf("offhook ended: %s", n.Tail(20))
		default:
		}
		res, err := http.Get("http://" + n.HTTP + "/readyz")
		if err != nil {
			return false
		}
		_ = res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
}

// StartFunctions starts `offhook fn NAMES` with a configuration; what it gives has HTTP, for pages.
func StartFunctions(t *testing.T, kafka, config string, names ...string) *Offhook {
	t.Helper()
	port := Port(t, 1)
	h := &Offhook{HTTP: addr(port), Kafka: kafka, Data: t.TempDir(), Key: "e2e-" + strconv.Itoa(port)}
	file := filepath.Join(h.Data, "offhook.yaml")
	must(t, os.WriteFile(file, []byte(config+"\napi_keys: [{name: e2e, key: "+h.Key+"}]\n"), 0o600))
	args := append([]string{"fn"}, names...)
	h.Process = Start(t, h.Data, Binary(t), append(args, "--data", h.Data, "--config", file, "--http", h.HTTP, "--kafka", kafka)...)
	return h
}

// MetricsNow is a reading of all metrics without labels.
func (h *Offhook) MetricsNow(t *testing.T) map[string]float64 {
	t.Helper()
	all := map[string]float64{}
	for line := range strings.Lines(h.Metrics(t)) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), " ")
		if f, err := strconv.ParseFloat(value, 64); ok && err == nil {
			all[name] = f
		}
	}
	return all
}

// Metric is a metric's value.
func (h *Offhook) Metric(t *testing.T, name string) float64 {
	t.Helper()
	value, ok := h.MetricsNow(t)[name]
	if !ok {
		t.Fatalf("there is no metric %s", name)
	}
	return value
}

// RTPSockets counts the UDP sockets that are bound within the node's RTP ports.
func (h *Offhook) RTPSockets(t *testing.T) int {
	t.Helper()
	table, err := os.ReadFile("/proc/net/udp")
	must(t, err)
	n := 0
	for line := range strings.Lines(string(table)) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		_, hex, _ := strings.Cut(fields[1], ":")
		port, err := strconv.ParseInt(hex, 16, 32)
		if err == nil && int(port) >= h.RTP[0] && int(port) <= h.RTP[1] {
			n++
		}
	}
	return n
}

// NothingHeld: no call is in progress, no RTP port is open, and as many calls ended as began.
func (h *Offhook) NothingHeld(t *testing.T) {
	t.Helper()
	began := time.Now()
	defer func() { t.Logf("nothing is held after %s", time.Since(began).Round(10*time.Millisecond)) }()
	Eventually(t, "no call and no RTP port is held", func() bool {
		return h.Metric(t, "offhook_calls_live") == 0 && h.RTPSockets(t) == 0
	})
	if started, ended := h.Metric(t, "offhook_calls_started_total"), h.Metric(t, "offhook_calls_ended_total"); started != ended {
		t.Errorf("%v calls began and %v ended", started, ended)
	}
}

// Memory is the resident memory of a process, in MiB.
func (p *Process) Memory(t *testing.T) float64 {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", p.Pid()))
	must(t, err)
	fields := strings.Fields(string(b))
	if len(fields) < 2 {
		return 0 // it has ended
	}
	pages, err := strconv.ParseFloat(fields[1], 64)
	must(t, err)
	return pages * float64(os.Getpagesize()) / (1 << 20)
}
