package opus

import "testing"

func TestTheHeadOfAPacketSaysHowLongItIs(t *testing.T) {
	const ms = Clock / 1000
	long := make([]byte, 1276)
	for _, c := range []struct {
		packet []byte
		want   int
	}{
		{nil, 0},
		{[]byte{0}, 10 * ms}, // nothing but the head: silence is not sent
		{[]byte{1 << 3, 1, 2}, 20 * ms},
		{[]byte{11 << 3, 1}, 60 * ms},
		{[]byte{12 << 3, 1}, 10 * ms},
		{[]byte{15 << 3, 1}, 20 * ms},
		{[]byte{16 << 3, 1}, ms * 5 / 2},
		{[]byte{31<<3 | 4, 1}, 20 * ms}, // stereo
		{append([]byte{1 << 3}, long[:1275]...), 20 * ms},
		{append([]byte{1 << 3}, long...), 0},
		{[]byte{1<<3 | 1, 1, 2}, 40 * ms},
		{[]byte{1<<3 | 1, 1}, 0},
		{[]byte{3<<3 | 1, 1, 2}, 120 * ms},
		{[]byte{1<<3 | 2, 1, 2, 3}, 40 * ms},
		{[]byte{1<<3 | 2, 3, 2, 3}, 0},
		{[]byte{1<<3 | 2}, 0},
		{[]byte{1<<3 | 2, 252}, 0},
		{[]byte{1<<3 | 2, 252, 0}, 0},
		{append([]byte{1<<3 | 2, 252, 1}, long[:300]...), 40 * ms},
		{[]byte{1<<3 | 3}, 0},
		{[]byte{1<<3 | 3, 0}, 0},
		{[]byte{1<<3 | 3, 3, 1, 2, 3}, 60 * ms},
		{[]byte{1<<3 | 3, 3, 1, 2}, 0},
		{[]byte{1<<3 | 3, 6}, 120 * ms},
		{[]byte{1<<3 | 3, 7}, 0}, // longer than any packet
		{[]byte{1<<3 | 3, 128 | 3, 1, 1, 7, 8, 9}, 60 * ms},
		{[]byte{1<<3 | 3, 128 | 3, 1}, 0},
		{[]byte{1<<3 | 3, 128 | 3, 9, 9, 1}, 0},
		{[]byte{1<<3 | 3, 64 | 2, 2, 7, 7, 0, 0}, 40 * ms},
		{[]byte{1<<3 | 3, 64 | 2, 5, 7, 7, 0, 0}, 0},
		{[]byte{1<<3 | 3, 64 | 2}, 0},
		{append([]byte{1<<3 | 3, 64 | 2, 255, 1}, long[:255+2]...), 40 * ms},
		{[]byte{1<<3 | 3, 64 | 2, 255}, 0},
	} {
		if got := Ticks(c.packet); got != c.want {
			t.Errorf("%d bytes, %x: %d, want %d", len(c.packet), c.packet[:min(len(c.packet), 8)], got, c.want)
		}
	}
}

func TestSoundIsCutIntoFramesThatThereAre(t *testing.T) {
	for samples, want := range map[int]int{39: 0, 40: 40, 100: 80, 160: 160, 319: 160, 320: 320, 480: 320, 800: 640, 960: 960, 1920: 960} {
		if got := Fits(samples); got != want {
			t.Errorf("%d: %d, want %d", samples, got, want)
		}
	}
	for ticks, want := range map[uint32]int{0: 0, 119: 0, 960: 320, 1000: 320, 5760: 1920, 48000: 1920} {
		if got := Lost(ticks); got != want {
			t.Errorf("%d lost: %d, want %d", ticks, got, want)
		}
	}
}

func FuzzTicks(f *testing.F) {
	f.Add([]byte{11, 195, 255, 0, 1, 2})
	f.Fuzz(func(t *testing.T, b []byte) {
		if n := Ticks(b); n < 0 || n > maxTicks || n%tick != 0 {
			t.Fatal(n)
		}
	})
}
