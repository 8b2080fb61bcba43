package edgetest_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/offhook/offhook/edge/edgetest"
)

func TestFateDropsDoublesAndDelaysPackets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := edgetest.NewNet()
		n.SetFate(func(p edgetest.Packet) []time.Duration {
			switch string(p.Data) {
			case "lost":
				return nil
			case "late":
				return []time.Duration{2 * time.Second}
			case "twice":
				return []time.Duration{0, time.Second}
			}
			return []time.Duration{0}
		})
		a, b := listen(t, n, "127.0.0.1:1"), listen(t, n, "127.0.0.1:2")
		for _, word := range []string{"late", "lost", "twice", "soon"} {
			if _, err := a.WriteTo([]byte(word), b.LocalAddr()); err != nil {
				t.Fatal(err)
			}
		}
		var got []string
		buf := make([]byte, 100)
		_ = b.SetReadDeadline(time.Now().Add(time.Minute))
		for {
			size, from, err := b.ReadFrom(buf)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				break
			}
			if err != nil || from.String() != "127.0.0.1:1" {
				t.Fatalf("read from %v: %v", from, err)
			}
			got = append(got, string(buf[:size]))
		}
		if s := strings.Join(got, " "); s != "twice soon twice late" {
			t.Errorf("got %s", s)
		}
	})
}

func listen(t *testing.T, n *edgetest.Net, addr string) net.PacketConn {
	t.Helper()
	c, err := n.ListenPacket("udp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestAddressesAreTakenOnceAndFreeAfterClose(t *testing.T) {
	n := edgetest.NewNet()
	c := listen(t, n, "127.0.0.1:1")
	if _, err := n.ListenPacket("udp", "127.0.0.1:1"); err == nil {
		t.Error("the address was given twice")
	}
	_ = c.Close()
	if _, _, err := c.ReadFrom(nil); !errors.Is(err, net.ErrClosed) {
		t.Errorf("reading a closed socket: %v", err)
	}
	listen(t, n, "127.0.0.1:1")
	if port := netip.MustParseAddrPort(listen(t, n, "127.0.0.1:0").LocalAddr().String()).Port(); port == 0 {
		t.Error("no port was chosen")
	}
}

func TestStreamsConnectListenersOnly(t *testing.T) {
	n := edgetest.NewNet()
	if _, err := n.DialContext(t.Context(), "tcp", "127.0.0.1:1"); err == nil {
		t.Error("connected to nobody")
	}
	ln, err := n.Listen("tcp", "127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		c, err := ln.Accept()
		if err == nil {
			_, _ = c.Write([]byte(c.RemoteAddr().Network()))
		}
	}()
	c, err := n.DialContext(context.Background(), "tcp", "127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 3)
	if _, err := c.Read(buf); err != nil || string(buf) != "tcp" || c.RemoteAddr().String() != "127.0.0.1:1" {
		t.Errorf("read %q, %v", buf, err)
	}
	_ = ln.Close()
	if _, err := ln.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("accept after close: %v", err)
	}
}
