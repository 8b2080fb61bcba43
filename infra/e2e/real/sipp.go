package real

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// SippOptions of a run. Scenario is the XML's content; Rate, Calls and Limit are sipp's -r, -m and -l.
type SippOptions struct {
	Scenario string
	Target   string // host:port; empty for a server
	Service  string // -s
	Calls    int
	Rate     int
	Limit    int
	Auth     [2]string // user, password
	Port     int       // 0: a free one
	Args     []string
}

// Sipp starts sipp. Its exit code is 0 when every call went as the scenario says.
func Sipp(t *testing.T, o SippOptions) *Process {
	t.Helper()
	Need(t, "sipp")
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "scenario.xml"), []byte(o.Scenario), 0o644))
	if o.Port == 0 {
		o.Port = Port(t, 4)
	}
	args := []string{"-sf", "scenario.xml", "-i", "127.0.0.1", "-p", strconv.Itoa(o.Port), "-mi", "127.0.0.1", "-m", strconv.Itoa(max(1, o.Calls)),
		"-timer_resol", "1", "-nostdin", "-trace_err", "-error_file", "errors.log", "-timeout", "120", "-timeout_error", "-recv_timeout", "40000"}
	if o.Rate > 0 {
		args = append(args, "-r", strconv.Itoa(o.Rate))
	}
	if o.Limit > 0 {
		args = append(args, "-l", strconv.Itoa(o.Limit))
	}
	if o.Service != "" {
		args = append(args, "-s", o.Service)
	}
	if o.Auth[0] != "" {
		args = append(args, "-au", o.Auth[0], "-ap", o.Auth[1])
	}
	args = append(args, o.Args...)
	if o.Target != "" {
		args = append(args, o.Target)
	}
	p := Start(t, dir, "sipp", args...)
	t.Cleanup(func() {
		if t.Failed() {
			b, _ := os.ReadFile(filepath.Join(dir, "errors.log"))
			t.Logf("sipp's errors:\n%s", tail(string(b), 3000))
		}
	})
	return p
}

func tail(s string, n int) string { return strings.ToValidUTF8(s[max(0, len(s)-n):], "") }
