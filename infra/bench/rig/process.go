// Package rig starts what a benchmark needs on loopback and reads from /proc what it costs. It judges nothing.
package rig

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ticks is the kernel's USER_HZ, the unit of CPU time in /proc/PID/stat on every Linux that Go runs on.
const ticks = 100

// Process is a program and its children, in a process group of their own.
type Process struct {
	Name string
	cmd  *exec.Cmd
	log  *os.File
	done chan struct{}
}

// Start runs a program with its output in dir/NAME.log.
func Start(dir, name string, env []string, program string, args ...string) (*Process, error) {
	log, err := os.Create(filepath.Join(dir, name+".log"))
	if err != nil {
		return nil, err
	}
	p := &Process{Name: name, cmd: exec.Command(program, args...), log: log, done: make(chan struct{})}
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = dir, log, log
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		_ = log.Close()
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	go func() {
		_ = p.cmd.Wait() // the exit code is read from ProcessState
		close(p.done)
	}()
	return p, nil
}

// Wait waits for the end, at most d, and gives the exit code; -1 when it had to be killed.
func (p *Process) Wait(d time.Duration) int {
	select {
	case <-p.done:
	case <-time.After(d):
		p.signal(syscall.SIGKILL)
		<-p.done
		_ = p.log.Close()
		return -1
	}
	_ = p.log.Close()
	return p.cmd.ProcessState.ExitCode()
}

// Stop ends the group: SIGTERM, then SIGKILL after patience.
func (p *Process) Stop(patience time.Duration) {
	if p == nil {
		return
	}
	p.signal(syscall.SIGTERM)
	p.Wait(patience)
	p.signal(syscall.SIGKILL) // children that outlived their parent
}

// Kill ends the group at once.
func (p *Process) Kill() {
	if p != nil {
		p.Stop(0)
	}
}

func (p *Process) signal(s syscall.Signal) { _ = syscall.Kill(-p.cmd.Process.Pid, s) }

// Prefer gives it the priority that the product gives itself, so that all that is measured goes before sipp, webhook and log.
func (p *Process) Prefer() { _ = syscall.Setpriority(syscall.PRIO_PGRP, p.cmd.Process.Pid, -10) } // where we may not, the product may not either

// Alive tells whether it still runs.
func (p *Process) Alive() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// CPU is the seconds that the group has spent so far, user and system.
func (p *Process) CPU() float64 {
	total := 0
	for _, fields := range p.members() {
		user, _ := strconv.Atoi(fields[11])
		system, _ := strconv.Atoi(fields[12])
		total += user + system
	}
	return float64(total) / ticks
}

// Memory is the resident bytes of the group; what several processes share is counted once (PSS).
func (p *Process) Memory() int64 {
	var total int64
	members := p.members()
	key := "Rss:"
	if len(members) > 1 {
		key = "Pss:"
	}
	for pid := range members {
		total += rollup(pid, key)
	}
	return total
}

func rollup(pid int, key string) int64 {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == key {
			kb, _ := strconv.ParseInt(f[1], 10, 64)
			return kb << 10
		}
	}
	return 0
}

// members are the processes of the group with the fields of their stat after the name; 0 is the state.
func (p *Process) members() map[int][]string {
	all := map[int][]string{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		b, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		_, rest, _ := strings.Cut(string(b), ") ")
		fields := strings.Fields(rest)
		if len(fields) > 12 && fields[2] == strconv.Itoa(p.cmd.Process.Pid) {
			pid, _ := strconv.Atoi(strings.Split(path, "/")[2])
			all[pid] = fields
		}
	}
	return all
}

// Until polls until ok.
func Until(what string, within time.Duration, ok func() bool) error {
	for end := time.Now().Add(within); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			return fmt.Errorf("not within %s: %s", within, what)
		}
	}
	return nil
}
