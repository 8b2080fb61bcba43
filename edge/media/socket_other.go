//go:build !linux

package media

import (
	"net"
	"net/netip"
	"time"
)

type rawAddr struct{}

func newRawAddr(netip.AddrPort) rawAddr { return rawAddr{} }

func newNetwork(clock func() time.Duration) (network, error) {
	return &pump{listen: listenUDP, clock: clock}, nil
}

func listenUDP(addr netip.AddrPort) (PacketSocket, error) {
	return net.ListenUDP("udp", net.UDPAddrFromAddrPort(addr))
}
