// Package real starts what offhook did not write, for tests: baresip phones, sipp, an SMTP server, a capture of the wire;
// and offhook itself as its binary. Everything stays on loopback, in a folder of the test's own, and ends with the test.
package real

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Patience is how long a test waits for something that must happen.
const Patience = time.Minute

// Process is a program started by a test; it is ended by its process id when the test ends.
type Process struct {
	Name  string
	Dir   string
	cmd   *exec.Cmd
	stdin io.WriteCloser
	done  chan struct{}

	mu    sync.Mutex
	lines []string
	grown chan struct{}
}

// Start runs a program in dir. Its output is kept line by line, and shown when the test fails.
func Start(t *testing.T, dir, name string, args ...string) *Process {
	t.Helper()
	p := &Process{Name: filepath.Base(name), Dir: dir, cmd: exec.Command(name, args...), done: make(chan struct{}), grown: make(chan struct{})}
	p.cmd.Dir = dir
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p.cmd.Stdout, p.cmd.Stderr = w, w
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	_ = w.Close()
	go p.read(out)
	t.Cleanup(func() {
		p.Stop()
		if t.Failed() {
			t.Logf("output of %s:\n%s", p.Name, p.Tail(60))
		}
	})
	return p
}

func (p *Process) read(out *os.File) {
	defer close(p.done)
	defer out.Close()
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		p.mu.Lock()
		p.lines = append(p.lines, lines.Text())
		close(p.grown)
		p.grown = make(chan struct{})
		p.mu.Unlock()
	}
	_ = p.cmd.Wait()
}

// Pid of the process.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Type writes to its standard input.
func (p *Process) Type(text string) { _, _ = io.WriteString(p.stdin, text) }

// Signal sends a signal.
func (p *Process) Signal(s syscall.Signal) { _ = p.cmd.Process.Signal(s) }

// Stop ends it: SIGTERM, then SIGKILL.
func (p *Process) Stop() {
	p.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
		return
	case <-time.After(5 * time.Second):
	}
	p.Kill()
}

// Kill ends it with SIGKILL.
func (p *Process) Kill() {
	p.Signal(syscall.SIGKILL)
	<-p.done
}

// Exited waits for the end and gives the exit code.
func (p *Process) Exited(t *testing.T, within time.Duration) int {
	t.Helper()
	select {
	case <-p.done:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(within):
		t.Fatalf("%s did not end within %s", p.Name, within)
		return -1
	}
}

// Tail are the last lines of its output.
func (p *Process) Tail(n int) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.lines[max(0, len(p.lines)-n):], "\n")
}

// Line waits for a line with this text, also among earlier ones.
func (p *Process) Line(t *testing.T, text string) string {
	t.Helper()
	return p.LineWithin(t, text, Patience)
}

// LineWithin is Line with a time of its own.
func (p *Process) LineWithin(t *testing.T, text string, within time.Duration) string {
	t.Helper()
	deadline := time.After(within)
	for from := 0; ; {
		p.mu.Lock()
		for ; from < len(p.lines); from++ {
			if strings.Contains(p.lines[from], text) {
				defer p.mu.Unlock()
				return p.lines[from]
			}
		}
		grown := p.grown
		p.mu.Unlock()
		select {
		case <-grown:
		case <-p.done:
			t.Fatalf("%s ended before %q came:\n%s", p.Name, text, p.Tail(40))
		case <-deadline:
			t.Fatalf("%s: no %q within %s:\n%s", p.Name, text, within, p.Tail(40))
		}
	}
}

// Eventually polls until ok or Patience is over, for what tells no event.
func Eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-ctx.Done():
			t.Fatalf("not within %s: %s", Patience, what)
		case <-tick.C:
		}
	}
}

// given are the ports that Port gave away: who got one may bind it only later.
var given = struct {
	sync.Mutex
	ports map[int]bool
}{ports: map[int]bool{}}

// Port is a free port for UDP and TCP, and so are the next few after it. It lies below the ports that the kernel gives to
// clients, so that a server that was stopped finds it free again. Nobody is given it a second time.
func Port(t *testing.T, span int) int {
	t.Helper()
	given.Lock()
	defer given.Unlock()
	for range 500 {
		if port := 10000 + rand.IntN(9900); port+span < 20000 && free(port, span) {
			for p := port; p < port+span; p++ {
				given.ports[p] = true
			}
			return port
		}
	}
	t.Fatal("no free ports")
	return 0
}

func free(port, span int) bool {
	for p := port; p < port+span; p++ {
		if given.ports[p] {
			return false
		}
		addr := fmt.Sprintf("127.0.0.1:%d", p)
		u, err := net.ListenPacket("udp", addr)
		if err != nil {
			return false
		}
		_ = u.Close()
		l, err := net.Listen("tcp", addr)
		if err != nil {
			return false
		}
		_ = l.Close()
	}
	return true
}

// Need fails the test when a program is missing: the target that runs these tests installs them.
func Need(t *testing.T, programs ...string) {
	t.Helper()
	for _, name := range programs {
		if _, err := exec.LookPath(name); err != nil {
			t.Fatalf("%s is not installed (make e2e installs it)", name)
		}
	}
}
