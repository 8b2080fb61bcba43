package speech

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// Config of a Speaker. The zero value has the built-in voice, and espeak-ng where it is on PATH.
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

// Speaker is the Engine that others use: it checks the text, chooses an engine, and caches.
type Speaker struct {
	cfg     Config
	flite   *fliteEngine
	engines map[string]Engine
	memory  *memory
	disk    *disk // nil: none
}

var _ Engine = (*Speaker)(nil)

// New makes a Speaker. Nothing is loaded before the first Speak.
func New(cfg Config) *Speaker {
	cfg.defaults()
	s := &Speaker{cfg: cfg, flite: newFlite(cfg.Instances, cfg.Idle), memory: newMemory(cfg.Bytes)}
	s.engines = map[string]Engine{EngineFlite: s.flite}
	path := cfg.Espeak
	if path == "" {
		path, _ = exec.LookPath("espeak-ng") // not there: no such engine
	}
	if path != "" {
		s.engines[EngineEspeak] = &espeak{path: path}
	}
	maps.Copy(s.engines, cfg.Engines)
	if cfg.Folder != "" {
		s.disk = &disk{folder: cfg.Folder, max: cfg.DiskBytes}
	}
	return s
}

// Close lets go of the engines.
func (s *Speaker) Close() { s.flite.close() }

// Speak implements Engine. Errors: ErrNoText, ErrTextTooLong, ErrUnknownEngine, ErrUnknownVoice, ErrEngine, ErrClosed, ctx's.
func (s *Speaker) Speak(ctx context.Context, r Request) ([]int16, error) {
	text, err := clean(r.Text)
	if err != nil {
		return nil, err
	}
	r.Text, r.Engine = text, s.choose(r)
	engine := s.engines[r.Engine]
	if engine == nil {
		return nil, fmt.Errorf("%w %q; there are %s", ErrUnknownEngine, r.Engine, strings.Join(s.names(), ", "))
	}
	if (r.Voice != "" && !token(r.Voice)) || (r.Language != "" && !token(r.Language)) {
		return nil, fmt.Errorf("%w: voice %q, language %q", ErrUnknownVoice, r.Voice, r.Language)
	}
	return s.cached(ctx, engine, r)
}

func (s *Speaker) names() []string { return slices.Sorted(maps.Keys(s.engines)) }

// choose: another language than English goes to espeak, if it is there.
func (s *Speaker) choose(r Request) string {
	if r.Engine != "" {
		return r.Engine
	}
	if s.cfg.Engine == EngineFlite && !isEnglish(r.Language) && s.engines[EngineEspeak] != nil {
		return EngineEspeak
	}
	return s.cfg.Engine
}

func (s *Speaker) cached(ctx context.Context, engine Engine, r Request) ([]int16, error) {
	if samples := s.memory.get(r); samples != nil {
		return samples, nil
	}
	if s.disk != nil {
		if samples := s.disk.get(r); samples != nil {
			s.memory.put(r, samples)
			return samples, nil
		}
	}
	samples, err := engine.Speak(ctx, r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.Engine, err)
	}
	s.memory.put(r, samples)
	if s.disk != nil {
		if err := s.disk.put(r, samples); err != nil {
			s.cfg.Logger.Warn("speech is not kept on disk", "folder", s.cfg.Folder, "error", err)
		}
	}
	return samples, nil
}
