//go:build unix

package ask

import "syscall"

// quiet tells whether there is nothing to read, not even the end.
func (c *wireConn) quiet() bool {
	if c.raw == nil {
		return true
	}
	var b [1]byte
	var err error
	looked := c.raw.Read(func(fd uintptr) bool {
		_, _, err = syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		return true
	})
	return looked == nil && (err == syscall.EAGAIN || err == syscall.EWOULDBLOCK)
}
