package speech

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/offhook/offhook/edge/sound/wav"
	"github.com/offhook/offhook/schemas/ssml"
)

// Config of a Voices. The zero value has the built-in voice, and espeak-ng where it is on PATH.
type Config struct {
	Engine    string            // the default engine: default EngineFlite
	Engines   map[string]Engine // further ones by name; they may replace the built-in ones
	Folder    string            // keeps what was spoken as WAV files; "": memory only
	DiskBytes int64             // bound of the folder; default 256 MiB
	Bytes     int64             // bound of what is kept in memory; default 16 MiB
	Instances int               // of flite at once; default 2
	Idle      time.Duration     // flite is unloaded after; default 2 minutes
	Espeak    string            // path of espeak-ng; default: looked up on PATH
	Logger    *slog.Logger
}

func (c *Config) defaults() {
	if c.Engine == "" {
		c.Engine = EngineFlite
	}
	if c.DiskBytes <= 0 {
		c.DiskBytes = 256 << 20
	}
	if c.Bytes <= 0 {
		c.Bytes = 16 << 20
	}
	if c.Instances <= 0 {
		c.Instances = 2
	}
	if c.Idle <= 0 {
		c.Idle = 2 * time.Minute
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
}

// Voices are the Engine that others use: they check the text, choose an engine, and cache.
type Voices struct {
	cfg     Config
	flite   *fliteEngine
	engines map[string]Engine
	memory  *memory
	disk    *disk // nil: none
}

var _ Engine = (*Voices)(nil)

// New makes Voices. Nothing is loaded before the first Speak. Errors: ErrUnknownEngine of the configuration, the folder's.
func New(cfg Config) (*Voices, error) {
	cfg.defaults()
	v := &Voices{cfg: cfg, flite: newFlite(cfg.Instances, cfg.Idle), memory: newMemory(cfg.Bytes)}
	v.engines = map[string]Engine{EngineFlite: v.flite}
	path := cfg.Espeak
	if path == "" {
		path, _ = exec.LookPath("espeak-ng") // not there: no such engine
	}
	if path != "" {
		v.engines[EngineEspeak] = &espeak{path: path}
	}
	maps.Copy(v.engines, cfg.Engines)
	if cfg.Folder != "" {
		v.disk = &disk{folder: cfg.Folder, max: cfg.DiskBytes}
		if err := os.MkdirAll(cfg.Folder, 0o750); err != nil {
			return nil, err
		}
	}
	if v.engines[cfg.Engine] == nil {
		return nil, v.unknown(cfg.Engine)
	}
	return v, nil
}

// Run waits for ctx's end and closes.
func (v *Voices) Run(ctx context.Context) error {
	<-ctx.Done()
	v.Close()
	return nil
}

// Close lets go of the engines. Later calls of Speak fail with ErrClosed where an engine is needed.
func (v *Voices) Close() { v.flite.close() }

// Speak implements Engine. Errors: ErrNoText, ErrTextTooLong, ErrSSML, ErrUnknownEngine, ErrUnknownVoice, ErrEngine, ErrClosed,
// ctx's.
func (v *Voices) Speak(ctx context.Context, r Request) (wav.Sound, error) {
	speak := v.marked
	if !ssml.Is(r.Text) {
		text, err := clean(r.Text)
		if err != nil {
			return wav.Sound{}, err
		}
		r.Text, speak = text, func(ctx context.Context, e Engine, r Request) (wav.Sound, error) { return e.Speak(ctx, r) }
	}
	r.Engine = v.choose(r)
	engine := v.engines[r.Engine]
	if engine == nil {
		return wav.Sound{}, v.unknown(r.Engine)
	}
	if (r.Voice != "" && !token(r.Voice)) || (r.Language != "" && !token(r.Language)) {
		return wav.Sound{}, fmt.Errorf("%w: voice %q, language %q", ErrUnknownVoice, r.Voice, r.Language)
	}
	return v.cached(r, func() (wav.Sound, error) { return speak(ctx, engine, r) })
}

func (v *Voices) unknown(engine string) error {
	return fmt.Errorf("%w %q; there are %s", ErrUnknownEngine, engine, strings.Join(slices.Sorted(maps.Keys(v.engines)), ", "))
}

// choose: another language than English goes to espeak, if it is there.
func (v *Voices) choose(r Request) string {
	if r.Engine != "" {
		return r.Engine
	}
	if v.cfg.Engine == EngineFlite && !isEnglish(r.Language) && v.engines[EngineEspeak] != nil {
		return EngineEspeak
	}
	return v.cfg.Engine
}

func (v *Voices) cached(r Request, speak func() (wav.Sound, error)) (wav.Sound, error) {
	if s, ok := v.memory.get(r); ok {
		return s, nil
	}
	if v.disk != nil {
		if s, ok := v.disk.get(r); ok {
			v.memory.put(r, s)
			return s, nil
		}
	}
	s, err := speak()
	if err != nil {
		return wav.Sound{}, fmt.Errorf("%s: %w", r.Engine, err)
	}
	s = level(s)
	v.memory.put(r, s)
	if v.disk != nil {
		if err := v.disk.put(r, s); err != nil {
			v.cfg.Logger.Warn("speech is not kept on disk", "folder", v.cfg.Folder, "error", err)
		}
	}
	return s, nil
}
