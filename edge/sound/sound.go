// Package sound is where the name of a sound becomes frames: a tenant's samples, built-in ones, tones, music on hold, files at a
// URL and speech. What was decoded is cached at 8 kHz, at 16 where it has more, and coded as G.711, and shared by all calls.
// It plays nothing and knows no calls: a media player asks its Sources frame by frame.
package sound

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/offhook/offhook/edge/media"
	"github.com/offhook/offhook/edge/sound/tone"
	"github.com/offhook/offhook/edge/sound/wav"
	"github.com/offhook/offhook/edge/speech"
	"github.com/offhook/offhook/schemas/verb"
)

// Errors of Open, and of the Sources it gives.
var (
	ErrName    = errors.New("not the name of a sound") // neither sample, tone, URL nor speech
	ErrUnknown = errors.New("no such sound")
	ErrFetch   = errors.New("sound could not be fetched")
	ErrBusy    = errors.New("too many sounds are being loaded")
	ErrClosed  = errors.New("sound library is closed")
)

// Config of a Library. The zero value has the built-in sounds and tones, no speech and no URLs.
type Config struct {
	Folder     func(tenant string) string       // the tenant's folder of NAME.wav, NAME.mp3 ..., or s3://BUCKET/PREFIX; nil or "": none
	Music      func(tenant, kind string) string // the tenant's music on hold or of another kind, as in verb.Audio.Name; nil or "": built in
	Voice      func(tenant string) string       // the tenant's voice where a say names none; nil or "": the engine's
	HTTP       func(tenant string) *http.Client // fetches URLs: it must refuse private addresses and bound redirects; nil: no URLs
	Speech     speech.Engine                    // nil: no speech
	Tones      tone.Plan                        // default tone.Europe
	CacheBytes int64                            // bound of what is kept decoded; default 128 MiB
	Logger     *slog.Logger
}

const defaultCacheBytes = 128 << 20

// Bounds of one sound.
const (
	maxLength     = 10 * time.Minute
	maxFetch      = 10 << 20 // bytes
	maxFile       = 64 << 20 // bytes of a sample on disk
	maxSampleName = 64
	maxURL        = 2048
)

// Library opens sounds. Run must be running for anything but tones to become ready.
type Library struct {
	cfg   Config
	log   *slog.Logger
	tones map[string]*clip
	store *store

	crates sync.Map // where -> *crate
}

// New makes a Library. Close it by ending Run.
func New(cfg Config) *Library {
	if cfg.CacheBytes <= 0 {
		cfg.CacheBytes = defaultCacheBytes
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	l := &Library{cfg: cfg, log: cfg.Logger, tones: map[string]*clip{}, store: newStore(cfg.CacheBytes, cfg.Logger)}
	for _, name := range tone.Names() {
		samples, _ := tone.Make(cfg.Tones, name)
		l.tones[name] = newClip(wav.Sound{Samples: samples, Rate: wav.Rate})
	}
	return l
}

// Run loads, computes and speaks what is asked for, with a bounded number of workers, until ctx ends. It returns when all of them
// have; what was waiting then fails with ErrClosed.
func (l *Library) Run(ctx context.Context) error { return l.store.run(ctx) }

// Open gives a sound at once; it gets ready in the background. Until then its frames are nil with ok true. A sound that fails
// gives its error as the first frame's; speech that fails is silent for the time it would have taken and gives the error then, so
// that the call goes on in its own time. Tones are one period of their cadence: repeat them.
// Errors: ErrName for what can be told from the name alone, ctx's own; later from the Source: ErrUnknown, ErrFetch, ErrBusy,
// ErrClosed and those of wav.Read and speech.
func (l *Library) Open(ctx context.Context, tenant string, a verb.Audio) (media.Source, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if a.Say != nil {
		return l.openSpeech(tenant, *a.Say), nil
	}
	return l.openName(tenant, a.Name)
}

func (l *Library) openName(tenant, name string) (playable, error) {
	if t, ok := strings.CutPrefix(name, "tone:"); ok {
		if c := l.tones[t]; c != nil {
			return c, nil
		}
		return nil, fmt.Errorf("%w: tone %q; tones are %s", ErrName, t, strings.Join(tone.Names(), ", "))
	}
	if strings.Contains(name, "://") {
		return l.openURL(tenant, name)
	}
	return l.openSample(tenant, name)
}

// Music gives the tenant's music of a kind: its own setting, or the built-in piece when that is unset or cannot be opened. It has an
// end: play it in a loop.
func (l *Library) Music(_ context.Context, tenant, kind string) media.Source {
	builtIn := l.openBuiltIn(musicName)
	if l.cfg.Music == nil {
		return builtIn
	}
	name := l.cfg.Music(tenant, kind)
	if name == "" {
		return builtIn
	}
	src, err := l.openName(tenant, name)
	if err != nil {
		l.log.Warn("music cannot be opened", "tenant", tenant, "kind", kind, "name", name, "error", err)
		return builtIn
	}
	return &instead{first: src, second: builtIn}
}

func setting(of func(string) string, tenant string) string {
	if of == nil {
		return ""
	}
	return of(tenant)
}
