package media

import (
	"context"
	"errors"
	"net/netip"
	"testing"
)

func TestAddressesAreWhatTheKernelTakes(t *testing.T) {
	for _, s := range []string{"127.0.0.1:4000", "[2001:db8::1]:65535", "[::1]:1"} {
		addr := netip.MustParseAddrPort(s)
		raw := newRawAddr(addr)
		if got := raw.addrPort(); got != addr {
			t.Errorf("%v became %v", addr, got)
		}
	}
	if got := (&rawAddr{}).addrPort(); got.IsValid() {
		t.Error(got)
	}
}

func TestEngineThatEndedOpensNothing(t *testing.T) {
	eng, err := New(Config{IP: local, MinPort: 46900, MaxPort: 46999})
	if err != nil {
		t.Fatal(err)
	}
	before, err := eng.Open(nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := eng.Run(ctx); err != nil {
		t.Error(err)
	}
	if _, err := eng.Open(nil); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	before.Close()
	if before.SendDigits("1") {
		t.Error("a closed endpoint took digits")
	}
	if err := eng.Run(ctx); err == nil {
		t.Error("ran twice")
	}
}

func TestConfigIsChecked(t *testing.T) {
	for name, cfg := range map[string]Config{
		"no address":       {},
		"no range":         {IP: local, MinPort: 30000, MaxPort: 20000},
		"other family":     {IP: local, Advertise: netip.IPv6Loopback()},
		"advertises any":   {IP: netip.IPv4Unspecified()},
		"beyond the ports": {IP: local, MinPort: 65000, MaxPort: 65536},
	} {
		if _, err := New(cfg); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestRTPIsSpreadOverAllReaders(t *testing.T) {
	e, err := New(Config{IP: netip.MustParseAddr("127.0.0.1"), MinPort: 21000, MaxPort: 21999})
	if err != nil {
		t.Fatal(err)
	}
	n := &epollNet{}
	for range 2 {
		p, err := newEpoll(e.now)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(p.end)
		n.readers = append(n.readers, p)
	}
	e.net = n
	for range 16 {
		end, err := e.Open(nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { end.Close() })
	}
	for i, p := range n.readers {
		rtp := 0
		for _, s := range p.socks {
			if _, ok := s.h.(*Endpoint); ok {
				rtp++
			}
		}
		if rtp < 4 {
			t.Errorf("reader %d has %d of 16 RTP ports", i, rtp)
		}
	}
}
