package sdp

import (
	"slices"
	"strconv"
)

// Types are the payload types in a session of what has none of its own: Opus, and telephone-event of 8 and of 48 kHz.
type Types [3]uint8

// FirstTypes are those of a first offer, the usual ones.
var FirstTypes = Types{111, 101, 110}

const firstDynamic = 96

// place of a format in Types; -1: its type is its own.
func place(f Format) int {
	switch {
	case f.Name == Opus:
		return 0
	case f.Name == Event && f.Rate == rate:
		return 1
	case f.Name == Event && f.Rate == opusRate:
		return 2
	}
	return -1
}

// of gives a format its type.
func (t *Types) of(f Format) Format {
	if i := place(f); i >= 0 {
		f.Type = t[i]
		f.Token = strconv.Itoa(int(f.Type))
	}
	return f
}

// Learn takes the types that were agreed on; the others make room for them.
func (t *Types) Learn(c Codecs) {
	said := [len(t)]bool{}
	for _, f := range slices.Concat(c.Audio, c.Events) {
		if i := place(f); i >= 0 {
			t[i], said[i] = f.Type, true
		}
	}
	taken := func(n uint8, but int) bool {
		for i, other := range t {
			if i != but && other == n {
				return true
			}
		}
		return slices.ContainsFunc(c.Audio, func(f Format) bool { return f.Type == n })
	}
	for i := range t {
		for n := uint8(firstDynamic); !said[i] && taken(t[i], i); n++ {
			t[i] = n
		}
	}
}
