package mp3

// MPEG versions as a frame header has them (ISO 11172-3, ISO 13818-3 and the extension 2.5).
const (
	mpeg25 = 0
	mpeg2  = 2
	mpeg1  = 3
)

// header is what is needed of a frame's header.
type header struct {
	version int
	rate    int // samples a second
	size    int // bytes of the frame
}

func (h header) like(o header) bool { return h.version == o.version && h.rate == o.rate }

// Bit rates of layer 3 in kbit/s, and rates of sound of MPEG 1.
var (
	bitRates1 = [15]int{0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320}
	bitRates2 = [15]int{0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160}
	rates1    = [3]int{44100, 48000, 32000}
)

// parse reads a header of layer 3; free bit rates are not taken.
func parse(b []byte) (header, bool) {
	const layer3 = 1
	if len(b) < 4 || b[0] != 0xff || b[1]&0xe0 != 0xe0 || b[1]>>1&3 != layer3 {
		return header{}, false
	}
	h := header{version: int(b[1] >> 3 & 3)}
	rate, bits, padding := int(b[2]>>2&3), int(b[2]>>4), int(b[2]>>1&1)
	if h.version == 1 || rate == 3 || bits == 0 || bits == 15 {
		return header{}, false
	}
	switch h.version {
	case mpeg1:
		h.rate, h.size = rates1[rate], 144_000*bitRates1[bits]/rates1[rate]+padding
	case mpeg2:
		h.rate = rates1[rate] / 2
		h.size = 72_000*bitRates2[bits]/h.rate + padding
	default:
		h.rate = rates1[rate] / 4
		h.size = 72_000*bitRates2[bits]/h.rate + padding
	}
	return h, true
}

// find gives the place of the first frame that another one of its kind follows; a file of one frame counts. -1: there is none.
func find(b []byte) (at int, first header) {
	for at := range b {
		h, ok := parse(b[at:])
		if !ok {
			continue
		}
		if at+h.size == len(b) {
			return at, h
		}
		if next, ok := parse(b[at+min(h.size, len(b)-at):]); ok && h.like(next) {
			return at, h
		}
	}
	return -1, header{}
}
