// Package flite runs the flite speech synthesizer, a published WebAssembly build that is kept here, inside this process.
// It speaks English only, knows no caching and resamples nothing: what it gives is a WAV file as flite writes it.
package flite

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
	"github.com/tetratelabs/wazero/sys"
)

//go:embed flite.wasm.zst
var compressed []byte

// Checksum is the SHA-256 of the module once decompressed.
const Checksum = "f975276f4f2a6de78613f197533aac2167d181b77020866d142d594bcc2a0e80"

// Bounds of a run.
const (
	memoryPages = 2048     // 128 MiB; a run needs some 20
	maxOutput   = 32 << 20 // bytes of WAV
	moduleSize  = 64 << 20 // bound of decompressing
)

// Errors of Speak.
var (
	ErrClosed = errors.New("flite is closed")
	ErrRun    = errors.New("flite failed")
)

// Voices are the names of the voices, the default one first: slt is a woman's, rms and awb are men's, kal16 is the old robot.
func Voices() []string { return []string{"slt", "rms", "awb", "kal16"} }

// Engine runs flite. It is loaded at the first Speak and unloaded when it was idle for a while.
type Engine struct {
	idle  time.Duration
	slots chan struct{}

	mu     sync.Mutex
	loaded *loaded
	users  int
	closed bool
	timer  *time.Timer
}

// loaded is the compiled module.
type loaded struct {
	runtime wazero.Runtime
	module  wazero.CompiledModule
}

// New makes an engine that runs at most instances at once (some 25 MiB each) and keeps its 60 MiB for idle after the last.
func New(instances int, idle time.Duration) *Engine {
	return &Engine{idle: idle, slots: make(chan struct{}, max(1, instances))}
}

// Speak gives a 16 kHz mono WAV file of text, which must be free of control characters and bounded by the caller: a run that began
// is not interrupted, it takes some 20 ms per second of speech. Errors: ErrClosed, ErrRun, ctx's while waiting for a free instance.
func (e *Engine) Speak(ctx context.Context, text, voice string, rate float64) ([]byte, error) {
	select {
	case e.slots <- struct{}{}:
		defer func() { <-e.slots }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	l, err := e.acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer e.release()
	return l.run(ctx, text, voice, rate)
}

// acquire loads the module if need be and keeps it from being unloaded.
func (e *Engine) acquire(ctx context.Context) (*loaded, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, ErrClosed
	}
	if e.loaded == nil {
		l, err := load(ctx)
		if err != nil {
			return nil, err
		}
		e.loaded = l
	}
	e.users++
	return e.loaded, nil
}

func (e *Engine) release() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.users--; e.users > 0 {
		return
	}
	if e.closed {
		e.unload()
		return
	}
	if e.timer == nil {
		e.timer = time.AfterFunc(e.idle, e.unloadIdle)
		return
	}
	e.timer.Reset(e.idle)
}

func (e *Engine) unloadIdle() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.users == 0 {
		e.unload()
	}
}

// unload lets go of the memory. e.mu is held and nobody runs.
func (e *Engine) unload() {
	if e.loaded != nil {
		_ = e.loaded.runtime.Close(context.Background()) // nothing runs in it: there is nothing that could fail
		e.loaded = nil
	}
}

// Close unloads at once, or when the last run ends.
func (e *Engine) Close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closed = true
	if e.timer != nil {
		e.timer.Stop()
	}
	if e.users == 0 {
		e.unload()
	}
}

// load decompresses and compiles, some 150 ms.
func load(ctx context.Context) (*loaded, error) {
	wasm, err := decompress()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRun, err)
	}
	ctx = context.WithoutCancel(ctx) // the module outlives the request that happened to need it first
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig().WithMemoryLimitPages(memoryPages).WithDebugInfoEnabled(false))
	if _, err := wasi_snapshot_preview1.Instantiate(ctx, r); err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %w", ErrRun, err), r.Close(ctx))
	}
	m, err := r.CompileModule(ctx, wasm)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %w", ErrRun, err), r.Close(ctx))
	}
	return &loaded{r, m}, nil
}

func decompress() ([]byte, error) {
	d, err := zstd.NewReader(bytes.NewReader(compressed), zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return io.ReadAll(io.LimitReader(d, moduleSize))
}

// run starts flite as its command line does, in an instance of its own, with one file that it can write and nothing to read.
func (l *loaded) run(ctx context.Context, text, voice string, rate float64) ([]byte, error) {
	out := &output{max: maxOutput}
	var errs limited
	cfg := wazero.NewModuleConfig().WithName("").WithStderr(&errs).WithFSConfig(out.mount()).
		WithArgs(words(text, voice, rate)...)
	m, err := l.runtime.InstantiateModule(ctx, l.module, cfg)
	if m != nil {
		defer func() { _ = m.Close(ctx) }()
	}
	if exit := (*sys.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() == 0 {
		err = nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRun, err)
	}
	if out.Len() == 0 {
		return nil, fmt.Errorf("%w: no sound: %s", ErrRun, strings.TrimSpace(string(errs)))
	}
	return out.Bytes(), nil
}

// words are the command line. rate is how fast it speaks; 0 and 1 are as the voice does.
func words(text, voice string, rate float64) []string {
	list := []string{"flite", "-voice", voice}
	if rate > 0 && rate != 1 {
		list = append(list, "--setf", "duration_stretch="+strconv.FormatFloat(1/rate, 'f', 3, 64))
	}
	return append(list, "-t", text, "-o", outputPath)
}

// limited keeps the first words of what flite complains about.
type limited []byte

// Write implements io.Writer.
func (l *limited) Write(b []byte) (int, error) {
	*l = append(*l, b[:min(len(b), 200-min(200, len(*l)))]...)
	return len(b), nil
}
