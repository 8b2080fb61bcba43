package sipua

import "hash/maphash"

// mark stands for the texts that name something in a table of what is over: the texts are parts of a message, and would keep
// all of it in memory. Nobody outside can make two that are equal.
type mark [2]uint64

// marker makes marks; those of two markers do not compare.
type marker [2]maphash.Seed

func newMarker() marker { return marker{maphash.MakeSeed(), maphash.MakeSeed()} }

func (m marker) of(parts ...string) (out mark) {
	var h maphash.Hash
	for i, seed := range m {
		h.SetSeed(seed)
		for _, p := range parts {
			_, _ = h.WriteString(p) // a hash never fails
			_ = h.WriteByte(0)
		}
		out[i] = h.Sum64()
	}
	return out
}
