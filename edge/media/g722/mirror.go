package g722

// mirror is the filter that parts the bands and joins them (QMF, 24 taps). Its delay line is kept twice over, so that
// the latest 24 samples lie together without being moved for each pair.
type mirror struct {
	even, odd [2 * half]int32
	at        int
}

const half = 12

// put takes a pair and gives the latest 12 of each, the oldest first.
func (m *mirror) put(even, odd int32) (e, o *[half]int32) {
	m.even[m.at], m.even[m.at+half] = even, even
	m.odd[m.at], m.odd[m.at+half] = odd, odd
	if m.at++; m.at == half {
		m.at = 0
	}
	return (*[half]int32)(m.even[m.at:]), (*[half]int32)(m.odd[m.at:])
}

// split gives a sample of each band for two of the sound, of 15 bits.
func (m *mirror) split(first, second int32) (low, high int32) {
	e, o := m.put(first, second)
	var a, b int32
	for i, c := range &taps {
		a += e[i] * c
		b += o[half-1-i] * c
	}
	return (b + a) >> 14, (b - a) >> 14
}

// join gives two samples of the sound for one of each band.
func (m *mirror) join(low, high int32) (first, second int16) {
	e, o := m.put(low+high, low-high)
	var a, b int32
	for i, c := range &taps {
		a += o[half-1-i] * c
		b += e[i] * c
	}
	return int16(clamp16(a >> 11)), int16(clamp16(b >> 11))
}
