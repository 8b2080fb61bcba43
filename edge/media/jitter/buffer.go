// Package jitter holds decoded audio between its uneven arrival and its even use, and hides what is lost.
// It knows no codec and no clock: packets are put as they come, and taken one frame after another.
package jitter

// Samples are those of 8 kHz; at 16 kHz there are twice as many of each.
const (
	ring       = 4096 // samples, 512 ms; a power of two
	firstDelay = 320  // samples kept ahead when a stream begins: 40 ms
	spare      = 80   // samples that the latest packets shall be early: 10 ms
	calm       = 240  // they are earlier than this: less delay will do
	maxDelay   = 2000 // no delay grows beyond it: 250 ms
	maxJump    = 2400 // further ahead is another stream, or the sender's clock jumped
	learning   = 100  // frames before the network is known
	pause      = 25   // frames between changes to less
	respite    = 5    // frames between changes to more
	leak       = 13   // by how much the latest packets are believed to come earlier with each frame, in 1/16 samples,
	settle     = 256  // and by this part of the way to the usual ones, so that a stall is soon forgotten
	absent     = -1 << 15
)

// Packet is decoded audio of one RTP packet.
type Packet struct {
	Seq    uint16
	TS     uint32 // of a clock of 8000, also at 16 kHz (RFC 3551 section 4.5.2)
	Marker bool   // a talkspurt begins (RFC 3551 section 4.1): what is missing before it is silence
	PCM    []int16
}

// Counts is what a Buffer did.
type Counts struct {
	Late       uint64 // packets that came too late to be heard
	Duplicates uint64
	Concealed  uint64 // samples that were made up
	Longer     uint64 // samples of delay that were added
	Shorter    uint64 // and taken away
}

// Buffer is a stream of samples, of 8 kHz or of 16 kHz as Begin says. Its delay follows the network: a late packet makes it longer at once, packets that
// are all early make it shorter by a pitch period at a time, and so it follows a sender's clock as well. The zero value is
// ready.
type Buffer struct {
	pcm     []int16 // ring; absent: not here
	k       int     // samples for one of 8 kHz: 1 or 2
	head    uint32  // timestamp of the next sample to take
	end     uint32  // timestamp after the newest sample
	heard   uint32  // timestamp after the last one that was taken and no concealment
	running bool
	resting bool  // the sender said that it is silent
	age     int   // frames, up to learning
	tooLate int   // packets in a row
	changed int   // frames since the delay was changed
	least   int32 // how early the latest packets come, in 1/16 samples
	usual   int32 // how early packets come, in 1/16 samples
	seen    window
	conceal concealer
	counts  Counts
	stretch [2 * (frame + maxLag)]int16
}

// Begin empties the buffer for another stream.
func (b *Buffer) Begin(wide bool) {
	*b = Buffer{pcm: b.pcm, k: 1, counts: b.counts}
	if wide {
		b.k = 2
	}
	if b.conceal.k = b.k; len(b.pcm) != ring*b.k {
		b.pcm = make([]int16, ring*b.k)
	}
}

// in gives samples of 8 kHz as those of the buffer.
func (b *Buffer) in(samples int) int32 { return int32(samples * b.k) }

// slot is the place of a timestamp.
func (b *Buffer) slot(ts uint32) *int16 { return &b.pcm[ts&uint32(len(b.pcm)-1)] }

// Put takes a packet. What is too late or came before is dropped; a jump starts the stream anew.
func (b *Buffer) Put(p Packet) {
	if b.k == 0 {
		b.Begin(false)
	}
	if len(p.PCM) == 0 || len(p.PCM) > len(b.pcm)/4 {
		return
	}
	p.TS *= uint32(b.k)
	inOrder := p.Seq == b.seen.top+1
	if !b.seen.add(p.Seq) {
		b.counts.Duplicates++
		return
	}
	empty := int32(b.end-b.head) <= 0
	switch {
	case !b.running || b.jumped(p.TS) || p.Marker && empty:
		b.start(p.TS)
	case p.Marker || inOrder: // what is between them was never sent
		b.silence(p.TS)
	}
	b.resting = false
	b.observe(int32(p.TS - b.head))
	b.store(p)
}

// Rest is told by comfort noise (RFC 3389): nothing is lost when nothing comes now.
func (b *Buffer) Rest(seq uint16) {
	if b.seen.add(seq) {
		b.resting = true
	}
}

// Change is told when another stream follows: its numbers and times have nothing to do with those before.
func (b *Buffer) Change() { b.seen, b.running = window{}, false }

// jumped: too far on either side, or late again and again since the sender's clock went back.
func (b *Buffer) jumped(ts uint32) bool {
	d := int32(ts - b.head)
	return d < -b.in(maxDelay) || d > b.in(maxJump) || d < 0 && b.tooLate >= 5
}

// start begins with the delay that the stream before was found to need.
func (b *Buffer) start(ts uint32) {
	for i := range b.pcm {
		b.pcm[i] = absent
	}
	delay, spread := b.in(firstDelay), int32(0)
	if b.age >= learning {
		spread = max(b.usual-b.least, 0)
		delay = min(spread/16+b.in(spare), b.in(maxDelay)/2)
	}
	b.head, b.end, b.running, b.tooLate, b.changed = ts-uint32(delay), ts-uint32(delay), true, 0, 0
	b.heard = b.head
	b.usual, b.least = 16*delay, 16*delay-spread
	b.silence(ts)
}

// silence fills the time up to ts, where nothing came before.
func (b *Buffer) silence(ts uint32) {
	if int32(b.end-b.head) < 0 {
		b.end = b.head
	}
	for ; int32(ts-b.end) > 0; b.end++ {
		*b.slot(b.end) = 0
	}
}

// observe takes how early a packet is, in samples; below zero it is late.
func (b *Buffer) observe(early int32) {
	b.least = min(b.least, 16*early)
	b.usual += early - b.usual/16
}

// store puts the samples in their place. A late packet in whose place, and after it, only concealment was heard, is heard
// now: the delay is longer by as much.
func (b *Buffer) store(p Packet) {
	late := int32(b.head - p.TS)
	switch {
	case late <= 0:
	case int32(p.TS-b.heard) >= 0 && int32(b.end-p.TS) <= b.in(maxDelay):
		b.head = p.TS
		b.delay(late)
	case int(late) >= len(p.PCM):
		b.tooLate++
		b.counts.Late++
		return
	default: // its end is still of use
		p.PCM, p.TS = p.PCM[late:], b.head
	}
	b.tooLate = 0
	pcm := b.pcm
	for i, s := range p.PCM {
		pcm[(p.TS+uint32(i))&uint32(len(pcm)-1)] = max(s, absent+1)
	}
	if next := p.TS + uint32(len(p.PCM)); int32(next-b.end) > 0 {
		b.end = next
	}
}

// delay counts a change of the delay by n samples.
func (b *Buffer) delay(n int32) {
	b.least += 16 * n
	b.usual += 16 * n
	b.changed = 0
	if n > 0 {
		b.counts.Longer += uint64(n)
	} else {
		b.counts.Shorter += uint64(-n)
	}
}

// Get takes the next len(dst) samples. What never came is concealed. ok is false, and dst untouched, when nothing is
// there: the talkspurt is over, and the next packet starts a new one.
func (b *Buffer) Get(dst []int16) (ok bool) {
	if !b.running {
		return false
	}
	if int32(b.end-b.head) <= 0 && (b.resting || b.conceal.over()) {
		b.running = false
		b.conceal.run = 0
		return false
	}
	b.changed++
	b.age = min(b.age+1, learning)
	b.least += b.in(leak) + (b.usual-b.least)/settle
	switch {
	case b.least < 0 && b.changed > respite && b.lengthen(dst):
	case b.least > b.in(16*calm) && b.changed > pause && b.age >= learning && b.shorten(dst):
	default:
		b.take(dst)
	}
	return true
}

// lengthen makes up a frame where none is missing, for packets that come too late behind others that do not.
func (b *Buffer) lengthen(dst []int16) bool {
	if int32(b.end-b.head) <= 0 || int32(b.end-b.head) > b.in(maxDelay) || *b.slot(b.head) == absent {
		return false
	}
	b.makeUp(dst)
	b.delay(int32(len(dst)))
	return true
}

// shorten leaves out a pitch period, where the sound is whole.
func (b *Buffer) shorten(dst []int16) bool {
	n, over := len(dst), overlap*b.k
	if n > frame*b.k || n < over {
		return false
	}
	w := b.stretch[:n+maxLag*b.k]
	if int(int32(b.end-b.head)) < len(w) || b.copyTo(w) < len(w) {
		return false
	}
	lag := bestLag(w[:over], w, b.k)
	blend(dst[:over], w[:over], w[lag:])
	copy(dst[over:], w[lag+over:])
	b.advance(n + lag)
	b.conceal.rejoin(dst)
	b.delay(-int32(lag))
	return true
}

// take gives the frame at head.
func (b *Buffer) take(dst []int16) {
	for len(dst) > 0 {
		n := b.copyTo(dst)
		if n > 0 {
			b.conceal.rejoin(dst[:n])
			b.advance(n)
		} else {
			n = b.missing(len(dst))
			b.makeUp(dst[:n])
			b.head += uint32(n)
		}
		dst = dst[n:]
	}
}

func (b *Buffer) makeUp(dst []int16) {
	b.conceal.fill(dst)
	b.counts.Concealed += uint64(len(dst))
}

// copyTo copies from head until a sample is missing.
func (b *Buffer) copyTo(dst []int16) int {
	pcm := b.pcm
	for i := range dst {
		s := pcm[(b.head+uint32(i))&uint32(len(pcm)-1)]
		if s == absent {
			return i
		}
		dst[i] = s
	}
	return len(dst)
}

// missing counts samples that are not there, n at most.
func (b *Buffer) missing(n int) int {
	for i := range n {
		if *b.slot(b.head + uint32(i)) != absent {
			return i
		}
	}
	return n
}

// advance goes on by n samples that were taken.
func (b *Buffer) advance(n int) {
	pcm := b.pcm
	for i := range n {
		pcm[(b.head+uint32(i))&uint32(len(pcm)-1)] = absent
	}
	b.head += uint32(n)
	b.heard = b.head
}

// Counts is what happened so far.
func (b *Buffer) Counts() Counts { return b.counts }

// window knows which of the last 64 sequence numbers were there.
type window struct {
	top  uint16
	bits uint64 // 0: none yet
}

// add is false for one that was there. What is older than the window is a new beginning.
func (w *window) add(seq uint16) bool {
	d := int16(seq - w.top)
	switch {
	case w.bits == 0 || d <= -64:
		w.top, w.bits = seq, 1
	case d > 0:
		w.top, w.bits = seq, w.bits<<uint(d)|1
	case w.bits>>uint(-d)&1 != 0:
		return false
	default:
		w.bits |= 1 << uint(-d)
	}
	return true
}
