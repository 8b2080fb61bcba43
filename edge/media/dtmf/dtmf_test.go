package dtmf

import (
	"testing"
	"time"
)

const ms = time.Millisecond

// packet is one line of a captured sequence.
type packet struct {
	at     time.Duration
	ts     uint32
	marker bool
	ev     Event
}

func run(r *Receiver, in []packet) (got []Digit) {
	for _, p := range in {
		done, n := r.Packet(p.ts, p.marker, p.ev, p.at)
		got = append(got, done[:n]...)
	}
	return got
}

func same(t *testing.T, got, want []Digit) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%v, want %v", got, want)
	}
	for i := range got {
		if got[i] != want[i] {
			t.Errorf("%v, want %v", got, want)
		}
	}
}

// press is a digit as phones send it: every 20 ms, the end three times.
func press(code byte, ts uint32, at time.Duration) (out []packet) {
	for i := range 5 {
		out = append(out, packet{at + time.Duration(i)*20*ms, ts, i == 0, Event{code, false, uint16(160 * (i + 1))}})
	}
	for range 3 {
		out = append(out, packet{at + 100*ms, ts, false, Event{code, true, 960}})
	}
	return out
}

func TestDigitIsToldOnceAtItsEnd(t *testing.T) {
	var r Receiver
	in := append(press(5, 1000, 0), press(5, 3000, 200*ms)...)
	in = append(in, press(11, 5000, 400*ms)...)
	same(t, run(&r, in), []Digit{{"5", 120 * ms}, {"5", 120 * ms}, {"#", 120 * ms}})
}

func TestRepeatedAndReorderedPacketsAreOneDigit(t *testing.T) {
	var r Receiver
	one := press(1, 1000, 0)
	in := append(append([]packet{}, one...), one...)
	in = append(in, press(2, 3000, 200*ms)...)
	in = append(in, one[3])
	same(t, run(&r, in), []Digit{{"1", 120 * ms}, {"2", 120 * ms}})
}

func TestLostEndIsFoundByTheNextDigit(t *testing.T) {
	var r Receiver
	in := append(press(1, 1000, 0)[:5], press(2, 3000, 200*ms)...)
	same(t, run(&r, in), []Digit{{"1", 100 * ms}, {"2", 120 * ms}})
}

// The times of another stream begin anywhere: neither before nor after those of the one that was.
func TestDigitsOfAnotherStreamAreNotLate(t *testing.T) {
	for _, ts := range []uint32{0, 1000, 2000, 1 << 31, 1<<32 - 1000} {
		var r Receiver
		got := run(&r, press(1, 2000, 0))
		r.Change()
		got = append(got, run(&r, press(2, ts, 300*ms))...)
		same(t, got, []Digit{{"1", 120 * ms}, {"2", 120 * ms}})
		got = run(&r, press(3, ts+3000, 500*ms)[:5])
		r.Change()
		got = append(got, run(&r, press(4, ts, 700*ms))...)
		same(t, got, []Digit{{"3", 100 * ms}, {"4", 120 * ms}})
	}
}

func TestOnlyTheEndArrives(t *testing.T) {
	var r Receiver
	in := append(press(1, 1000, 0)[:2], press(2, 3000, 200*ms)[7])
	same(t, run(&r, in), []Digit{{"1", 40 * ms}, {"2", 120 * ms}})
}

func TestLostEndIsFoundByTime(t *testing.T) {
	var r Receiver
	run(&r, press(9, 1000, 0)[:5])
	if _, ok := r.Expire(200 * ms); ok || !r.Active() {
		t.Fatal("ended too early")
	}
	if d, ok := r.Expire(240 * ms); !ok || d != (Digit{"9", 100 * ms}) {
		t.Fatal(d, ok)
	}
	if _, ok := r.Expire(time.Second); ok || r.Active() {
		t.Fatal("told twice")
	}
	if got := run(&r, press(9, 1000, 250*ms)[6:]); len(got) != 0 {
		t.Fatal("told again by its late end", got)
	}
}

func TestLongDigitOfSeveralSegments(t *testing.T) {
	var r Receiver
	in := []packet{
		{0, 0, true, Event{3, false, 0xFFFF}},
		{8200 * ms, 0xFFFF, false, Event{3, false, 8000}},
		{9200 * ms, 0xFFFF, false, Event{3, true, 16000}},
	}
	same(t, run(&r, in), []Digit{{"3", samples(0xFFFF+16000, 8000)}})
}

func TestAFloodOfDigitsIsBounded(t *testing.T) {
	var r Receiver
	var in []packet
	for i := range 10_000 { // one a millisecond
		in = append(in, packet{time.Duration(i) * ms, uint32(i * 8), true, Event{5, true, 8}})
	}
	if n := len(run(&r, in)); n < 200 || n > 225 {
		t.Errorf("%d digits told in 10 s", n)
	}
}

func TestDigitsThatComeAtOnceAreAllTold(t *testing.T) {
	var r Receiver
	var in []packet
	for i := range 15 {
		in = append(in, press(byte(i%10), uint32(i*1600), time.Second)...)
	}
	for i := range in {
		in[i].at = time.Second
	}
	if n := len(run(&r, in)); n != 15 {
		t.Errorf("%d of 15", n)
	}
}

func TestEventsThatAreNoKeysAreIgnored(t *testing.T) {
	var r Receiver
	if got := run(&r, press(16, 1000, 0)); len(got) != 0 || r.Active() {
		t.Error(got)
	}
}

func TestSenderTimesDigits(t *testing.T) {
	var s Sender
	if !s.Queue("1d") || s.Queue("1x") || s.Queue(string(make([]byte, 200))) {
		t.Fatal("queue")
	}
	var r Receiver
	var got []Digit
	starts, ends := []int{}, 0
	ts := uint32(0)
	for i := 0; s.Busy(); i++ {
		p, ok := s.Next()
		if !ok {
			continue
		}
		if p.First {
			starts, ts = append(starts, i), uint32(i*160)
		}
		if p.Event.End {
			ends++
		}
		var b [Size]byte
		p.Event.Put(b[:])
		ev, _ := Parse(b[:])
		got = append(got, run(&r, []packet{{time.Duration(i) * 20 * ms, ts, p.First, ev}})...)
	}
	same(t, got, []Digit{{"1", 100 * ms}, {"D", 100 * ms}})
	if len(starts) != 2 || starts[1]-starts[0] != 8 || ends != 6 {
		t.Errorf("starts %v, %d end packets", starts, ends)
	}
}

func TestShortPayloadIsRefused(t *testing.T) {
	if _, ok := Parse([]byte{1, 2, 3}); ok {
		t.Error("taken")
	}
}

func FuzzReceiver(f *testing.F) {
	f.Add([]byte{1, 0, 0, 160, 0, 1, 1, 128, 3, 192, 0, 1})
	f.Fuzz(func(t *testing.T, in []byte) {
		var r Receiver
		for i := 0; len(in) >= 6; in, i = in[6:], i+1 {
			ev, _ := Parse(in)
			_, n := r.Packet(uint32(in[4])<<8|uint32(in[5]), in[1]&1 != 0, ev, time.Duration(i)*ms)
			if n > 2 {
				t.Fatal(n)
			}
			r.Expire(time.Duration(i) * ms)
		}
	})
}
