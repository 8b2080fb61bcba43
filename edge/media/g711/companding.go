package g711

import "math/bits"

// expandU gives the decision value's midpoint of a mu-law code (G.711 table 2): all bits are sent inverted, the sign is 1
// for positive, and 33 of 14 bits (132 of 16) is the bias that makes every segment start at a power of two.
func expandU(c byte) int16 {
	c = ^c
	exponent, mantissa := uint(c>>4&7), int(c&15)
	v := (mantissa<<3+0x84)<<exponent - 0x84
	if c&0x80 != 0 {
		return int16(-v)
	}
	return int16(v)
}

// compressU is the inverse of expandU. One's complement for negative values keeps both halves the same size.
func compressU(s int16) byte {
	sign, v := byte(0x80), int(s)
	if s < 0 {
		sign, v = 0, int(^s)
	}
	v = min(v>>2+33, 0x1FFF)
	exponent := bits.Len(uint(v)) - 6
	mantissa := v >> (exponent + 1) & 15
	return sign | ^byte(exponent<<4|mantissa)&0x7F
}

// expandA gives the midpoint of an A-law code (G.711 table 1): even bits are sent inverted, segment 0 has no leading one.
func expandA(c byte) int16 {
	c ^= 0x55
	exponent, mantissa := uint(c>>4&7), int(c&15)
	v := mantissa<<4 + 8
	if exponent > 0 {
		v = (v + 0x100) << (exponent - 1)
	}
	if c&0x80 == 0 {
		return int16(-v)
	}
	return int16(v)
}

// compressA is the inverse of expandA.
func compressA(s int16) byte {
	sign, v := byte(0x80), int(s)
	if s < 0 {
		sign, v = 0, int(^s)
	}
	v >>= 4
	exponent := max(bits.Len(uint(v))-4, 0)
	if exponent > 1 {
		v >>= exponent - 1
	}
	return (sign | byte(exponent<<4|v&15)) ^ 0x55
}
