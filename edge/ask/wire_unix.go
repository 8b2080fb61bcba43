//go:build unix

package ask

import "syscall"

// looker makes what tells whether there is nothing to read, not even the end. It is used for each ask, so that what it
// needs is made once.
func looker(raw syscall.RawConn) func() (quiet bool) {
	var b [1]byte
	var err error
	peek := func(fd uintptr) bool {
		_, _, err = syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		return true
	}
	return func() bool {
		looked := raw.Read(peek)
		return looked == nil && (err == syscall.EAGAIN || err == syscall.EWOULDBLOCK)
	}
}
