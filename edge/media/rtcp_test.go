package media

import (
	"net/netip"
	"testing"
	"time"
)

func (n *memNet) taken(port uint16) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.socks[netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port)] != nil
}

func TestRTCPPortIsHeldByCallsThatLast(t *testing.T) {
	inBubble(t, func(c *Config) { c.MinPort, c.MaxPort = 20000, 20005 }, func(r *rig) {
		r.sock("127.0.0.1:20005") // another program has it: the call goes on
		ends := map[int]*Endpoint{}
		for range 3 {
			end, err := r.eng.Open(nil)
			if err != nil {
				r.Fatal(err)
			}
			ends[end.Port()] = end
		}
		if r.net.taken(20001) || r.net.taken(20003) || !r.net.taken(20000) {
			r.Error("RTCP at once, or no RTP")
		}
		ends[20002].Close()
		time.Sleep(2500 * time.Millisecond)
		if !r.net.taken(20001) || r.net.taken(20003) {
			r.Error("RTCP of the call that lasts, and no other")
		}
		for _, end := range ends {
			end.Close()
		}
		for port := range uint16(5) {
			if r.net.taken(20000 + port) {
				r.Error("left open", port)
			}
		}
		time.Sleep(2 * time.Second)
		if r.net.taken(20001) {
			r.Error("taken after the end")
		}
	})
}
