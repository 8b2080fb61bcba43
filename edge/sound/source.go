package sound

import (
	"bytes"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/offhook/offhook/edge/media"
	"github.com/offhook/offhook/edge/media/g711"
)

// frame is 20 ms at 8 kHz.
const (
	frame     = 160
	frameTime = 20 * time.Millisecond
)

// clip is a decoded sound, whole frames of it, with its G.711 codings. It never changes.
type clip struct {
	pcm  []int16
	alaw []byte
	ulaw []byte
}

// newClip fills the last frame up with silence and codes all of it, so that playing costs nothing.
func newClip(samples []int16) *clip {
	if rest := len(samples) % frame; rest != 0 {
		samples = append(samples[:len(samples):len(samples)], make([]int16, frame-rest)...)
	}
	c := &clip{pcm: samples, alaw: make([]byte, len(samples)), ulaw: make([]byte, len(samples))}
	g711.ALaw.Encode(c.alaw, samples)
	g711.ULaw.Encode(c.ulaw, samples)
	return c
}

// size in bytes of memory.
func (c *clip) size() int64 { return int64(2*len(c.pcm) + len(c.alaw) + len(c.ulaw)) }

func (c *clip) frames() int { return len(c.pcm) / frame }

// Frame implements media.Source.
func (c *clip) Frame(n int) (pcm []int16, ok bool, err error) {
	if n < 0 || n >= c.frames() {
		return nil, false, nil
	}
	return c.pcm[n*frame : (n+1)*frame : (n+1)*frame], true, nil
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
	first, second media.Encoded
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
