package mp3

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"slices"
)

// reframer rewrites 22.05 kHz sound so that each frame holds all of its own data. The decoder takes a padded frame of that rate for
// a byte too short (it halves after the padding is added), and from there on looks for data that began in frames before at
// the wrong place. Frames are made as large as they come, so what belongs to one fits.
type reframer struct {
	br        *bufio.Reader
	reservoir []byte // main data of frames before
	out       bytes.Buffer
}

// needsReframing: of the rates of MPEG 2 only this one has padding.
func (h header) needsReframing() bool { return h.version == mpeg2 && h.rate == 22050 }

const (
	largest       = 72_000 * 160 / 22050 // bytes of a frame of 160 kbit/s
	mostReservoir = 255                  // bytes that a frame may look back, by its 8 bits for it
)

// Read implements io.Reader.
func (f *reframer) Read(b []byte) (int, error) {
	for f.out.Len() == 0 {
		if err := f.next(); err != nil {
			return 0, err
		}
	}
	return f.out.Read(b)
}

// next rewrites one frame. Between frames it looks for the next header.
func (f *reframer) next() error {
	head, err := f.br.Peek(4)
	if err != nil {
		return err
	}
	h, ok := parse(head)
	if !ok || !h.needsReframing() {
		_, err := f.br.Discard(1)
		return err
	}
	frame := make([]byte, h.size)
	if _, err := io.ReadFull(f.br, frame); errors.Is(err, io.ErrUnexpectedEOF) {
		return io.EOF // the last frame is cut
	} else if err != nil {
		return err
	}
	f.rewrite(frame)
	return nil
}

func (f *reframer) rewrite(frame []byte) {
	side, crc := 17, 0
	if frame[3]>>6 == 3 { // mono
		side = 9
	}
	if frame[1]&1 == 0 {
		crc = 2
	}
	if len(frame) < 4+crc+side {
		return
	}
	about, data := frame[4+crc:4+crc+side], frame[4+crc+side:]
	back := min(int(about[0]), len(f.reservoir)) // less when frames are missing: it sounds wrong, once
	whole := slices.Concat(f.reservoir[len(f.reservoir)-back:], data)
	about[0] = 0
	made := make([]byte, largest)
	copy(made, []byte{frame[0], frame[1] | 1, 0xe0 | frame[2]&0x0d, frame[3]}) // 160 kbit/s, no padding, no checksum
	copy(made[4:], about)
	copy(made[4+side:], whole)
	f.out.Write(made)
	f.reservoir = append(f.reservoir, data...)
	f.reservoir = bytes.Clone(f.reservoir[max(0, len(f.reservoir)-mostReservoir):])
}
