//go:build !linux

package media

import (
	"net/netip"
	"time"
)

type rawAddr struct{}

func newRawAddr(netip.AddrPort) rawAddr { return rawAddr{} }

func newNetwork(clock func() time.Duration) (network, error) {
	return &pump{listen: listenUDP, clock: clock}, nil
}
