package run

import (
	"errors"
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
