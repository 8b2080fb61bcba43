//go:build linux

package real

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

const onIsland = "OFFHOOK_E2E_ISLAND"

// Island runs this test binary once more in a network namespace of its own, whose one interface is loopback, and gives the
// exit code. What is started there is there too; the namespace goes with its last process. ok false: we are there already.
// Before it goes, ashore does what needs the network.
func Island(ashore func() error) (code int, ok bool) {
	if os.Getenv(onIsland) != "" {
		if err := loopbackUp(); err != nil {
			fmt.Fprintln(os.Stderr, "loopback in the network namespace:", err)
			return 1, true
		}
		return 0, false
	}
	if err := ashore(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1, true
	}
	runtime.LockOSThread() // the child ends with the thread that started it
	defer runtime.UnlockOSThread()
	cmd := exec.Command(os.Args[0], os.Args[1:]...)
	cmd.Env = append(os.Environ(), onIsland+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		return exit.ExitCode(), true
	case err != nil:
		fmt.Fprintln(os.Stderr, "these tests need a network namespace, which root may make:", err)
		return 1, true
	}
	return 0, true
}

// loopbackUp is `ip link set lo up`.
func loopbackUp() error {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	defer unix.Close(s)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(s, unix.SIOCSIFFLAGS, lo)
}
