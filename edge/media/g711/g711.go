// Package g711 codes 16-bit linear samples as PCMU and PCMA (ITU-T G.711) and back, by tables.
// It knows no RTP, no frames and no sample rates.
package g711

// Law is one of the two codings.
type Law uint8

// The two codings. Payload types are those of RFC 3551 section 6.
const (
	ULaw Law = iota // PCMU, payload type 0
	ALaw            // PCMA, payload type 8
)

// String is the encoding name of RFC 3551.
func (l Law) String() string {
	if l == ALaw {
		return "PCMA"
	}
	return "PCMU"
}

// Silence is the code of the sample 0.
func (l Law) Silence() byte {
	if l == ALaw {
		return 0xD5
	}
	return 0xFF
}

// Mu-law looks at the upper 14 bits of a sample and A-law at the upper 12 (G.711 tables 1 and 2),
// so the encoding tables need no more entries than that.
var (
	fromU = decodeTable(expandU)
	fromA = decodeTable(expandA)
	toU   = encodeU()
	toA   = encodeA()
	uToA  = cross(&fromU, func(s int16) byte { return toA[uint16(s)>>4] })
	aToU  = cross(&fromA, func(s int16) byte { return toU[uint16(s)>>2] })
)

// Encode writes the codes of pcm to dst and gives their number, the shorter of both.
func (l Law) Encode(dst []byte, pcm []int16) int {
	n := min(len(dst), len(pcm))
	dst, pcm = dst[:n], pcm[:n]
	if l == ALaw {
		for i, s := range pcm {
			dst[i] = toA[uint16(s)>>4]
		}
		return n
	}
	for i, s := range pcm {
		dst[i] = toU[uint16(s)>>2]
	}
	return n
}

// Decode writes the samples of b to dst and gives their number, the shorter of both.
func (l Law) Decode(dst []int16, b []byte) int {
	table := &fromU
	if l == ALaw {
		table = &fromA
	}
	n := min(len(dst), len(b))
	dst, b = dst[:n], b[:n]
	for i, c := range b {
		dst[i] = table[c]
	}
	return n
}

// Transcode writes b, coded in law from, to dst in law to, and gives the number of codes. dst may be b.
func Transcode(dst, b []byte, from, to Law) int {
	n := min(len(dst), len(b))
	if from == to {
		return copy(dst[:n], b[:n])
	}
	table := &uToA
	if from == ALaw {
		table = &aToU
	}
	dst, b = dst[:n], b[:n]
	for i, c := range b {
		dst[i] = table[c]
	}
	return n
}

// EncodeSample and DecodeSample are for one sample.
func (l Law) EncodeSample(s int16) byte {
	if l == ALaw {
		return toA[uint16(s)>>4]
	}
	return toU[uint16(s)>>2]
}

// DecodeSample gives the sample of one code.
func (l Law) DecodeSample(c byte) int16 {
	if l == ALaw {
		return fromA[c]
	}
	return fromU[c]
}

func decodeTable(expand func(byte) int16) (t [256]int16) {
	for c := range t {
		t[c] = expand(byte(c))
	}
	return t
}

func cross(from *[256]int16, to func(int16) byte) (t [256]byte) {
	for c := range t {
		t[c] = to(from[c])
	}
	return t
}

func encodeU() (t [1 << 14]byte) {
	for i := range t {
		t[i] = compressU(int16(uint16(i) << 2))
	}
	return t
}

func encodeA() (t [1 << 12]byte) {
	for i := range t {
		t[i] = compressA(int16(uint16(i) << 4))
	}
	return t
}
