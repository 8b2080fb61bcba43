//go:build opus

package opus

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

const frame = Rate / 50

// tones are sound that never repeats within a frame: a sweep.
func sweep(frames int) []int16 {
	pcm := make([]int16, frames*frame)
	angle := 0.0
	for i := range pcm {
		angle += 2 * math.Pi * (300 + 500*(1+math.Sin(float64(i)/4000))) / Rate
		pcm[i] = int16(8000 * math.Sin(angle))
	}
	return pcm
}

// coded is a sweep in packets of so many samples.
func coded(tb testing.TB, pcm []int16, size int, o Options) (packets [][]byte) {
	e := NewEncoder(o)
	for ; len(pcm) >= size; pcm = pcm[size:] {
		b := make([]byte, MaxPacket)
		n := e.Encode(b, pcm[:size])
		if n == 0 {
			tb.Fatalf("%d samples are not coded", size)
		}
		packets = append(packets, b[:n])
	}
	return packets
}

// likeness in dB of what was heard to what was said, at the delay that the coder has; loudness does not count.
func likeness(said, heard []int16) (best float64) {
	best = -99
	for delay := range 200 {
		n := min(len(said), len(heard)-delay)
		var ss, hh, sh float64
		for i := n / 4; i < n; i++ {
			s, h := float64(said[i]), float64(heard[i+delay])
			ss, hh, sh = ss+s*s, hh+h*h, sh+s*h
		}
		r := sh * sh / (ss*hh + 1)
		best = max(best, 10*math.Log10(r/max(1-r, 1e-9)))
	}
	return best
}

func TestSoundComesBackFromEveryLengthOfPackets(t *testing.T) {
	pcm := sweep(100)
	for _, ms := range []float64{2.5, 5, 10, 20, 40, 60} {
		d := NewDecoder()
		var heard []int16
		size := int(ms * Rate / 1000)
		for _, b := range coded(t, pcm, size, Options{FEC: true}) {
			if got := Ticks(b); got != int(ms*Clock/1000) {
				t.Fatalf("%v ms: a packet of %d ticks", ms, got)
			}
			dst := make([]int16, size)
			if d.Decode(dst, b) != size {
				t.Fatalf("%v ms are not decoded", ms)
			}
			heard = append(heard, dst...)
		}
		if db := likeness(pcm, heard); db < 10 {
			t.Errorf("%v ms: %.1f dB", ms, db)
		}
	}
}

// heardWithout plays packets of which each fifth is lost; recover says how that is met.
func heardWithout(packets [][]byte, recover bool) (heard []int16) {
	d := NewDecoder()
	for i, b := range packets {
		if i%5 == 4 && i+1 < len(packets) {
			dst := make([]int16, frame)
			if recover {
				d.Recover(dst, packets[i+1])
			}
			heard = append(heard, dst...)
			continue
		}
		dst := make([]int16, frame)
		d.Decode(dst, b)
		heard = append(heard, dst...)
	}
	return heard
}

func TestWhatIsSentAgainRepairsASingleLoss(t *testing.T) {
	pcm := sweep(200)
	with, without := coded(t, pcm, frame, Options{FEC: true}), coded(t, pcm, frame, Options{})
	silent := likeness(pcm, heardWithout(with, false))
	made := likeness(pcm, heardWithout(without, true))
	repaired := likeness(pcm, heardWithout(with, true))
	t.Logf("silence %.1f dB, made up %.1f dB, sent again %.1f dB", silent, made, repaired)
	if made < silent+1 || repaired < made+2 {
		t.Errorf("silence %.1f dB, made up %.1f dB, sent again %.1f dB", silent, made, repaired)
	}
}

func TestThePartysLimitsAreKept(t *testing.T) {
	size := func(o Options) (sum int) {
		for _, b := range coded(t, sweep(100), frame, o) {
			sum += len(b)
		}
		return sum * 8 / 2 // bits a second
	}
	if got := size(Options{FEC: true, MaxBitrate: 12000}); got > 14000 {
		t.Errorf("%d bit/s where 12000 were asked for", got)
	}
	if got := coded(t, sweep(3), frame, Options{MaxRate: 8000})[2][0] >> 3; got > 3 && (got < 16 || got > 19) {
		t.Errorf("configuration %d is no narrow band", got)
	}
}

// Whatever comes is decoded to what its head says, or not at all, and the sound after it is still whole.
func TestGarbageIsSurvived(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	pcm := sweep(100)
	packets := coded(t, pcm, frame, Options{FEC: true})
	d, dst := NewDecoder(), make([]int16, 1920)
	decoded := 0
	for range 50_000 {
		b := make([]byte, r.IntN(200))
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		n := d.Decode(dst, b)
		if n != 0 && n != Ticks(b)/3 {
			t.Fatalf("%d samples of %x, whose head says %d ticks", n, b, Ticks(b))
		}
		if n > 0 {
			decoded++
		}
		d.Recover(dst[:frame], b)
	}
	var heard []int16
	for _, b := range packets {
		heard = append(heard, dst[:d.Decode(dst, b)]...)
	}
	if db := likeness(pcm, heard); db < 10 || decoded < 1000 {
		t.Errorf("%.1f dB after %d packets of garbage", db, decoded)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte{0xff, 0x03, 1, 2, 3})
	f.Add(coded(f, sweep(1), frame, Options{FEC: true})[0])
	f.Fuzz(func(t *testing.T, b []byte) {
		d, dst := NewDecoder(), make([]int16, 1920)
		if n := d.Decode(dst, b); n != Ticks(b)/3 {
			t.Fatalf("%d samples, %d ticks", n, Ticks(b))
		}
		d.Recover(dst[:frame], b)
	})
}

func TestNothingIsAllocatedForAFrame(t *testing.T) {
	pcm, b := sweep(1), make([]byte, MaxPacket)
	e, d := NewEncoder(Options{FEC: true}), NewDecoder()
	n := e.Encode(b, pcm)
	for name, do := range map[string]func(){
		"encode":  func() { e.Encode(b, pcm) },
		"decode":  func() { d.Decode(pcm, b[:n]) },
		"recover": func() { d.Recover(pcm, b[:n]) },
	} {
		if got := testing.AllocsPerRun(100, do); got != 0 {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	pcm, dst := sweep(50), make([]byte, MaxPacket)
	for _, o := range []Options{{}, {FEC: true}} {
		b.Run(fmt.Sprintf("FEC=%v", o.FEC), func(b *testing.B) {
			e := NewEncoder(o)
			for i := range b.N {
				e.Encode(dst, pcm[i%50*frame:][:frame])
			}
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	packets, dst, d := coded(b, sweep(50), frame, Options{FEC: true}), make([]int16, frame), NewDecoder()
	for i := range b.N {
		d.Decode(dst, packets[i%50])
	}
}
