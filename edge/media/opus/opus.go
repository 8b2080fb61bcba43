// Package opus codes sound of 16 kHz, 16 bit, mono, in packets of Opus (RFC 6716) and back. The coding itself is libopus,
// and there only in a build with the tag opus; see Built. What a packet looks like from outside is known in every build. It
// knows no RTP but the clock, and no jitter.
//
// Complexity is 1 of 10: coding is most of what such a call costs, and all mixes are coded on the one goroutine of the wheel.
// At 4 a frame costs more than twice as much and is better by less than 1 dB (BenchmarkEncode,
// TestWhatIsSentAgainRepairsASingleLoss). Figures of a call are in infra/e2e/RELIABILITY.md.
package opus

const (
	// Clock of RTP, whatever is coded (RFC 7587 section 4.1).
	Clock = 48000
	// Rate is the samples a second of what is coded and decoded.
	Rate = 16000
	// MaxPacket is the size of a frame at most (RFC 6716 section 3.2.1); several frames in a packet are hardly ever that long.
	MaxPacket = 1275

	tick       = Clock / 400 // 2.5 ms, of which all frames are made
	maxTicks   = 120 * Clock / 1000
	samplesPer = Clock / Rate
)

// Options are what the party that will hear says of what it hears (RFC 7587 section 6.1).
type Options struct {
	FEC        bool // it makes use of what is sent again
	MaxBitrate int  // bits a second at most; 0: as we like
	MaxRate    int  // samples a second that it plays; 0: all
}

// Ticks is how long the sound of a packet lasts, in ticks of Clock; 0: it is not a packet (RFC 6716 section 3.4).
func Ticks(b []byte) int {
	if len(b) == 0 {
		return 0
	}
	frames, ok := 1, true
	switch rest := b[1:]; b[0] & 3 {
	case 0:
		ok = len(rest) <= MaxPacket
	case 1:
		frames, ok = 2, len(rest)%2 == 0 && len(rest) <= 2*MaxPacket
	case 2:
		frames, ok = 2, twoFrames(rest)
	case 3:
		frames, ok = manyFrames(rest)
	}
	if n := frames * frameTicks(b[0]); ok && n <= maxTicks {
		return n
	}
	return 0
}

// frameTicks is what a packet's first byte says of its frames (RFC 6716 section 3.1).
func frameTicks(toc byte) int {
	const ms = Clock / 1000
	switch config := toc >> 3; {
	case config < 12: // SILK
		return [4]int{10 * ms, 20 * ms, 40 * ms, 60 * ms}[config&3]
	case config < 16: // hybrid
		return [2]int{10 * ms, 20 * ms}[config&1]
	default: // CELT
		return tick << (config & 3)
	}
}

// size reads the length of a frame (RFC 6716 section 3.2.1); rest is nil when there is none.
func size(b []byte) (n int, rest []byte) {
	switch {
	case len(b) > 0 && b[0] < 252:
		return int(b[0]), b[1:]
	case len(b) > 1:
		return int(b[0]) + 4*int(b[1]), b[2:]
	}
	return 0, nil
}

// twoFrames of different length (RFC 6716 section 3.2.4).
func twoFrames(b []byte) bool {
	n, rest := size(b)
	return rest != nil && n <= len(rest) && len(rest)-n <= MaxPacket
}

// manyFrames reads a count, padding, and their lengths (RFC 6716 section 3.2.5).
func manyFrames(b []byte) (count int, ok bool) {
	if len(b) == 0 {
		return 0, false
	}
	head := b[0]
	count, b = int(head&63), b[1:]
	if head&64 != 0 {
		if b, ok = unpadded(b); !ok {
			return 0, false
		}
	}
	if head&128 == 0 {
		return count, count > 0 && len(b)%count == 0 && len(b)/count <= MaxPacket
	}
	sum := 0
	for range count - 1 {
		n, rest := size(b)
		if rest == nil {
			return 0, false
		}
		b, sum = rest, sum+n
	}
	return count, count > 0 && sum <= len(b) && len(b)-sum <= MaxPacket
}

// unpadded takes away what fills a packet up.
func unpadded(b []byte) ([]byte, bool) {
	for n := 0; len(b) > 0; {
		more := b[0] == 255
		n += int(min(b[0], 254))
		if b = b[1:]; !more {
			if n > len(b) {
				return nil, false
			}
			return b[:len(b)-n], true
		}
	}
	return nil, false
}

// Fits is the longest frame that is no longer than so many samples, in samples; 0: what is left is shorter than any.
func Fits(samples int) int {
	for _, ms := range [...]int{60, 40, 20, 10, 5} {
		if n := ms * Rate / 1000; n <= samples {
			return n
		}
	}
	return samples / (tick / samplesPer) * (tick / samplesPer)
}

// Lost is how much of a gap before a packet is made up, in samples: what is missing, no more than maxTicks.
func Lost(ticks uint32) int { return int(min(ticks, maxTicks)) / tick * (tick / samplesPer) }
