package node

import (
	"testing"

	"github.com/offhook/offhook/edge/media"
)

// both has a frame at each rate.
type both struct{}

func (both) Frame(int) ([]int16, bool, error) { return make([]int16, 160), true, nil }
func (both) FrameWide(int) []int16            { return make([]int16, 320) }

func TestAFallbackHasTheRatesOfWhatIsHeard(t *testing.T) {
	for want, src := range map[int]media.Source{320: both{}, 0: unplayable{}} {
		in := &standIn{open: func() media.Source { return src }}
		if pcm := in.FrameWide(0); pcm != nil {
			t.Error("it sounds before it is opened")
		}
		_, _, _ = in.Frame(0)
		if pcm := in.FrameWide(0); len(pcm) != want {
			t.Errorf("%T: %d samples", src, len(pcm))
		}
	}
}
