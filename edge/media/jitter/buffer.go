// Package jitter holds decoded audio between its uneven arrival and its even use.
// It knows no packets and no clock: samples are put at their RTP timestamp and taken one frame after another.
package jitter

const (
	ring    = 2048 // samples, 256 ms; a power of two
	delay   = 320  // samples kept ahead when a burst begins: 40 ms
	tooLate = 960  // samples ahead, 120 ms: more for long means the sender's clock is faster than ours
	patient = 50   // frames that tooLate must last
)

// Buffer is a stream of 8 kHz samples. The zero value is ready.
type Buffer struct {
	pcm     [ring]int16
	head    uint32 // timestamp of the next sample to take
	end     uint32 // timestamp after the newest sample
	running bool
	ahead   int // frames in a row with more than tooLate samples waiting
	late    int // packets in a row that came too late
	dropped uint64
}

// Put stores samples at timestamp ts. What is too late is dropped; a jump starts the stream anew.
func (b *Buffer) Put(ts uint32, pcm []int16) {
	if len(pcm) == 0 || len(pcm) > ring/2 {
		return
	}
	if !b.running || b.jumped(ts, len(pcm)) {
		b.start(ts)
	}
	if int32(ts-b.head) < 0 {
		b.late++
		b.dropped++
		return
	}
	b.late = 0
	for i, s := range pcm {
		b.pcm[(ts+uint32(i))%ring] = s
	}
	if next := ts + uint32(len(pcm)); int32(next-b.end) > 0 {
		b.end = next
	}
}

// jumped: beyond the ring on either side, or late again and again since the sender's clock went back.
func (b *Buffer) jumped(ts uint32, n int) bool {
	d := int32(ts - b.head)
	return d < -ring || d > int32(ring-n) || d < 0 && b.late >= 5
}

func (b *Buffer) start(ts uint32) {
	clear(b.pcm[:])
	b.head, b.end, b.running, b.ahead, b.late = ts-delay, ts, true, 0, 0
}

// Get takes the next len(dst) samples; what never came is silence. ok is false, and dst untouched, when nothing is
// there: the burst is over, and the next packet starts a new one.
func (b *Buffer) Get(dst []int16) (ok bool) {
	if !b.running {
		return false
	}
	if int32(b.end-b.head) <= 0 {
		b.running = false
		return false
	}
	b.shorten(uint32(len(dst)))
	for i := range dst {
		at := (b.head + uint32(i)) % ring
		dst[i], b.pcm[at] = b.pcm[at], 0
	}
	b.head += uint32(len(dst))
	return true
}

// shorten drops one frame when too much has waited for a second.
func (b *Buffer) shorten(n uint32) {
	if int32(b.end-b.head) <= tooLate {
		b.ahead = 0
		return
	}
	if b.ahead++; b.ahead < patient {
		return
	}
	b.ahead = 0
	b.dropped++
	for i := range n {
		b.pcm[(b.head+i)%ring] = 0
	}
	b.head += n
}

// Dropped is how many packets and frames were thrown away: late ones and those of a faster sender.
func (b *Buffer) Dropped() uint64 { return b.dropped }
