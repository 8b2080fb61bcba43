package run

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"
)

// descriptors is enough for some 30,000 calls of two legs: each leg has two sockets.
const descriptors = 131072

// raiseDescriptors raises the limit of open files: the hard one where we may, else the soft one up to it.
func raiseDescriptors() error {
	var now syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &now); err != nil {
		return err
	}
	if now.Cur >= descriptors {
		return nil
	}
	want := syscall.Rlimit{Cur: descriptors, Max: max(descriptors, now.Max)}
	err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &want)
	if errors.Is(err, syscall.EPERM) {
		want = syscall.Rlimit{Cur: min(descriptors, now.Max), Max: now.Max}
		err = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &want)
	}
	return err
}

// prefer gives all threads of the process this nice value, those of the runtime as well; a thread has that of the one that
// began it. A process that was given a priority by who started it keeps that.
// Errors: syscall.EACCES without CAP_SYS_NICE or an RLIMIT_NICE that allows it.
func prefer(nice int) error {
	const none = 20 // getpriority(2) as a system call: 20 minus nice
	if now, err := syscall.Getpriority(syscall.PRIO_PROCESS, 0); err != nil || now != none {
		return err
	}
	for set := map[int]bool{}; ; {
		threads, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return fmt.Errorf("threads: %w", err)
		}
		before := len(set)
		for _, t := range threads {
			id, err := strconv.Atoi(t.Name())
			if err != nil || set[id] {
				continue
			}
			if err := syscall.Setpriority(syscall.PRIO_PROCESS, id, nice); err != nil && !errors.Is(err, syscall.ESRCH) { // it has ended
				return err
			}
			set[id] = true
		}
		if len(set) == before { // nobody new who was begun by one that came later
			return nil
		}
	}
}
