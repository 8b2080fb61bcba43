package wav

import (
	"encoding/binary"
	"fmt"
	"io"
)

// Write writes a mono 16-bit WAV file of rate samples a second.
func Write(w io.Writer, rate int, samples []int16) error {
	if _, err := w.Write(header(rate, 2*len(samples))); err != nil {
		return err
	}
	_, err := w.Write(littleEndian(samples))
	return err
}

// Writer writes a mono 16-bit WAV file piece by piece. A file whose Close was never reached is still read by Read.
type Writer struct {
	w     io.WriteSeeker
	rate  int
	bytes int
}

// maxData is what the 32-bit lengths of the format can say.
const maxData = 0xFFFFFF00 - headerSize

// NewWriter writes the header, with its lengths open.
func NewWriter(w io.WriteSeeker, rate int) (*Writer, error) {
	if _, err := w.Write(header(rate, 0)); err != nil {
		return nil, err
	}
	return &Writer{w: w, rate: rate}, nil
}

// Write appends samples. Beyond 4 GiB it gives ErrTooLong.
func (w *Writer) Write(samples []int16) error {
	if w.bytes+2*len(samples) > maxData {
		return fmt.Errorf("%w: a WAV file holds at most 4 GiB", ErrTooLong)
	}
	n, err := w.w.Write(littleEndian(samples))
	w.bytes += n
	return err
}

// Close fills the lengths in. It does not close what was given to NewWriter.
func (w *Writer) Close() error {
	if _, err := w.w.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if _, err := w.w.Write(header(w.rate, w.bytes)); err != nil {
		return err
	}
	_, err := w.w.Seek(0, io.SeekEnd)
	return err
}

const headerSize = 44

func header(rate, data int) []byte {
	le := binary.LittleEndian
	b := make([]byte, 0, headerSize)
	b = append(b, "RIFF"...)
	b = le.AppendUint32(b, uint32(headerSize-8+data))
	b = append(b, "WAVEfmt "...)
	b = le.AppendUint32(b, 16)
	b = le.AppendUint16(b, codePCM)
	b = le.AppendUint16(b, 1) // channels
	b = le.AppendUint32(b, uint32(rate))
	b = le.AppendUint32(b, uint32(2*rate)) // bytes a second
	b = le.AppendUint16(b, 2)              // bytes a sample
	b = le.AppendUint16(b, 16)             // bits a sample
	b = append(b, "data"...)
	return le.AppendUint32(b, uint32(data))
}

func littleEndian(samples []int16) []byte {
	b := make([]byte, 0, 2*len(samples))
	for _, s := range samples {
		b = binary.LittleEndian.AppendUint16(b, uint16(s))
	}
	return b
}
