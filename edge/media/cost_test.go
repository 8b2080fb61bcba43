package media

import (
	"fmt"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/offhook/offhook/edge/media/g711"
	"github.com/pion/rtp"
)

// sink is a socket that keeps nothing, to see what a packet costs us without the system.
type sink struct{ closed chan struct{} }

func (s sink) ReadFromUDPAddrPort([]byte) (int, netip.AddrPort, error) {
	<-s.closed
	return 0, netip.AddrPort{}, net.ErrClosed
}
func (s sink) WriteToUDPAddrPort(b []byte, _ netip.AddrPort) (int, error) { return len(b), nil }
func (s sink) Close() error                                               { close(s.closed); return nil }

// bench has two endpoints that hear each other, nothing running but what the test calls.
type bench struct {
	eng  *Engine
	a, b *Endpoint
	from netip.AddrPort
	raw  []byte
	sc   *scratch
	now  time.Duration
	slot int64
	tick uint32 // of a packet
}

func newBench(tb testing.TB, mediaA, mediaB string) *bench {
	tb.Helper()
	eng, err := New(Config{IP: local, MinPort: 20000, MaxPort: 22999, Listen: func(netip.AddrPort) (PacketSocket, error) {
		return sink{make(chan struct{})}, nil
	}})
	if err != nil {
		tb.Fatal(err)
	}
	x := &bench{eng: eng, from: netip.AddrPortFrom(local, 4000), sc: new(scratch), tick: frameSize}
	x.a, x.b = x.open(tb, mediaA), x.open(tb, mediaB)
	pt := map[string]uint8{onlyA: 8, onlyW: 9}[mediaA]
	p := rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: pt, SequenceNumber: 1, SSRC: 9}, Payload: make([]byte, 160)}
	if x.raw, err = p.Marshal(); err != nil {
		tb.Fatal(err)
	}
	return x
}

func (x *bench) open(tb testing.TB, media string) *Endpoint {
	tb.Helper()
	end, err := x.eng.Open(nil)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { end.Close() })
	offer := "v=0\r\nc=IN IP4 127.0.0.1\r\n" + fmt.Sprintf(media, 4000)
	if _, _, err := end.Answer([]byte(offer)); err != nil {
		tb.Fatal(err)
	}
	return end
}

// packet brings the next packet to a.
func (x *bench) packet() {
	x.step()
	x.to(x.a)
}

// step makes raw the next packet.
func (x *bench) step() {
	x.raw[3]++
	if x.raw[3] == 0 {
		x.raw[2]++
	}
	ts := uint32(x.raw[4])<<24 | uint32(x.raw[5])<<16 | uint32(x.raw[6])<<8 | uint32(x.raw[7])
	ts += x.tick
	x.raw[4], x.raw[5], x.raw[6], x.raw[7] = byte(ts>>24), byte(ts>>16), byte(ts>>8), byte(ts)
	x.now += 20 * time.Millisecond
}

// to brings the packet to an endpoint.
func (x *bench) to(e *Endpoint) { e.packet(x.sc, x.raw, x.from, x.now) }

// turn is one turn of the wheel for its members.
func (x *bench) turn(members ...ticker) {
	x.slot += slots
	for _, m := range members {
		m.produce(x.sc, x.slot)
	}
	for _, m := range members {
		m.consume(x.sc, x.slot)
	}
}

func noAllocs(t *testing.T, what string, sent func() uint64, f func()) {
	t.Helper()
	f()
	before := sent()
	if n := testing.AllocsPerRun(500, f); n != 0 {
		t.Errorf("%s: %v allocations a packet", what, n)
	}
	if got := sent() - before; got < 500 {
		t.Errorf("%s: only %d packets were sent", what, got)
	}
}

// TestAnEndpointFitsItsMemory: with the header that the allocator adds it has the next smaller of its sizes, 1,792 bytes; the
// one above is 256 bytes more for each call.
func TestAnEndpointFitsItsMemory(t *testing.T) {
	if n := unsafe.Sizeof(Endpoint{}); n > 1792-8 {
		t.Errorf("%d bytes", n)
	}
}

func TestNothingIsAllocatedForAPacket(t *testing.T) {
	sent := func(e *Endpoint) func() uint64 { return func() uint64 { return e.Stats().PacketsSent } }
	x := newBench(t, onlyU, onlyU)
	x.b.Hear([]Heard{{From: x.a}})
	noAllocs(t, "relay", sent(x.b), x.packet)

	y := newBench(t, onlyU, onlyA)
	y.b.Hear([]Heard{{From: y.a}})
	noAllocs(t, "transcoding", sent(y.b), y.packet)

	for name, media := range map[string][2]string{"from G722": {onlyW, onlyU}, "to G722": {onlyA, onlyW}} {
		v := newBench(t, media[0], media[1])
		v.b.Hear([]Heard{{From: v.a}})
		noAllocs(t, name, sent(v.b), v.packet)
	}

	w := newBench(t, onlyU, onlyU)
	w.b.Hear([]Heard{{From: w.a}})
	rec := w.eng.Record(Recording{Channels: 2})
	rec.Hear([]Heard{{From: w.a}, {From: w.b, Channel: 1}})
	tape := make([]int16, 2*readFrames*frameSize)
	noAllocs(t, "relay with a recorder", sent(w.b), func() {
		w.packet()
		if w.turn(w.a, w.b, rec); rec.count >= readFrames {
			rec.Read(tape)
		}
	})
	rec.Stop()

	for name, src := range map[string]Source{"of 8 kHz": newFixed(true), "of 16 kHz": wideSound{newFixed(true).(encodedSound), make([]int16, wideFrame)}} {
		v := newBench(t, onlyW, onlyW)
		p := v.eng.Play([]Source{src}, -1, nil)
		v.a.Hear([]Heard{{From: p}})
		v.b.Hear([]Heard{{From: p, Gain: 0.5}, {From: v.a}})
		noAllocs(t, "player "+name+" and mix of 16 kHz", sent(v.b), func() { v.packet(); v.turn(p, v.a, v.b) })
	}

	for name, src := range map[string]Source{"player": newFixed(false), "encoded player": newFixed(true)} {
		z := newBench(t, onlyU, onlyA)
		p := z.eng.Play([]Source{src}, -1, nil)
		z.a.Hear([]Heard{{From: p}})
		z.b.Hear([]Heard{{From: p, Gain: 0.5}, {From: z.a}})
		noAllocs(t, name, sent(z.a), func() { z.turn(p, z.a, z.b) })
		noAllocs(t, name+" in a mix", sent(z.b), func() { z.packet(); z.turn(p, z.a, z.b) })
	}
}

// A thousand prompts at once: each turn sends a frame of each, and allocates nothing.
func TestAThousandPromptsAllocateNothing(t *testing.T) { synctest.Test(t, thousandPrompts) }

func thousandPrompts(t *testing.T) {
	x := newBench(t, onlyU, onlyU)
	const prompts, turns = 1000, 20
	var members []ticker
	var ends []*Endpoint
	for i := range prompts {
		p, end := x.eng.Play([]Source{newFixed(i%2 == 0)}, -1, nil), x.open(t, onlyU)
		end.Hear([]Heard{{From: p}})
		members, ends = append(members, p, end), append(ends, end)
	}
	x.turn(members...)
	synctest.Wait()                                                                // the endpoints' readers have begun, which takes memory
	if n := testing.AllocsPerRun(turns-1, func() { x.turn(members...) }); n != 0 { // and once to warm up
		t.Errorf("%v allocations a turn", n)
	}
	for _, end := range ends {
		if n := end.Stats().PacketsSent; n != turns+1 {
			t.Fatalf("%d packets were sent in %d turns", n, turns+1)
		}
	}
}

// fixedSound has its frames made.
type fixedSound struct {
	pcm  []int16
	code [2][]byte
}

type encodedSound struct{ fixedSound }

type wideSound struct {
	encodedSound
	wide []int16
}

func (f wideSound) FrameWide(int) []int16 { return f.wide }

func newFixed(encoded bool) Source {
	f := fixedSound{pcm: make([]int16, frameSize)}
	for i := range f.pcm {
		f.pcm[i] = int16(i * 50)
	}
	for law := range f.code {
		f.code[law] = make([]byte, frameSize)
		g711.Law(law).Encode(f.code[law], f.pcm)
	}
	if encoded {
		return encodedSound{f}
	}
	return f
}

func (f fixedSound) Frame(n int) ([]int16, bool, error) { return f.pcm, n < 100, nil }

func (f encodedSound) FrameG711(n int, alaw bool) ([]byte, bool, error) {
	if alaw {
		return f.code[1], n < 100, nil
	}
	return f.code[0], n < 100, nil
}

func BenchmarkRelay(b *testing.B) {
	x := newBench(b, onlyU, onlyU)
	x.b.Hear([]Heard{{From: x.a}})
	b.ReportAllocs()
	for b.Loop() {
		x.packet()
	}
}

func BenchmarkTranscode(b *testing.B) {
	x := newBench(b, onlyU, onlyA)
	x.b.Hear([]Heard{{From: x.a}})
	b.ReportAllocs()
	for b.Loop() {
		x.packet()
	}
}

// BenchmarkTranscodeWide is a packet of a party with G.722 for one with PCMU, and the other way.
func BenchmarkTranscodeWide(b *testing.B) {
	for name, media := range map[string][2]string{"from": {onlyW, onlyU}, "to": {onlyU, onlyW}} {
		b.Run(name, func(b *testing.B) {
			x := newBench(b, media[0], media[1])
			x.b.Hear([]Heard{{From: x.a}})
			b.ReportAllocs()
			for b.Loop() {
				x.packet()
			}
		})
	}
}

func BenchmarkPlay(b *testing.B) {
	x := newBench(b, onlyU, onlyU)
	p := x.eng.Play([]Source{newFixed(true)}, -1, nil)
	x.a.Hear([]Heard{{From: p}})
	b.ReportAllocs()
	for b.Loop() {
		x.turn(p, x.a)
	}
}

func BenchmarkMix(b *testing.B) {
	x := newBench(b, onlyU, onlyU)
	p := x.eng.Play([]Source{newFixed(true)}, -1, nil)
	x.b.Hear([]Heard{{From: p, Gain: 0.3}, {From: x.a}})
	b.ReportAllocs()
	for b.Loop() {
		x.packet()
		x.turn(p, x.a, x.b)
	}
}

// BenchmarkRecord is a relayed packet of a party that is recorded, and its frame.
func BenchmarkRecord(b *testing.B) {
	x := newBench(b, onlyU, onlyU)
	x.b.Hear([]Heard{{From: x.a}})
	rec := x.eng.Record(Recording{Channels: 2})
	rec.Hear([]Heard{{From: x.a}, {From: x.b, Channel: 1}})
	tape := make([]int16, 2*readFrames*frameSize)
	b.ReportAllocs()
	for b.Loop() {
		x.packet()
		if x.turn(x.a, x.b, rec); rec.count >= readFrames {
			rec.Read(tape)
		}
	}
}

// BenchmarkHundredThreeWayCalls is 20 ms of a hundred calls of three: 300 packets in, 300 mixes, 300 packets out.
func BenchmarkHundredThreeWayCalls(b *testing.B) { hundredThreeWayCalls(b, onlyU) }

// BenchmarkHundredWideThreeWayCalls is the same with G.722.
func BenchmarkHundredWideThreeWayCalls(b *testing.B) { hundredThreeWayCalls(b, onlyW) }

func hundredThreeWayCalls(b *testing.B, media string) {
	x := newBench(b, media, media)
	var ends []*Endpoint
	for range 100 {
		three := []*Endpoint{x.open(b, media), x.open(b, media), x.open(b, media)}
		for i, e := range three {
			e.Hear([]Heard{{From: three[(i+1)%3]}, {From: three[(i+2)%3]}})
		}
		ends = append(ends, three...)
	}
	members := make([]ticker, len(ends))
	for i, e := range ends {
		members[i] = e
	}
	b.ReportAllocs()
	began := time.Now()
	for b.Loop() {
		for _, e := range ends {
			x.to(e)
		}
		x.packet()
		x.turn(members...)
	}
	b.ReportMetric(100*time.Since(began).Seconds()/float64(b.N)/frameTime.Seconds(), "%core")
}

// BenchmarkRelayLoopback is a packet's whole way over the system's sockets: in, rewritten, out, taken.
func BenchmarkRelayLoopback(b *testing.B) {
	eng := realEngine(b, Config{})
	x, y := connect(b, eng, onlyU), connect(b, eng, onlyU)
	y.end.Hear([]Heard{{From: x.end}})
	payload := make([]byte, 160)
	for b.Loop() {
		x.send(0, payload)
		y.receive()
	}
}

// Nothing that comes in a packet makes the engine fail.
func FuzzPacket(f *testing.F) {
	x := newBench(f, "m=audio %d RTP/AVP 0 8 9 101\r\na=rtpmap:101 telephone-event/8000\r\n", onlyA)
	x.b.Hear([]Heard{{From: x.a}})
	x.a.Hear([]Heard{{From: x.a}, {From: x.b}})
	f.Add(x.raw)
	f.Add([]byte{0x80, 9, 0, 1, 0, 0, 0, 1, 0, 0, 0, 9, 1, 2, 3, 4})
	f.Add([]byte{0x80, 101, 0, 1, 0, 0, 0, 1, 0, 0, 0, 9, 5, 10, 0, 160})
	f.Add([]byte{0xB1, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 9, 1, 2, 3, 4, 0xBE, 0xDE, 0, 1, 0x10, 1, 0, 0, 1, 2, 3, 1})
	f.Fuzz(func(t *testing.T, in []byte) {
		before := x.a.Stats()
		x.now += 20 * time.Millisecond
		x.a.packet(x.sc, in, x.from, x.now)
		x.turn(x.a, x.b)
		after := x.a.Stats()
		if after.PacketsReceived-before.PacketsReceived+after.Refused-before.Refused > 1 {
			t.Fatalf("%+v after %+v", after, before)
		}
	})
}
