package wav

import (
	"encoding/binary"
	"fmt"
	"io"
)

// Write writes a mono 16-bit WAV file of rate samples a second.
func Write(w io.Writer, rate int, samples []int16) error {
	if _, err := w.Write(header(rate, 1, 2*len(samples))); err != nil {
		return err
	}
	_, err := w.Write(littleEndian(nil, samples))
	return err
}

// Writer writes a 16-bit WAV file piece by piece. A file whose Close was never reached is still read by Read, and other
// readers take what Flush last told.
type Writer struct {
	w              io.WriteSeeker
	rate, channels int
	bytes          int
	buf            []byte
}

// maxData is what the 32-bit lengths of the format can say.
const maxData = 0xFFFFFF00 - headerSize

// NewWriter writes the header, with its lengths open.
func NewWriter(w io.WriteSeeker, rate, channels int) (*Writer, error) {
	if _, err := w.Write(header(rate, channels, 0)); err != nil {
		return nil, err
	}
	return &Writer{w: w, rate: rate, channels: channels}, nil
}

// Write appends samples, those of all channels in turn. Beyond 4 GiB it gives ErrTooLong.
func (w *Writer) Write(samples []int16) error {
	if w.bytes+2*len(samples) > maxData {
		return fmt.Errorf("%w: a WAV file holds at most 4 GiB", ErrTooLong)
	}
	w.buf = littleEndian(w.buf[:0], samples)
	n, err := w.w.Write(w.buf)
	w.bytes += n
	return err
}

// Flush fills in the lengths so far.
func (w *Writer) Flush() error {
	if _, err := w.w.Seek(0, io.SeekStart); err != nil {
		return err
	}
	whole := w.bytes - w.bytes%(2*w.channels) // a full disk may have cut the last write
	if _, err := w.w.Write(header(w.rate, w.channels, whole)); err != nil {
		return err
	}
	_, err := w.w.Seek(0, io.SeekEnd)
	return err
}

// Close fills in the lengths. It does not close what was given to NewWriter.
func (w *Writer) Close() error { return w.Flush() }

// Repair fills in the lengths of a file that a Writer began and never closed.
func Repair(f io.ReadWriteSeeker) error {
	b := make([]byte, headerSize)
	if _, err := io.ReadFull(f, b); err != nil || string(b[:4]) != "RIFF" || string(b[8:16]) != "WAVEfmt " || string(b[36:40]) != "data" {
		return fmt.Errorf("%w: no header as we write it", ErrFormat)
	}
	end, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	le := binary.LittleEndian
	channels := max(int(le.Uint16(b[22:])), 1)
	w := Writer{w: f, rate: int(le.Uint32(b[24:])), channels: channels, bytes: int(min(end-headerSize, maxData))}
	return w.Flush()
}

const headerSize = 44

func header(rate, channels, data int) []byte {
	le := binary.LittleEndian
	b := make([]byte, 0, headerSize)
	b = append(b, "RIFF"...)
	b = le.AppendUint32(b, uint32(headerSize-8+data))
	b = append(b, "WAVEfmt "...)
	b = le.AppendUint32(b, 16)
	b = le.AppendUint16(b, codePCM)
	b = le.AppendUint16(b, uint16(channels))
	b = le.AppendUint32(b, uint32(rate))
	b = le.AppendUint32(b, uint32(2*rate*channels)) // bytes a second
	b = le.AppendUint16(b, uint16(2*channels))      // bytes a sample of all
	b = le.AppendUint16(b, 16)                      // bits a sample
	b = append(b, "data"...)
	return le.AppendUint32(b, uint32(data))
}

func littleEndian(b []byte, samples []int16) []byte {
	for _, s := range samples {
		b = binary.LittleEndian.AppendUint16(b, uint16(s))
	}
	return b
}
