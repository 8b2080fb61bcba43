package media

import (
	"encoding/binary"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// rawAddr is a sockaddr as the kernel takes it. x/sys makes a new one for each packet received, which would be an
// allocation per packet; these calls make none.
type rawAddr struct {
	b   [unix.SizeofSockaddrInet6]byte
	len uint32
}

// Offsets in sockaddr_in and sockaddr_in6: family 0, port 2, IPv4 address 4, IPv6 address 8.
func newRawAddr(addr netip.AddrPort) (r rawAddr) {
	binary.BigEndian.PutUint16(r.b[2:], addr.Port())
	if ip := addr.Addr(); ip.Is4() {
		binary.NativeEndian.PutUint16(r.b[:], unix.AF_INET)
		v4 := ip.As4()
		copy(r.b[4:], v4[:])
		r.len = unix.SizeofSockaddrInet4
	} else {
		binary.NativeEndian.PutUint16(r.b[:], unix.AF_INET6)
		v6 := ip.As16()
		copy(r.b[8:], v6[:])
		r.len = unix.SizeofSockaddrInet6
	}
	return r
}

func (r *rawAddr) addrPort() netip.AddrPort {
	port := binary.BigEndian.Uint16(r.b[2:])
	switch binary.NativeEndian.Uint16(r.b[:]) {
	case unix.AF_INET:
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(r.b[4:8])), port)
	case unix.AF_INET6:
		return netip.AddrPortFrom(netip.AddrFrom16([16]byte(r.b[8:24])).Unmap(), port)
	}
	return netip.AddrPort{}
}

// recvfrom takes one packet from a non-blocking socket; ok is false when there is none.
func recvfrom(fd int, b []byte) (n int, from netip.AddrPort, ok bool) {
	raw := rawAddr{len: unix.SizeofSockaddrInet6}
	r, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)),
		unix.MSG_DONTWAIT, uintptr(unsafe.Pointer(&raw.b)), uintptr(unsafe.Pointer(&raw.len)))
	if errno != 0 {
		return 0, netip.AddrPort{}, false
	}
	return int(r), raw.addrPort(), true
}

// sendto sends one packet or gives it up; a full socket buffer is a lost packet, as anywhere on its way.
func sendto(fd int, b []byte, to *rawAddr) error {
	_, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)),
		unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, uintptr(unsafe.Pointer(&to.b)), uintptr(to.len))
	if errno != 0 {
		return errno
	}
	return nil
}
