package media

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/offhook/offhook/edge/media/srtp"
	"github.com/pion/rtp"
)

// vault is a bench whose parties encrypt, or one of them.
type vault struct {
	*bench
	in    *srtp.Sealer // as the party of a does
	plain []byte
	room  []byte
	clear bool
}

// newVault has a relay from a to b; a nil suite leaves that side plain.
func newVault(tb testing.TB, a, b *srtp.Suite) *vault {
	tb.Helper()
	x := newBench(tb, keyed(a), keyed(b))
	v := &vault{bench: x, clear: a == nil, room: make([]byte, 0, 400)}
	if a != nil {
		var err error
		if v.in, err = (srtp.Key{Suite: a, Master: masterKey(a, 1)}).Sealer(); err != nil {
			tb.Fatal(err)
		}
	}
	v.plain = bytes.Clone(x.raw)
	x.b.Hear([]Heard{{From: x.a}})
	return v
}

// keyed is an m= section of a party; newBench fills in the port.
func keyed(s *srtp.Suite) string {
	if s == nil {
		return onlyU
	}
	return savp + line(1, s, 1)
}

// packet brings the next one to a. The party's own encryption is part of what is measured beside ours when it encrypts.
func (v *vault) packet(tb testing.TB) {
	v.raw = v.plain
	if v.clear {
		v.bench.packet()
		return
	}
	v.step()
	sealed, err := v.in.RTP(append(v.room[:0], v.plain...))
	if err != nil {
		tb.Fatal(err)
	}
	v.raw = sealed
	v.to(v.a)
}

func TestNothingIsAllocatedForAnEncryptedPacket(t *testing.T) {
	if testing.Short() {
		t.Skip("the race detector, which runs the short tests, takes things out of the pool that AES_CM has its buffers from")
	}
	for _, a := range append([]*srtp.Suite{nil}, srtp.Suites...) {
		for _, b := range append([]*srtp.Suite{nil}, srtp.Suites...) {
			v := newVault(t, a, b)
			noAllocs(t, fmt.Sprint(suiteName(a), " to ", suiteName(b)), func() uint64 { return v.b.Stats().PacketsSent }, func() { v.packet(t) })
		}
	}
}

func suiteName(s *srtp.Suite) string {
	if s == nil {
		return "plain"
	}
	return s.Name
}

// BenchmarkSRTPRelay is a relayed packet that is decrypted, rewritten and encrypted. Where the sender's side is encrypted,
// making its packet is left out: seal is measured alone.
func BenchmarkSRTPRelay(b *testing.B) {
	gcm, sha := srtp.Suites[1], srtp.Suites[2]
	for _, c := range []struct{ from, to *srtp.Suite }{{nil, nil}, {nil, gcm}, {gcm, nil}, {gcm, gcm}, {nil, sha}, {sha, nil}, {sha, sha}} {
		b.Run(suiteName(c.from)+" to "+suiteName(c.to), func(b *testing.B) {
			v := newVault(b, c.from, c.to)
			b.ReportAllocs()
			const batch = 512
			var sealed [batch][400]byte
			var sizes [batch]int
			for n := 0; n < b.N; n += batch {
				b.StopTimer()
				for i := range batch {
					sizes[i] = v.next(b, sealed[i][:0])
				}
				b.StartTimer()
				for i := range min(batch, b.N-n) {
					v.raw = sealed[i][:sizes[i]]
					v.now += frameTime
					v.to(v.a)
				}
			}
		})
	}
}

// next writes the party's next packet into b.
func (v *vault) next(tb testing.TB, b []byte) int {
	v.raw = v.plain
	v.step()
	b = append(b, v.plain...)
	if v.clear {
		return len(b)
	}
	b, err := v.in.RTP(b)
	if err != nil {
		tb.Fatal(err)
	}
	return len(b)
}

// Nothing that comes to a party with keys makes the engine fail, and nothing but what has them is heard.
func FuzzSealedPacket(f *testing.F) {
	v := newVault(f, srtp.Suites[1], nil)
	p := rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: 1, SSRC: 9}, Payload: make([]byte, 160)}
	b, err := p.Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(b[:13])
	f.Add([]byte{0x80, 200, 0, 1, 0, 0, 0, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})
	f.Add(append([]byte{0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42}, make([]byte, 12)...))
	f.Add(append([]byte{22, 254, 253, 0, 0}, make([]byte, 20)...))
	f.Fuzz(func(t *testing.T, in []byte) {
		v.now += frameTime
		v.a.packet(v.sc, bytes.Clone(in), v.from, v.now)
		if s := v.a.Stats(); s.PacketsReceived != 0 {
			t.Fatalf("%+v", s)
		}
	})
}
