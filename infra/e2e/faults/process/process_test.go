//go:build e2e

// Package process holds offhook against what happens to its process and its disk: killed under load, told to stop, disk full.
package process

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/offhook/offhook/events"
	"github.com/offhook/offhook/events/spool"
	"github.com/offhook/offhook/infra/e2e/real"
)

const rate = 20 // calls a second

func TestMain(m *testing.M) {
	flag.Parse()
	_ = flag.Set("test.parallel", "8") // the tests wait, they do not compute
	os.Exit(m.Run())
}

func broker(t *testing.T, h *real.Node) events.Kafka {
	t.Helper()
	k, err := events.ParseKafka(h.Kafka)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

var callEvent = regexp.MustCompile(`call_[0-9A-Z]{26}-[0-9]+`)

// spooled are the ids of the events that a stopped process has in its spool and not yet in Kafka, read from a copy.
func spooled(t *testing.T, data string) []string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "spool")
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(data, "spool"))); err != nil {
		t.Fatal(err)
	}
	s, err := spool.Open(dir, func(b []byte, _ string) []byte { return b }, func(string) int { return 0 }, spool.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var ids []string
	r := s.Reader()
	for range s.Stats().Recovered {
		rec, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if id := callEvent.Find(rec.Payload); id != nil {
			ids = append(ids, string(id))
		}
	}
	return ids
}

const stopConfig = `
tenants:
  demo:
    trunks: {local: {allow: [127.0.0.0/8]}}
    numbers:
      "100": {answer: [{verb: answer}, {verb: pause, for: 60s}]}
`

func TestStopLetsCallsEndAndRefusesNewOnes(t *testing.T) {
	t.Parallel()
	const grace = 6 * time.Second
	h := real.StartNode(t, real.NodeOptions{Command: "dev", Config: stopConfig, Args: []string{"--grace", grace.String(), "--level", "info"}})
	sipp := func(s *real.Script, calls int) *real.Process {
		return real.Sipp(t, real.SippOptions{Scenario: s.XML(), Target: h.SIP, Service: "100", Calls: calls, Rate: 100})
	}
	call := func() *real.Script { return real.CallerScript().Invite(real.OfferBoth).Answered().Ack() }
	short, long := sipp(call().Pause(4*time.Second).Bye(), 20), sipp(call().HungUp(), 20)
	real.Eventually(t, "the calls are up", func() bool { return h.LiveCalls(t) == 40 && len(h.Recent(t, "call.answered")) == 40 })

	began := time.Now()
	h.Signal(syscall.SIGTERM)
	h.Line(t, "stopping")
	refused := sipp(real.CallerScript().Invite(real.OfferBoth).Optional(100).ExpectHeader(503, "Retry-After", "[1-9][0-9]*").AckRefusal(), 20)
	for name, p := range map[string]*real.Process{"calls that end in time": short, "calls that do not": long, "new calls": refused} {
		if code := p.Exited(t, grace+5*time.Second); code != 0 {
			t.Errorf("%s: sipp ended with %d", name, code)
		}
	}
	if code := h.Exited(t, 10*time.Second); code != 0 {
		t.Errorf("offhook ended with %d", code)
	}
	t.Logf("offhook ended %s after the signal, with %s of grace", time.Since(began).Round(time.Millisecond), grace)
	if left := spooled(t, h.Data); len(left) > 0 {
		t.Errorf("%d events are left in the spool", len(left))
	}
	h.Again(t)
	log := real.ReadLog(t, broker(t, h))
	log.Check(t, nil)
	causes := map[string]int{}
	for _, all := range log.Calls {
		causes[real.Cause(all)]++
	}
	if fmt.Sprint(causes) != fmt.Sprint(map[string]int{"normal/hangup": 20, "failed/shutdown": 20}) {
		t.Errorf("causes %v", causes)
	}
}

func TestDiskFullUnderCalls(t *testing.T) {
	t.Parallel()
	real.Need(t, "mount", "umount")
	data := t.TempDir()
	disk := filepath.Join(data, "spool")
	mount(t, disk, "4m")
	h := real.StartNode(t, real.NodeOptions{Command: "dev", Config: real.LoadConfig, Data: data})
	load := real.StartLoad(t, h.SIP, rate, 14*time.Second)
	real.Eventually(t, "events arrive", func() bool { return h.Metric(t, "offhook_log_forwarded_total") > 100 })

	ballast := filepath.Join(disk, "ballast")
	fill(t, ballast)
	line := h.Line(t, "spool_write_failed")
	<-time.After(6 * time.Second) // the disk stays full
	waiting, failures := h.Metric(t, "offhook_log_backlog"), h.Metric(t, "offhook_log_disk_failures_total")
	if waiting < rate*5*5 || failures < 3 {
		t.Errorf("%v events wait and %v writes failed: the disk was not full", waiting, failures)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	load.Done(t)
	h.NothingHeld(t)
	real.Eventually(t, "the backlog is delivered", func() bool { return h.Metric(t, "offhook_log_backlog") == 0 })
	log := real.ReadLog(t, broker(t, h))
	log.Check(t, nil)
	if len(log.Calls) != load.Calls || log.Ended() != load.Calls {
		t.Errorf("the log has %d calls and %d ends, %d calls were made", len(log.Calls), log.Ended(), load.Calls)
	}
	for _, name := range []string{"offhook_log_refused_total", "offhook_events_unpublished_total", "offhook_call_panics_total"} {
		if n := h.Metric(t, name); n != 0 {
			t.Errorf("%s is %v", name, n)
		}
	}
	t.Logf("%d calls; the alarm: %s; %v writes failed, %v events waited in memory, all delivered", load.Calls, strings.TrimSpace(line), failures, waiting)
}

// mount puts a small file system of its own at dir.
func mount(t *testing.T, dir, size string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Fatalf("a small disk needs a mount: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
}

// fill writes until the disk is full.
func fill(t *testing.T, file string) {
	t.Helper()
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for block := make([]byte, 64<<10); len(block) > 0; {
		if _, err := f.Write(block); err != nil {
			block = block[:len(block)/2] // also the last page
		}
	}
}

// TestStoppedWhileTheLogIsAway: what could not be forwarded stays in the spool and is forwarded after the next start.
func TestStoppedWhileTheLogIsAway(t *testing.T) {
	t.Parallel()
	log := real.StartNode(t, real.NodeOptions{Command: "dev", Config: "tenants: {}"}) // only its broker is used
	h := real.StartNode(t, real.NodeOptions{Command: "edge", Kafka: log.Kafka, Config: real.LoadConfig, Args: []string{"--grace", "5s"}})
	before := real.StartLoad(t, h.SIP, rate, 2*time.Second)
	before.Done(t)
	log.Signal(syscall.SIGSTOP)
	during := real.StartLoad(t, h.SIP, rate, 3*time.Second)
	during.Done(t)
	began := time.Now()
	h.Signal(syscall.SIGTERM)
	if code := h.Exited(t, 20*time.Second); code != 0 {
		t.Errorf("offhook ended with %d", code)
	}
	took, left := time.Since(began), len(spooled(t, h.Data))
	if least := during.Calls * 10; left < least {
		t.Errorf("%d events are in the spool, want %d at least", left, least)
	}
	log.Signal(syscall.SIGCONT)
	h.Again(t)
	real.Eventually(t, "the spool is forwarded", func() bool { return h.Metric(t, "offhook_log_backlog") == 0 })
	ledger := real.ReadLog(t, broker(t, log))
	ledger.Check(t, nil)
	if got := ledger.Ended(); got != before.Calls+during.Calls {
		t.Errorf("%d calls have their end in the log, %d were made", got, before.Calls+during.Calls)
	}
	t.Logf("stopped within %s with the log away; %d events waited in the spool and are all there, %d came twice", took.Round(time.Millisecond), left, ledger.Double)
}
