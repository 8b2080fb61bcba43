// Package mp3 reads MP3 files into 16 kHz mono 16-bit samples. The decoder is a library's; this package finds where the sound
// begins, keeps hostile files within bounds and resamples. Input is untrusted.
// It writes no MP3 and knows no other container.
package mp3

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	gomp3 "github.com/hajimehoshi/go-mp3"

	"github.com/offhook/offhook/edge/sound/wav"
)

// Errors of Read.
var (
	// ErrFormat is a file without MP3 sound.
	ErrFormat = errors.New("not an MP3 file")
	// ErrUnsupported is MP3 of a kind that is not read.
	ErrUnsupported = errors.New("unsupported MP3 file")
)

const window = 64 << 10 // bytes in which the sound must begin, after the tags

// Read decodes a whole MP3 file: MPEG 1 and 2, layer 3, mono or stereo, constant or variable rate, 16 to 48 kHz. Tags are
// skipped. What follows the sound, or a fault within it, ends it there. More than maxSamples of 8 kHz, or twice as many as they are,
// are wav.ErrTooLong.
// Errors wrap ErrFormat, ErrUnsupported, wav.ErrTooLong or are r's.
func Read(r io.Reader, maxSamples int) (wav.Sound, error) {
	br := bufio.NewReaderSize(r, window)
	if err := skipTags(br); err != nil {
		return wav.Sound{}, err
	}
	first, err := align(br)
	if err != nil {
		return wav.Sound{}, err
	}
	if first.version == mpeg25 {
		return wav.Sound{}, fmt.Errorf("%w: MPEG 2.5 (%d Hz); save it with 16 kHz or more", ErrUnsupported, first.rate)
	}
	if first.needsReframing() {
		return decode(&faultless{r: &reframer{br: br}}, maxSamples)
	}
	return decode(&faultless{r: br}, maxSamples)
}

// faultless keeps the reader's own error apart from the decoder's words.
type faultless struct {
	r   io.Reader
	err error
}

// Read implements io.Reader.
func (f *faultless) Read(b []byte) (int, error) {
	n, err := f.r.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		f.err = err
	}
	return n, err
}

func decode(in *faultless, maxSamples int) (sound wav.Sound, err error) {
	defer func() { // the decoder indexes by what a file says
		if r := recover(); r != nil {
			sound, err = wav.Sound{}, fmt.Errorf("%w: broken: %v", ErrFormat, r)
		}
	}()
	d, err := gomp3.NewDecoder(in)
	if err != nil {
		return wav.Sound{}, why(in, err)
	}
	to := wav.NewResampler(d.SampleRate(), wav.WideRate)
	stereo, mono := make([]byte, 4*4096), make([]float32, 4096)
	for {
		n, err := io.ReadFull(d, stereo)
		to.Write(mixDown(mono, stereo[:n]))
		if to.Len() > maxSamples*wav.WideRate/wav.Rate {
			return wav.Sound{}, fmt.Errorf("%w: more than %d seconds", wav.ErrTooLong, maxSamples/wav.Rate)
		}
		if in.err != nil {
			return wav.Sound{}, in.err
		}
		if err != nil {
			return wav.Sound{Samples: to.Finish(), Rate: wav.WideRate}, nil
		}
	}
}

func why(in *faultless, err error) error {
	if in.err != nil {
		return in.err
	}
	return fmt.Errorf("%w: %w", ErrFormat, err)
}

// mixDown: the decoder always gives two channels.
func mixDown(mono []float32, stereo []byte) []float32 {
	mono = mono[:len(stereo)/4]
	for i := range mono {
		left, right := int16(binary.LittleEndian.Uint16(stereo[4*i:])), int16(binary.LittleEndian.Uint16(stereo[4*i+2:]))
		mono[i] = (float32(left) + float32(right)) / 65536
	}
	return mono
}

// skipTags passes ID3v2 tags, whatever they hold: a picture may be megabytes.
func skipTags(br *bufio.Reader) error {
	for {
		h, err := br.Peek(10)
		if !bytes.HasPrefix(h, []byte("ID3")) {
			return ignoreEnd(err)
		}
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("%w: cut short", ErrFormat)
		}
		if err != nil {
			return err
		}
		size := int64(h[6]&0x7f)<<21 | int64(h[7]&0x7f)<<14 | int64(h[8]&0x7f)<<7 | int64(h[9]&0x7f)
		if _, err := io.CopyN(io.Discard, br, size+10); err != nil {
			if errors.Is(err, io.EOF) {
				return fmt.Errorf("%w: nothing but a tag", ErrFormat)
			}
			return err
		}
	}
}

func ignoreEnd(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// align goes to the first frame that another one of its kind follows.
func align(br *bufio.Reader) (header, error) {
	head, err := br.Peek(window)
	if err := ignoreEnd(err); err != nil {
		return header{}, err
	}
	at, first := find(head)
	if at < 0 {
		return header{}, fmt.Errorf("%w: no MP3 sound in it", ErrFormat)
	}
	_, err = br.Discard(at)
	return first, err
}

// Begins tells whether a file that begins so is MP3.
func Begins(head []byte) bool {
	if bytes.HasPrefix(head, []byte("ID3")) {
		return true
	}
	first, ok := parse(head)
	if !ok {
		return false
	}
	second, ok := parse(head[min(first.size, len(head)):])
	return ok && first.like(second)
}
