package jitter

import "testing"

// fill gives n samples that count up from v.
func fill(v int16, n int) []int16 {
	pcm := make([]int16, n)
	for i := range pcm {
		pcm[i] = v + int16(i)
	}
	return pcm
}

// put puts n samples that count up from v; numbers go with time, as those of packets of 20 ms do.
func put(b *Buffer, ts uint32, v int16, n int) {
	b.Put(Packet{Seq: uint16(ts / 160), TS: ts, PCM: fill(v, n)})
}

// take gives the last sample of the next frame, and whether there was one.
func take(b *Buffer) (int16, bool) {
	var f [160]int16
	ok := b.Get(f[:])
	return f[159], ok
}

func expect(t *testing.T, b *Buffer, want ...int16) {
	t.Helper()
	for i, w := range want {
		if got, ok := take(b); !ok || got != w {
			t.Fatalf("frame %d: %d %v, want %d", i, got, ok, w)
		}
	}
}

func TestAudioComesAfterTheDelayInOrder(t *testing.T) {
	var b Buffer
	put(&b, 1600, 1, 160)
	put(&b, 1920, 321, 160)
	put(&b, 1760, 161, 160) // reordered
	put(&b, 1760, 9, 160)   // and twice
	expect(t, &b, 0, 0, 160, 320, 480)
	if c := b.Counts(); c.Duplicates != 1 || c.Concealed != 0 {
		t.Errorf("%+v", c)
	}
}

func TestDuplicateOfWhatWasHeardChangesNothing(t *testing.T) {
	var b Buffer
	put(&b, 1600, 1, 160)
	put(&b, 1760, 161, 160)
	expect(t, &b, 0, 0, 160)
	before := b.least
	put(&b, 1600, 9, 160)
	if expect(t, &b, 320); b.least < before || b.Counts().Late != 0 {
		t.Errorf("%d before, %+v", before, b.Counts())
	}
}

func TestTimestampWraps(t *testing.T) {
	var b Buffer
	b.Put(Packet{Seq: 65535, TS: 0xFFFFFFFF - 159, PCM: fill(1, 160)})
	b.Put(Packet{Seq: 0, TS: 0, PCM: fill(7, 160)})
	expect(t, &b, 0, 0, 160, 166)
}

func TestPacketSizesMayDiffer(t *testing.T) {
	var b Buffer
	b.Put(Packet{Seq: 1, TS: 0, PCM: fill(1, 80)})
	b.Put(Packet{Seq: 2, TS: 80, PCM: fill(81, 480)})
	expect(t, &b, 0, 0, 160, 320, 480)
}

func TestEndOfTalkFadesAndStops(t *testing.T) {
	var b Buffer
	put(&b, 0, 1000, 160)
	expect(t, &b, 0, 0, 1159)
	var f [160]int16
	for range 3 { // 60 ms
		if !b.Get(f[:]) {
			t.Fatal("cut off")
		}
	}
	if f[159] > 20 {
		t.Error("not faded:", f[159])
	}
	if b.Get(f[:]) {
		t.Error("more than was put")
	}
}

func TestComfortNoiseIsNoLoss(t *testing.T) {
	var b Buffer
	put(&b, 0, 1000, 160)
	b.Rest(1)
	expect(t, &b, 0, 0, 1159)
	if _, ok := take(&b); ok || b.Counts().Concealed != 0 {
		t.Error("made up")
	}
}

// A pause without packets is silence if the numbers go on, or if the marker says so; else it is loss.
func TestPauseIsNoLoss(t *testing.T) {
	for name, c := range map[string]struct {
		next Packet
		made bool
	}{
		"marker":  {Packet{Seq: 9, TS: 480, Marker: true}, false},
		"numbers": {Packet{Seq: 1, TS: 480}, false},
		"loss":    {Packet{Seq: 3, TS: 480}, true},
	} {
		var b Buffer
		put(&b, 0, 1000, 160)
		c.next.PCM = fill(2000, 160)
		b.Put(c.next)
		expect(t, &b, 0, 0, 1159)
		var f [160]int16
		b.Get(f[:])
		if made := f[159] != 0; made != c.made {
			t.Errorf("%s: %d", name, f[159])
		}
		_, _ = take(&b)
		expect(t, &b, 2159)
	}
}

func TestLateSoundIsHeardLateAndNotLost(t *testing.T) {
	var b Buffer
	put(&b, 0, 1000, 160)
	expect(t, &b, 0, 0, 1159)
	_, _ = take(&b) // the next one is late
	put(&b, 160, 2000, 160)
	put(&b, 320, 3000, 160)
	expect(t, &b, 2159, 3159)
	if c := b.Counts(); c.Longer != 160 || c.Concealed != 160 || c.Late != 0 {
		t.Errorf("%+v", c)
	}
}

func TestLateBehindOthersIsDroppedAndTheDelayGrows(t *testing.T) {
	var b Buffer
	put(&b, 0, 1000, 160)
	put(&b, 320, 3000, 160)
	put(&b, 480, 4000, 160)
	put(&b, 640, 5000, 160)
	expect(t, &b, 0, 0, 1159)
	_, _ = take(&b)
	expect(t, &b, 3159)
	put(&b, 160, 2000, 160)
	for range 3 {
		_, _ = take(&b)
	}
	if c := b.Counts(); c.Late != 1 || c.Longer != 160 {
		t.Errorf("%+v", c)
	}
}

func TestJumpStartsAnew(t *testing.T) {
	var b Buffer
	put(&b, 0, 1, 160)
	put(&b, 500000, 2, 160)
	expect(t, &b, 0, 0, 161)
}

func TestClockThatWentBackIsFollowed(t *testing.T) {
	var b Buffer
	b.Put(Packet{Seq: 1, TS: 1600, PCM: fill(1, 160)})
	expect(t, &b, 0, 0, 160)
	for i := range 7 {
		b.Put(Packet{Seq: uint16(2 + i), TS: uint32(160 * i), PCM: fill(int16(1000*i), 160)})
	}
	expect(t, &b, 0, 0, 5159, 6159)
}

func TestNothingIsAllocated(t *testing.T) {
	var b Buffer
	p, dst := Packet{PCM: fill(1, 160)}, make([]int16, 160)
	if n := testing.AllocsPerRun(1000, func() {
		if p.Seq%7 != 3 {
			b.Put(p)
		}
		b.Get(dst)
		p.Seq++
		p.TS += 160
	}); n != 0 {
		t.Error(n)
	}
	if b.Counts().Concealed == 0 {
		t.Error("nothing was lost")
	}
}

func FuzzPutAndGet(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 20, 0, 0, 160, 1, 20, 0, 1, 64, 4, 20, 0, 0, 200, 2, 20})
	f.Fuzz(func(t *testing.T, in []byte) {
		var b Buffer
		dst := make([]int16, 160)
		for ; len(in) >= 5; in = in[5:] {
			ts := uint32(in[0])<<24 | uint32(in[1])<<12 | uint32(in[2])
			b.Put(Packet{Seq: uint16(in[3] >> 2), TS: ts, Marker: in[3]&1 != 0, PCM: make([]int16, int(in[4])*8)})
			if in[3]&2 != 0 {
				b.Get(dst)
			}
			if d := int32(b.end - b.head); d > ring {
				t.Fatalf("%d wait, more than the ring holds", d)
			}
		}
		for range 4 * ring / 160 {
			if !b.Get(dst) {
				return
			}
		}
		t.Fatal("no end")
	})
}

func BenchmarkFrame(b *testing.B) {
	var j Buffer
	p, dst := Packet{PCM: fill(1, 160)}, make([]int16, 160)
	b.ReportAllocs()
	for b.Loop() {
		j.Put(p)
		j.Get(dst)
		p.Seq++
		p.TS += 160
	}
}

func BenchmarkFrameWithLoss(b *testing.B) {
	var j Buffer
	p, dst := Packet{PCM: fill(1, 160)}, make([]int16, 160)
	b.ReportAllocs()
	for b.Loop() {
		if p.Seq%10 != 3 {
			j.Put(p)
		}
		j.Get(dst)
		p.Seq++
		p.TS += 160
	}
}
