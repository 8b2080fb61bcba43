package real

import (
	"encoding/binary"
	"math"
	"os"
	"testing"
	"time"
)

const rate = 8000

// WriteTone writes a pure tone as WAV, 8 kHz mono 16 bit.
func WriteTone(t *testing.T, path string, hz int, length time.Duration) {
	t.Helper()
	WriteTones(t, path, rate, length, hz)
}

// WriteTones writes tones at once, all as loud, as WAV.
func WriteTones(t *testing.T, path string, rate int, length time.Duration, tones ...int) {
	t.Helper()
	pcm := make([]int16, int(length.Seconds()*float64(rate)))
	for i := range pcm {
		s := 0.0
		for _, hz := range tones {
			s += 12000 / float64(len(tones)) * math.Sin(2*math.Pi*float64(hz)*float64(i)/float64(rate))
		}
		pcm[i] = int16(s)
	}
	writeWAV(t, path, rate, pcm)
}

// WriteWAV writes sound as WAV, 8 kHz mono 16 bit.
func WriteWAV(t *testing.T, path string, pcm []int16) {
	t.Helper()
	writeWAV(t, path, rate, pcm)
}

func writeWAV(t *testing.T, path string, rate int, pcm []int16) {
	t.Helper()
	n := len(pcm)
	b := make([]byte, 44+2*n)
	copy(b, "RIFF")
	binary.LittleEndian.PutUint32(b[4:], uint32(36+2*n))
	copy(b[8:], "WAVEfmt ")
	binary.LittleEndian.PutUint32(b[16:], 16)
	binary.LittleEndian.PutUint16(b[20:], 1)
	binary.LittleEndian.PutUint16(b[22:], 1)
	binary.LittleEndian.PutUint32(b[24:], uint32(rate))
	binary.LittleEndian.PutUint32(b[28:], uint32(2*rate))
	binary.LittleEndian.PutUint16(b[32:], 2)
	binary.LittleEndian.PutUint16(b[34:], 16)
	copy(b[36:], "data")
	binary.LittleEndian.PutUint32(b[40:], uint32(2*n))
	for i, s := range pcm {
		binary.LittleEndian.PutUint16(b[44+2*i:], uint16(s))
	}
	must(t, os.WriteFile(path, b, 0o644))
}

// Strength of a tone in a window: its share of the window's power, 0 to 1; silence is 0.
func Strength(pcm []int16, hz int) float64 { return StrengthAt(pcm, rate, hz) }

// StrengthAt is Strength at a rate.
func StrengthAt(pcm []int16, rate, hz int) float64 {
	var power, re, im float64
	for i, s := range pcm {
		x := float64(s)
		power += x * x
		angle := 2 * math.Pi * float64(hz) * float64(i) / float64(rate)
		re += x * math.Cos(angle)
		im += x * math.Sin(angle)
	}
	n := float64(len(pcm))
	if n == 0 || power/n < 100*100 {
		return 0
	}
	return 2 * (re*re + im*im) / (n * power)
}

// Hears tells in how many of the 50 ms windows the tone is the main thing heard.
func Hears(pcm []int16, hz int) (windows, all int) {
	const size = rate / 20
	for ; len(pcm) >= size; pcm = pcm[size:] {
		all++
		if Strength(pcm[:size], hz) > 0.5 {
			windows++
		}
	}
	return windows, all
}

// Loud tells in how many of the 50 ms windows there is any sound.
func Loud(pcm []int16) (windows, all int) {
	const size = rate / 20
	for ; len(pcm) >= size; pcm = pcm[size:] {
		all++
		var power float64
		for _, s := range pcm[:size] {
			power += float64(s) * float64(s)
		}
		if power/size > 60*60 {
			windows++
		}
	}
	return windows, all
}

// Has tells in how many of the 50 ms windows the tone is heard, alone or among up to three others as loud.
func Has(pcm []int16, hz int) (windows, all int) {
	const size = rate / 20
	for ; len(pcm) >= size; pcm = pcm[size:] {
		all++
		if Strength(pcm[:size], hz) > 0.12 {
			windows++
		}
	}
	return windows, all
}
