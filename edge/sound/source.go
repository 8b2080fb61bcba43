package sound

import (
	"bytes"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/offhook/offhook/edge/media"
	"github.com/offhook/offhook/edge/media/g711"
	"github.com/offhook/offhook/edge/sound/wav"
)

// frame is 20 ms at 8 kHz.
const (
	frame     = 160
	wideFrame = 2 * frame
	frameTime = 20 * time.Millisecond
)

// clip is a decoded sound, whole frames of it, with its G.711 codings. It never changes.
type clip struct {
	pcm  []int16
	wide []int16 // the same at 16 kHz; nil: it has no more than 8 kHz
	alaw []byte
	ulaw []byte
}

// newClip fills the last frame up with silence and makes all forms of it, so that playing costs nothing.
func newClip(s wav.Sound) *clip {
	c := &clip{}
	if s.Wide() {
		c.wide = whole(s.Samples, wideFrame)
		s = wav.Sound{Samples: c.wide, Rate: s.Rate}.At(wav.Rate)
	}
	c.pcm = whole(s.Samples, frame)
	c.alaw, c.ulaw = make([]byte, len(c.pcm)), make([]byte, len(c.pcm))
	g711.ALaw.Encode(c.alaw, c.pcm)
	g711.ULaw.Encode(c.ulaw, c.pcm)
	return c
}

// whole is so many samples that the last frame is whole too.
func whole(samples []int16, frame int) []int16 {
	if rest := len(samples) % frame; rest != 0 {
		samples = append(samples[:len(samples):len(samples)], make([]int16, frame-rest)...)
	}
	return samples
}

// size in bytes of memory: 32,000 a second, 64,000 of what has 16 kHz.
func (c *clip) size() int64 { return int64(2*len(c.pcm) + 2*len(c.wide) + len(c.alaw) + len(c.ulaw)) }

func (c *clip) frames() int { return len(c.pcm) / frame }

// Frame implements media.Source.
func (c *clip) Frame(n int) (pcm []int16, ok bool, err error) {
	if n < 0 || n >= c.frames() {
		return nil, false, nil
	}
	return c.pcm[n*frame : (n+1)*frame : (n+1)*frame], true, nil
}

// FrameWide implements media.Wide.
func (c *clip) FrameWide(n int) []int16 {
	if n < 0 || (n+1)*wideFrame > len(c.wide) {
		return nil
	}
	return c.wide[n*wideFrame : (n+1)*wideFrame : (n+1)*wideFrame]
}

// FrameG711 implements media.Encoded.
func (c *clip) FrameG711(n int, alaw bool) (b []byte, ok bool, err error) {
	if n < 0 || n >= c.frames() {
		return nil, false, nil
	}
	coded := c.ulaw
	if alaw {
		coded = c.alaw
	}
	return coded[n*frame : (n+1)*frame : (n+1)*frame], true, nil
}

// outcome of loading: a clip or an error.
type outcome struct {
	clip *clip
	err  error
}

// pending is a sound that may still be on its way. Many calls share one.
type pending struct {
	done atomic.Pointer[outcome]
	due  time.Time // nobody waits longer; zero: for as long as it takes
}

func failed(err error) *pending     { return settled(outcome{err: err}) }
func settled(o outcome) *pending    { p := &pending{}; p.done.Store(&o); return p }
func (p *pending) settle(o outcome) { p.done.Store(&o) }

// Frame implements media.Source.
func (p *pending) Frame(n int) (pcm []int16, ok bool, err error) {
	o := p.done.Load()
	if o == nil {
		return nil, true, p.late()
	}
	if o.err != nil {
		return nil, false, o.err
	}
	return o.clip.Frame(n)
}

// FrameWide implements media.Wide.
func (p *pending) FrameWide(n int) []int16 {
	if o := p.done.Load(); o != nil && o.err == nil {
		return o.clip.FrameWide(n)
	}
	return nil
}

// late is the error of a sound that does not come. It may come yet, for others.
func (p *pending) late() error {
	if p.due.IsZero() || time.Now().Before(p.due) {
		return nil
	}
	return fmt.Errorf("%w: it did not come within %s", ErrFetch, patience)
}

// FrameG711 implements media.Encoded.
func (p *pending) FrameG711(n int, alaw bool) (b []byte, ok bool, err error) {
	o := p.done.Load()
	if o == nil {
		return nil, true, p.late()
	}
	if o.err != nil {
		return nil, false, o.err
	}
	return o.clip.FrameG711(n, alaw)
}

// spoken is speech: when it fails, its time passes in silence before the error is told.
type spoken struct {
	*pending
	silence int // frames
}

var (
	silentPCM  = make([]int16, frame)
	silentALaw = silent(g711.ALaw)
	silentULaw = silent(g711.ULaw)
)

func silent(law g711.Law) []byte {
	return bytes.Repeat([]byte{law.Silence()}, frame)
}

// Strict is the speech alone: when it fails, it says so at once.
func (s *spoken) Strict() media.Source { return s.pending }

// Frame implements media.Source.
func (s *spoken) Frame(n int) (pcm []int16, ok bool, err error) {
	pcm, ok, err = s.pending.Frame(n)
	if err != nil && n < s.silence {
		return silentPCM, true, nil
	}
	return pcm, ok, err
}

// FrameG711 implements media.Encoded.
func (s *spoken) FrameG711(n int, alaw bool) (b []byte, ok bool, err error) {
	b, ok, err = s.pending.FrameG711(n, alaw)
	if err == nil || n >= s.silence {
		return b, ok, err
	}
	if alaw {
		return silentALaw, true, nil
	}
	return silentULaw, true, nil
}

// instead plays second when first fails: music on hold must not stop because a file is gone.
type instead struct {
	first, second playable
}

// playable is what everything that is opened can give.
type playable interface {
	media.Encoded
	media.Wide
}

// Frame implements media.Source.
func (s *instead) Frame(n int) (pcm []int16, ok bool, err error) {
	if pcm, ok, err = s.first.Frame(n); err != nil {
		return s.second.Frame(n)
	}
	return pcm, ok, err
}

// FrameG711 implements media.Encoded.
func (s *instead) FrameG711(n int, alaw bool) (b []byte, ok bool, err error) {
	if b, ok, err = s.first.FrameG711(n, alaw); err != nil {
		return s.second.FrameG711(n, alaw)
	}
	return b, ok, err
}

// FrameWide implements media.Wide.
func (s *instead) FrameWide(n int) []int16 {
	if _, _, err := s.first.Frame(n); err != nil {
		return s.second.FrameWide(n)
	}
	return s.first.FrameWide(n)
}
