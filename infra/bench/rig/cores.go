package rig

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// Cores are the processors that a process may use.
type Cores = unix.CPUSet

// Apart gives the product one half of the processors and everybody else the other, so that a generator at full speed
// takes nothing from what it measures. n is at least 2.
func Apart(n int) (product, others Cores) {
	for cpu := range n {
		if cpu < n/2 {
			product.Set(cpu)
		} else {
			others.Set(cpu)
		}
	}
	return product, others
}

// On runs do; what it starts in this goroutine stays on these cores.
func On(cores Cores, do func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var was Cores
	if err := unix.SchedGetaffinity(0, &was); err != nil {
		return fmt.Errorf("cores: %w", err)
	}
	if err := unix.SchedSetaffinity(0, &cores); err != nil {
		return fmt.Errorf("cores: %w", err)
	}
	defer func() { _ = unix.SchedSetaffinity(0, &was) }() // they were ours before
	return do()
}

// Move puts a running process on other cores.
func (p *Process) Move(to Cores) error {
	tasks, err := os.ReadDir(filepath.Join("/proc", strconv.Itoa(p.cmd.Process.Pid), "task"))
	if err != nil {
		return fmt.Errorf("cores of %s: %w", p.Name, err)
	}
	for _, t := range tasks {
		id, _ := strconv.Atoi(t.Name())
		_ = unix.SchedSetaffinity(id, &to) // a thread may just have ended
	}
	return nil
}
