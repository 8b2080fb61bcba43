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

// take gives the first sample of the next frame, and whether there was one.
func take(b *Buffer) (int16, bool) {
	var frame [160]int16
	ok := b.Get(frame[:])
	return frame[0], ok
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
	b.Put(1000, fill(1, 160))
	b.Put(1320, fill(321, 160))
	b.Put(1160, fill(161, 160)) // reordered
	expect(t, &b, 0, 0, 1, 161, 321)
	if _, ok := take(&b); ok {
		t.Error("more than was put")
	}
}

func TestLostPacketIsSilence(t *testing.T) {
	var b Buffer
	b.Put(0, fill(1, 160))
	b.Put(320, fill(3, 160))
	expect(t, &b, 0, 0, 1, 0, 3)
}

func TestTimestampWraps(t *testing.T) {
	var b Buffer
	b.Put(0xFFFFFFFF-159, fill(1, 160))
	b.Put(0, fill(7, 160))
	expect(t, &b, 0, 0, 1, 7)
}

func TestPacketSizesMayDiffer(t *testing.T) {
	var b Buffer
	b.Put(0, fill(1, 80))
	b.Put(80, fill(81, 480))
	expect(t, &b, 0, 0, 1, 161, 321)
}

func TestLatePacketIsDropped(t *testing.T) {
	var b Buffer
	b.Put(0, fill(1, 160))
	b.Put(480, fill(9, 160))
	expect(t, &b, 0, 0, 1, 0)
	b.Put(160, fill(5, 160))
	expect(t, &b, 0, 9)
	if b.Dropped() != 1 {
		t.Error(b.Dropped())
	}
}

func TestJumpStartsAnew(t *testing.T) {
	var b Buffer
	b.Put(0, fill(1, 160))
	b.Put(500000, fill(2, 160))
	expect(t, &b, 0, 0, 2)
}

func TestClockThatWentBackIsFollowed(t *testing.T) {
	var b Buffer
	b.Put(1600, fill(1, 160))
	expect(t, &b, 0, 0)
	for i := range 6 {
		b.Put(uint32(160*i), fill(int16(10+i), 160))
	}
	expect(t, &b, 0, 0, 15)
}

func TestFasterSenderLosesAFrameAndNotTheStream(t *testing.T) {
	var b Buffer
	ts := uint32(0)
	for range 8 { // 160 ms at once, and the delay before them
		b.Put(ts, fill(1, 160))
		ts += 160
	}
	for range 2 * patient {
		if _, ok := take(&b); !ok {
			t.Fatal("ran dry")
		}
		b.Put(ts, fill(1, 160))
		ts += 160
	}
	if b.Dropped() != 2 {
		t.Errorf("%d dropped, want 2", b.Dropped())
	}
}

func TestNothingIsAllocated(t *testing.T) {
	var b Buffer
	pcm, ts := fill(1, 160), uint32(0)
	if n := testing.AllocsPerRun(100, func() {
		b.Put(ts, pcm)
		b.Get(pcm)
		ts += 160
	}); n != 0 {
		t.Error(n)
	}
}

func FuzzPutAndGet(f *testing.F) {
	f.Add([]byte{0, 0, 1, 2, 3, 4, 255, 255, 0, 9, 160, 1})
	f.Fuzz(func(t *testing.T, in []byte) {
		var b Buffer
		dst := make([]int16, 160)
		for ; len(in) >= 4; in = in[4:] {
			ts := uint32(in[0])<<24 | uint32(in[1])<<16 | uint32(in[2])
			b.Put(ts, make([]int16, int(in[3])*8))
			b.Get(dst)
			if int32(b.end-b.head) > ring {
				t.Fatal("more waits than the ring holds")
			}
		}
	})
}
