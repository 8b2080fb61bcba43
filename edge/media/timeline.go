package media

// timeline maps the timestamps of one stream to those of another, whose clock may be another. It is set anew by begin, and
// then goes on for as long as packets come, also where timestamps wrap.
type timeline struct {
	from, to uint32 // are the same moment
	in, out  ticks
}

// begin: from is the moment that to is.
func (t *timeline) begin(from uint32, in ticks, to uint32, out ticks) {
	*t = timeline{from, to, in, out}
}

// of is where a timestamp is on the other side. It may be of the last minutes or of the next.
func (t *timeline) of(ts uint32) uint32 {
	ahead := int32(ts - t.from)
	if t.in == t.out {
		return t.to + uint32(ahead)
	}
	const minute = 60_000
	for ; ahead >= 2*minute*int32(t.in); ahead -= minute * int32(t.in) {
		t.from += minute * uint32(t.in)
		t.to += minute * uint32(t.out)
	}
	return t.to + uint32(int64(ahead)*int64(t.out)/int64(t.in))
}
