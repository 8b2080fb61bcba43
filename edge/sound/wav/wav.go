// Package wav reads WAV files of any usual kind into mono 16-bit samples of 8 or 16 kHz, and writes such files.
// Input is untrusted: every length is checked against a bound before memory is taken.
// It does not play, cache or choose sounds, and reads no other container.
package wav

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Rate is that of the telephone, in samples a second.
const Rate = 8000

// Errors of Read.
var (
	// ErrFormat is a file that is no WAV file, or a broken one.
	ErrFormat = errors.New("not a WAV file")
	// ErrUnsupported is a WAV file of a coding, width or rate that is not read.
	ErrUnsupported = errors.New("unsupported WAV file")
	// ErrTooLong is a file with more sound than the bound.
	ErrTooLong = errors.New("sound is too long")
)

// DefaultMaxSamples bounds Read when its Options say nothing: thirty minutes of 8 kHz sound.
const DefaultMaxSamples = 30 * 60 * Rate

// Options of Read. The zero value is usable.
type Options struct {
	MaxSamples int // most samples of the result at 8 kHz, at 16 kHz twice as many; default DefaultMaxSamples
}

// Codings of the fmt chunk.
const (
	codePCM        = 1
	codeFloat      = 3
	codeALaw       = 6
	codeMuLaw      = 7
	codeExtensible = 0xFFFE
)

// Bounds of what is taken from a header.
const (
	maxChannels  = 8
	maxHeader    = 1 << 20 // bytes of chunks skipped before the data
	maxChunkSize = 64      // bytes of a fmt chunk that are looked at
	minRate      = 4000
	maxRate      = 192000
)

// format is what the fmt chunk says.
type format struct {
	code     int
	channels int
	rate     int
	bits     int
}

// frameBytes is the size of one sample of all channels.
func (f format) frameBytes() int { return f.channels * f.bits / 8 }

// ReadSound decodes a whole WAV file: PCM of 8, 16, 24 or 32 bits, float of 32 or 64, A-law and mu-law; up to eight channels, which
// are mixed to one; 4 to 192 kHz, resampled to 16 kHz where that is more than 8, else to 8 kHz. A header that was never finished (lengths of 0 or all ones, as left by a
// recorder that died or a stream) is read to the end of the input. Errors wrap ErrFormat, ErrUnsupported, ErrTooLong or are r's.
func ReadSound(r io.Reader, o Options) (Sound, error) { return readAt(r, o, RateFor) }

// Read is ReadSound at 8 kHz whatever the file has.
func Read(r io.Reader, o Options) ([]int16, error) {
	s, err := readAt(r, o, func(int) int { return Rate })
	return s.Samples, err
}

func readAt(r io.Reader, o Options, rate func(of int) int) (Sound, error) {
	if o.MaxSamples <= 0 {
		o.MaxSamples = DefaultMaxSamples
	}
	f, data, err := readHeader(r)
	if err != nil {
		return Sound{}, err
	}
	to := rate(f.rate)
	samples, err := readData(data, f, to, o.MaxSamples)
	return Sound{samples, to}, err
}

// readHeader reads up to the data chunk and gives its contents.
func readHeader(r io.Reader) (format, io.Reader, error) {
	var riff [12]byte
	if _, err := io.ReadFull(r, riff[:]); err != nil {
		return format{}, nil, cut(err)
	}
	if id := string(riff[:4]); (id != "RIFF" && id != "RF64") || string(riff[8:]) != "WAVE" {
		return format{}, nil, fmt.Errorf("%w: no RIFF/WAVE header", ErrFormat)
	}
	return readChunks(r)
}

func readChunks(r io.Reader) (format, io.Reader, error) {
	var f format
	skipped := 0
	for {
		id, size, err := chunkHeader(r)
		if err != nil {
			return f, nil, err
		}
		switch {
		case id == "data":
			if f.code == 0 {
				return f, nil, fmt.Errorf("%w: data before fmt", ErrFormat)
			}
			return f, dataReader(r, size), nil
		case id == "fmt " && f.code == 0:
			f, err = readFormat(r, size)
		default:
			err = skip(r, size, &skipped)
		}
		if err != nil {
			return f, nil, err
		}
	}
}

func chunkHeader(r io.Reader) (id string, size uint32, err error) {
	var h [8]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return "", 0, cut(err)
	}
	return string(h[:4]), binary.LittleEndian.Uint32(h[4:]), nil
}

// dataReader bounds the data chunk, unless its length was never filled in.
func dataReader(r io.Reader, size uint32) io.Reader {
	if size == 0 || size >= 0xFFFFFF00 {
		return r
	}
	return io.LimitReader(r, int64(size))
}

func skip(r io.Reader, size uint32, skipped *int) error {
	n := int64(size) + int64(size&1) // chunks are padded to even lengths
	if n > maxHeader || *skipped+int(n) > maxHeader {
		return fmt.Errorf("%w: a chunk of %d bytes before the sound", ErrFormat, size)
	}
	*skipped += int(n) + 8
	if *skipped > maxHeader {
		return fmt.Errorf("%w: too many chunks before the sound", ErrFormat)
	}
	_, err := io.CopyN(io.Discard, r, n)
	return cut(err)
}

func readFormat(r io.Reader, size uint32) (format, error) {
	if size < 16 || size > maxChunkSize {
		return format{}, fmt.Errorf("%w: a fmt chunk of %d bytes", ErrFormat, size)
	}
	b := make([]byte, size+size&1)
	if _, err := io.ReadFull(r, b); err != nil {
		return format{}, cut(err)
	}
	f := format{
		code:     int(binary.LittleEndian.Uint16(b)),
		channels: int(binary.LittleEndian.Uint16(b[2:])),
		rate:     int(binary.LittleEndian.Uint32(b[4:])),
		bits:     int(binary.LittleEndian.Uint16(b[14:])),
	}
	if f.code == codeExtensible && size >= 26 {
		f.code = int(binary.LittleEndian.Uint16(b[24:])) // the first bytes of the sub-format are the coding
	}
	return f, f.check()
}

func (f format) check() error {
	if f.channels < 1 || f.channels > maxChannels {
		return fmt.Errorf("%w: %d channels", ErrUnsupported, f.channels)
	}
	if f.rate < minRate || f.rate > maxRate || phases(f.rate, Rate) > maxPhases {
		return fmt.Errorf("%w: %d samples a second", ErrUnsupported, f.rate)
	}
	if decoderOf(f) == nil {
		return fmt.Errorf("%w: coding %d with %d bits", ErrUnsupported, f.code, f.bits)
	}
	return nil
}

// cut says that a file ended early in this package's words.
func cut(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: cut short", ErrFormat)
	}
	return err
}
