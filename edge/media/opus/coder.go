//go:build opus

package opus

import libopus "gopkg.in/hraban/opus.v2"

// Built says that there is Opus in this build.
const Built = true

const (
	complexity = 1
	// A voice of 16 kHz is good at 24 kbit/s. What is sent again is coded at the cost of the rest, so there is more for both:
	// a sweep that loses no packet is 1.6 dB worse at 40 kbit/s than at 24 without, and 4 dB at 32.
	plainRate, repeatingRate = 24000, 40000
	leastRate                = 6000
	// expectedLoss is the percentage for which as much is sent again as makes sense. It is not asked of the line, so that
	// the first loss is repaired too.
	expectedLoss = 10
)

// Encoder is the state of one stream. Its memory is the garbage collector's.
type Encoder struct{ lib *libopus.Encoder }

// NewEncoder begins a stream; without memory for it, it codes nothing.
func NewEncoder(o Options) *Encoder {
	lib, err := libopus.NewEncoder(Rate, 1, libopus.AppVoIP)
	if err != nil {
		return new(Encoder)
	}
	rate := plainRate
	if o.FEC {
		rate = repeatingRate
	}
	if o.MaxBitrate > 0 {
		rate = max(min(rate, o.MaxBitrate), leastRate)
	}
	faults := []error{lib.SetComplexity(complexity), lib.SetBitrate(rate), lib.SetInBandFEC(o.FEC), lib.SetPacketLossPerc(expectedLoss),
		lib.SetMaxBandwidth(bandwidth(o.MaxRate))}
	for _, err := range faults {
		if err != nil {
			return new(Encoder)
		}
	}
	return &Encoder{lib}
}

func bandwidth(rate int) libopus.Bandwidth {
	switch {
	case rate == 0 || rate >= Rate:
		return libopus.Wideband
	case rate >= 12000:
		return libopus.Mediumband
	}
	return libopus.Narrowband
}

// Encode writes one packet of pcm, whose length must be what Fits gives, and gives its size; 0: it cannot.
func (e *Encoder) Encode(dst []byte, pcm []int16) int {
	if e.lib == nil || len(pcm) == 0 || len(dst) == 0 {
		return 0
	}
	n, err := e.lib.Encode(pcm, dst)
	if err != nil {
		return 0
	}
	return n
}

// Decoder is the state of one stream.
type Decoder struct{ lib *libopus.Decoder }

// NewDecoder begins a stream. It makes mono of stereo.
func NewDecoder() *Decoder {
	lib, err := libopus.NewDecoder(Rate, 1)
	if err != nil {
		return new(Decoder)
	}
	return &Decoder{lib}
}

// Decode writes the samples of a packet, and gives their number; 0: it is none, or dst too short.
func (d *Decoder) Decode(dst []int16, packet []byte) int {
	if d.lib == nil || Ticks(packet) == 0 || Ticks(packet)/samplesPer > len(dst) {
		return 0
	}
	n, err := d.lib.Decode(packet, dst)
	if err != nil {
		return 0
	}
	return n
}

// Recover fills dst, whose length Lost gives, with what came before a packet and was lost: its end from what the packet
// repeats of it, if it does, and the rest made up. The packet itself is decoded after that.
func (d *Decoder) Recover(dst []int16, packet []byte) bool {
	if d.lib == nil || len(dst) == 0 || Ticks(packet) == 0 {
		return false
	}
	return d.lib.DecodeFEC(packet, dst[:len(dst):len(dst)]) == nil
}
