// Package g722 codes sound of 16 kHz, 16 bit, at 64 kbit/s (ITU-T G.722, mode 1) and back: two samples a byte, in two bands
// of 4 kHz, each by a predictor that follows the sound. It knows no RTP and no frames.
package g722

// Rate is the samples a second. The RTP clock of G.722 is 8000 all the same (RFC 3551 section 4.5.2).
const Rate = 16000

// Encoder is the state of one stream.
type Encoder struct {
	low, high band
	qmf       mirror
}

// NewEncoder begins a stream.
func NewEncoder() *Encoder { return &Encoder{low: band{det: 32}, high: band{det: 8}} }

// Encode writes the codes of pcm to dst, a byte for each two samples, and gives their number.
func (e *Encoder) Encode(dst []byte, pcm []int16) int {
	n := min(len(dst), len(pcm)/2)
	for i := range dst[:n] {
		low, high := e.qmf.split(int32(pcm[2*i]), int32(pcm[2*i+1]))
		dst[i] = e.high.codeHigh(high)<<6 | e.low.codeLow(low)
	}
	return n
}

// codeLow quantizes the error of the prediction in 6 bits, and adapts with the upper 4 of them (blocks 1L, 2L, 3L).
func (b *band) codeLow(x int32) byte {
	code := quantize(clamp16(x-b.s), b.det)
	b.adaptLow(code >> 2)
	return code
}

// quantize finds the interval of an error among those of table 6 of the recommendation, scaled by det.
func quantize(err, det int32) byte {
	size, scale, lo := int(err^err>>31), int(det), 0
	for step := 16; step > 0; step /= 2 { // without a jump that depends on the sound
		less := (size - decision[(lo+step)&31]*scale>>12) >> 63 // all bits or none
		lo += step &^ less
	}
	switch {
	case err >= 0:
		return byte(61 - lo)
	case lo < 2:
		return byte(63 - lo)
	}
	return byte(33 - lo)
}

// codeHigh is the same in 2 bits (blocks 1H, 2H, 3H).
func (b *band) codeHigh(x int32) byte {
	err, code := clamp16(x-b.s), byte(3)
	size := err
	if err < 0 {
		size, code = ^err, 1
	}
	if size >= 564*b.det>>12 {
		code--
	}
	b.adaptHigh(code)
	return code
}

// Decoder is the state of one stream.
type Decoder struct {
	low, high band
	qmf       mirror
}

// NewDecoder begins a stream.
func NewDecoder() *Decoder { return &Decoder{low: band{det: 32}, high: band{det: 8}} }

// Decode writes the samples of b to dst, two for each byte, and gives their number.
func (d *Decoder) Decode(dst []int16, b []byte) int {
	n := min(len(dst)/2, len(b))
	for i, code := range b[:n] {
		low := clamp15(d.low.s + d.low.det*level6[code&63]>>15)
		high := clamp15(d.high.s + d.high.det*level2[code>>6]>>15)
		d.low.adaptLow(code & 63 >> 2)
		d.high.adaptHigh(code >> 6)
		dst[2*i], dst[2*i+1] = d.qmf.join(low, high)
	}
	return 2 * n
}
