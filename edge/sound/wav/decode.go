package wav

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/offhook/offhook/edge/media/g711"
)

// decoder turns the bytes of one sample of one channel into -1..1.
type decoder func(b []byte) float64

// decoderOf gives nil when the format is not read.
func decoderOf(f format) decoder {
	switch [2]int{f.code, f.bits} {
	case [2]int{codePCM, 8}: // eight bits are unsigned
		return func(b []byte) float64 { return float64(int(b[0])-128) / 128 }
	case [2]int{codePCM, 16}:
		return func(b []byte) float64 { return float64(int16(binary.LittleEndian.Uint16(b))) / 32768 }
	case [2]int{codePCM, 24}:
		return pcm24
	case [2]int{codePCM, 32}:
		return func(b []byte) float64 { return float64(int32(binary.LittleEndian.Uint32(b))) / (1 << 31) }
	case [2]int{codeFloat, 32}:
		return func(b []byte) float64 { return sane(float64(math.Float32frombits(binary.LittleEndian.Uint32(b)))) }
	case [2]int{codeFloat, 64}:
		return func(b []byte) float64 { return sane(math.Float64frombits(binary.LittleEndian.Uint64(b))) }
	case [2]int{codeALaw, 8}:
		return func(b []byte) float64 { return float64(g711.ALaw.DecodeSample(b[0])) / 32768 }
	case [2]int{codeMuLaw, 8}:
		return func(b []byte) float64 { return float64(g711.ULaw.DecodeSample(b[0])) / 32768 }
	}
	return nil
}

func pcm24(b []byte) float64 {
	v := int32(b[0])<<8 | int32(b[1])<<16 | int32(b[2])<<24 // in the top bytes, so that the sign is right
	return float64(v) / (1 << 31)
}

// sane keeps what a float file may hold from spreading: NaN would silence the whole filter.
func sane(v float64) float64 {
	if math.IsNaN(v) {
		return 0
	}
	return max(-1, min(1, v))
}

// readData decodes, mixes to mono and resamples, block by block.
func readData(r io.Reader, f format, rate, maxSamples int) ([]int16, error) {
	var (
		to    = NewResampler(f.rate, rate)
		bytes = make([]byte, 4096*f.frameBytes())
		mono  = make([]float32, 4096)
		dec   = decoderOf(f)
	)
	for {
		n, err := io.ReadFull(r, bytes)
		frames := n / f.frameBytes() // a torn last frame is dropped
		mixDown(mono[:frames], bytes, f, dec)
		to.Write(mono[:frames])
		ended := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if ended {
			to.Finish()
		}
		if to.Len() > maxSamples*rate/Rate {
			return nil, fmt.Errorf("%w: more than %d seconds", ErrTooLong, maxSamples/Rate)
		}
		if ended {
			return to.out, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

func mixDown(mono []float32, b []byte, f format, dec decoder) {
	width := f.bits / 8
	for i := range mono {
		sum := 0.0
		for c := range f.channels {
			sum += dec(b[(i*f.channels+c)*width:])
		}
		mono[i] = float32(sum / float64(f.channels))
	}
}
