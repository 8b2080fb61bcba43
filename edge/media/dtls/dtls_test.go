package dtls

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/offhook/offhook/edge/media/sdp"
	"github.com/pion/transport/v4/packetio"
)

// end is one side of a line in memory; every message may be lost.
type end struct {
	in, out *packetio.Buffer
	lose    func() bool
}

func (e *end) ReadFrom(b []byte) (int, net.Addr, error) {
	n, err := e.in.Read(b)
	return n, e.LocalAddr(), err
}

func (e *end) WriteTo(b []byte, _ net.Addr) (int, error) {
	if e.lose != nil && e.lose() {
		return len(b), nil
	}
	return e.out.Write(b)
}
func (e *end) Close() error                      { return e.in.Close() }
func (*end) LocalAddr() net.Addr                 { return &net.UDPAddr{} }
func (e *end) SetDeadline(t time.Time) error     { return e.in.SetReadDeadline(t) }
func (e *end) SetReadDeadline(t time.Time) error { return e.in.SetReadDeadline(t) }
func (*end) SetWriteDeadline(time.Time) error    { return nil }

// line joins two ends.
func line() (client, server *end) {
	a, b := packetio.NewBuffer(), packetio.NewBuffer()
	return &end{in: a, out: b}, &end{in: b, out: a}
}

func identity(t *testing.T) *Identity {
	t.Helper()
	i, err := NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	return i
}

type result struct {
	keys Keys
	err  error
}

// shake runs both sides; a side that failed has closed its end.
func shake(t *testing.T, client, server Association, c, s *end) (atClient, atServer result) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	done := make(chan result)
	go func() {
		conn, keys, err := server.Handshake(ctx, s)
		if err == nil {
			defer func() { _ = conn.Close() }()
		}
		done <- result{keys, err}
		<-ctx.Done()
	}()
	conn, keys, err := client.Handshake(ctx, c)
	atClient, atServer = result{keys, err}, <-done
	if err == nil {
		_ = conn.Close()
	}
	return atClient, atServer
}

func TestBothSidesHaveTheSameKeys(t *testing.T) {
	for name, lose := range map[string]func() bool{"nothing is lost": nil, "every second message is lost": everySecond()} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := identity(t), identity(t)
				c, s := line()
				c.lose = lose
				x, y := shake(t, Association{Identity: a, Prints: []sdp.Fingerprint{b.Fingerprint()}, Client: true},
					Association{Identity: b, Prints: []sdp.Fingerprint{a.Fingerprint()}}, c, s)
				if x.err != nil || y.err != nil {
					t.Fatal(x.err, y.err)
				}
				if !x.keys.Ours.Equal(y.keys.Theirs) || !x.keys.Theirs.Equal(y.keys.Ours) || x.keys.Ours.Equal(x.keys.Theirs) {
					t.Errorf("%+v %+v", x.keys, y.keys)
				}
				if x.keys.Ours.Suite.Name != "AEAD_AES_256_GCM" || len(x.keys.Ours.Master) != 44 {
					t.Errorf("%+v", x.keys.Ours)
				}
			})
		})
	}
}

func everySecond() func() bool {
	n := 0
	return func() bool {
		n++
		return n%2 == 1
	}
}

func TestTheFingerprintDecides(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, other := identity(t), identity(t), identity(t)
		digest, _ := digestOf("sha-512", a.DER())
		for name, c := range map[string]struct {
			atClient, atServer   []sdp.Fingerprint
			clientErr, serverErr error
		}{
			"wrong at the server": {[]sdp.Fingerprint{b.Fingerprint()}, []sdp.Fingerprint{other.Fingerprint()}, nil, ErrFingerprint},
			"wrong at the client": {[]sdp.Fingerprint{other.Fingerprint()}, []sdp.Fingerprint{a.Fingerprint()}, ErrFingerprint, nil},
			"none":                {[]sdp.Fingerprint{b.Fingerprint()}, nil, nil, ErrFingerprint},
			"of another hash":     {[]sdp.Fingerprint{b.Fingerprint()}, []sdp.Fingerprint{{Hash: "sha-1", Digest: digest[:20]}}, nil, ErrFingerprint},
		} {
			x, y := line()
			atClient, atServer := shake(t, Association{Identity: a, Prints: c.atClient, Client: true}, Association{Identity: b, Prints: c.atServer}, x, y)
			if c.clientErr != nil && !errors.Is(atClient.err, c.clientErr) || c.serverErr != nil && !errors.Is(atServer.err, c.serverErr) {
				t.Errorf("%s: %v, %v", name, atClient.err, atServer.err)
			}
			if atServer.err == nil && c.serverErr != nil || atClient.err == nil && c.clientErr != nil {
				t.Errorf("%s: keys were agreed on", name)
			}
		}
		x, y := line()
		both := []sdp.Fingerprint{other.Fingerprint(), {Hash: "sha-512", Digest: digest}}
		if _, got := shake(t, Association{Identity: a, Prints: []sdp.Fingerprint{b.Fingerprint()}, Client: true}, Association{Identity: b, Prints: both}, x, y); got.err != nil {
			t.Errorf("one of several: %v", got.err)
		}
	})
}

func TestAHandshakeEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := identity(t)
		c, _ := line()
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		began := time.Now()
		if _, _, err := (Association{Identity: a, Client: true}).Handshake(ctx, c); err == nil || time.Since(began) > 4*time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

func TestWhatMayBeginAHandshake(t *testing.T) {
	hello := append([]byte{22, 254, 253, 0, 0}, make([]byte, 20)...)
	for name, c := range map[string]struct {
		b      []byte
		is, up bool
	}{
		"hello": {hello, true, true}, "encrypted": {append([]byte{22, 254, 253, 0, 1}, make([]byte, 20)...), true, false},
		"alert": {append([]byte{21, 254, 253, 0, 0}, make([]byte, 20)...), true, false}, "short": {hello[:13], false, false},
		"RTP": {append([]byte{0x80}, make([]byte, 20)...), false, false}, "nothing": {nil, false, false},
	} {
		if Is(c.b) != c.is || Begins(c.b) != c.up {
			t.Error(name)
		}
	}
}
