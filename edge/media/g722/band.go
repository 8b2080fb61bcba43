package g722

// band is one of the two: a quantizer that scales itself, and a predictor of two poles and six zeros (blocks 3 and 4).
type band struct {
	s, sz  int32    // what is predicted; of it by the zeros
	det    int32    // scale of the quantizer
	nb     int32    // its logarithm
	r1, r2 int32    // reconstructed, twice the latest ones
	p1, p2 int32    // signs of the latest partial reconstructions
	a1, a2 int32    // poles
	b      [6]int32 // zeros
	d      [6]int32 // twice the latest differences
}

// adaptLow and adaptHigh follow a code: the scale, then the predictor.
func (b *band) adaptLow(code byte) {
	d := b.det * level4[code&15] >> 15
	b.rescale(weightLow[code&15], 18432, 8)
	b.predict(d)
}

func (b *band) adaptHigh(code byte) {
	d := b.det * level2[code&3] >> 15
	b.rescale(weightHigh[code&3], 22528, 10)
	b.predict(d)
}

// rescale is LOGSCL and SCALEL of the low band, LOGSCH and SCALEH of the high one.
func (b *band) rescale(weight, limit int32, shift uint) {
	b.nb = min(max(b.nb*127>>7+weight, 0), limit)
	b.det = antilog[b.nb>>6&31] << (b.nb >> 11) >> shift << 2
}

// predict adapts the predictor to a quantized difference, and predicts the next sample.
func (b *band) predict(d int32) {
	r := 2 * clamp16(b.s+d)
	p := clamp16(b.sz+d) >> 31
	b.poles(p)
	b.p1, b.p2 = p, b.p1
	b.sz = clamp16(b.zeros(d))
	sp := b.a1*clamp16(r)>>15 + b.a2*b.r1>>15
	b.r1, b.r2 = clamp16(r), b.r1
	b.s = clamp16(clamp16(sp) + b.sz)
}

// poles is UPPOL2 and UPPOL1. Signs are 0 or -1; same is 1 where two are alike and -1 where they are not.
func (b *band) poles(p int32) {
	same1, same2 := 1+2*(p^b.p1), 1+2*(p^b.p2)
	a2 := min(-same1*clamp16(4*b.a1), 32767)>>7 + 128*same2 + b.a2 + -b.a2>>7
	b.a2 = min(max(a2, -12288), 12288)
	bound := 15360 - b.a2
	b.a1 = min(max(b.a1+-b.a1>>8+192*same1, -bound), bound)
}

// zeros is UPZERO, the delay of the differences, and FILTEZ: the sum.
func (b *band) zeros(d int32) (sum int32) {
	step := int32(128)
	if d == 0 {
		step = 0
	}
	next := clamp16(2 * d)
	for i, was := range b.d {
		sign, w := (d^was)>>31, b.b[i]
		w += -w>>8 + (step ^ sign) - sign // -w>>8 takes 1/256 off
		b.b[i], b.d[i] = w, next
		sum += w * next >> 15
		next = was
	}
	return sum
}

func clamp16(v int32) int32 { return min(max(v, -32768), 32767) }

func clamp15(v int32) int32 { return min(max(v, -16384), 16383) }
