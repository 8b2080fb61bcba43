package media

import (
	"math"
	"slices"
	"testing"
	"time"
)

// broadcast is a sound of 1 kHz that has 6 kHz beside it at 16 kHz; the first sample of a frame is its number.
type broadcast struct{ prompt }

func (b broadcast) Frame(i int) ([]int16, bool, error) {
	pcm, ok, err := b.prompt.Frame(i)
	for k := range pcm {
		pcm[k] = int16(6000 * math.Sin(2*math.Pi*1000*float64(i*frameSize+k)/Rate))
	}
	return pcm, ok, err
}

func (b broadcast) FrameWide(i int) []int16 {
	pcm := make([]int16, wideFrame)
	for k := range pcm {
		at := 2 * math.Pi * float64(i*wideFrame+k) / WideRate
		pcm[k] = int16(6000*math.Sin(1000*at) + 6000*math.Sin(6000*at))
	}
	return pcm
}

func TestAPromptOf16kHzIsHeardWithAllItHas(t *testing.T) {
	for name, src := range map[string]Source{"with codes": broadcast{150}, "without": struct{ Wide }{broadcast{150}}} {
		inBubble(t, nil, func(r *rig) {
			w, mixed, u := r.singer(onlyW, 0), r.singer(onlyW, 0), r.singer(onlyU, 0)
			player := r.eng.Play([]Source{src}, 0, nil)
			w.end.Hear([]Heard{{From: player}})
			mixed.end.Hear([]Heard{{From: player, Gain: 0.999}, {From: u.end}})
			u.end.Hear([]Heard{{From: player, Gain: 0.999}})
			time.Sleep(2 * time.Second)
			w.expect(name+", G722", []float64{1000, 6000}, 2000, 4000)
			mixed.expect(name+", G722 in a mix", []float64{1000, 6000}, 2000, 4000)
			u.expect(name+", PCMU in a mix", []float64{1000}, 2000)
		})
	}
}

// What has no 16 kHz is raised, and nothing of what was raised before is heard with it.
func TestAListOfBothRatesIsHeardInTurn(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		w := r.singer(onlyW, 0)
		w.end.Hear([]Heard{{From: r.eng.Play([]Source{struct{ Source }{broadcast{100}}, broadcast{100}, struct{ Source }{broadcast{100}}}, 0, nil)}})
		for _, high := range []bool{false, true, false} {
			time.Sleep(2 * time.Second)
			want, silent := []float64{1000}, []float64{2000, 4000}
			if high {
				want = append(want, 6000)
			} else {
				silent = append(silent, 6000)
			}
			w.expect("part", want, silent...)
		}
	})
}

// numbered has its frame's number in every sample, at both rates.
type numbered struct{ tune }

func (s numbered) FrameWide(i int) []int16 { return slices.Repeat([]int16{int16(i + 1)}, wideFrame) }

func TestPlacesAreTheSameAtBothRates(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		player := r.eng.PlayPart([]Source{numbered{10}, numbered{40}}, Part{From: 13 * frameTime, Until: 30 * frameTime}, nil)
		frames := func() [2]int {
			var at [2]int
			for i, size := range []int{frameSize, wideFrame} {
				sum := make([]int32, size)
				player.addTo(sum, unit)
				at[i] = int(sum[0])
				if sum[size-1] != sum[0] {
					r.Errorf("%d samples: %d at the end of frame %d", size, sum[size-1], sum[0])
				}
			}
			return at
		}
		var heard []int
		for player.state.Load() == running {
			if at := frames(); at[0] != at[1] {
				r.Fatalf("frame %d at 8 kHz, %d at 16", at[0], at[1])
			} else if at[0] != 0 && (len(heard) == 0 || heard[len(heard)-1] != at[0]) {
				heard = append(heard, at[0])
			}
			if len(heard) == 5 {
				player.Seek(25*frameTime, false)
			}
			time.Sleep(frameTime)
		}
		if want := []int{4, 5, 6, 7, 8, 16, 17, 18, 19, 20}; !slices.Equal(heard, want) {
			r.Errorf("heard %v, want %v", heard, want)
		}
	})
}
