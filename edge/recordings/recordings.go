// Package recordings keeps recordings: each is made in a file here, then it goes to a folder or an S3 bucket, under
// TENANT/YYYY-MM-DD/NAME.wav. What a bucket did not take waits here and is tried again, also after a restart. What a
// process that died left unfinished is finished by the next one. It does not know calls, and hears nothing.
package recordings

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/offhook/offhook/edge/bucket"
	"github.com/offhook/offhook/edge/sound/wav"
)

// Config of a Store. Folder is needed.
type Config struct {
	Folder   string        // where recordings are made, and kept unless Store says otherwise
	Store    string        // a folder, or s3://BUCKET/PREFIX?region=...&endpoint=...; default Folder
	Node     string        // this edge's name: each has its own unfinished files
	Uploads  int           // at once; default 4
	Patience time.Duration // how long a call waits for its upload; default 10 s
	Logger   *slog.Logger
}

// Store keeps recordings.
type Store struct {
	cfg     Config
	log     *slog.Logger
	bucket  *bucket.Bucket // nil: a folder
	making  string         // unfinished files
	waiting string         // finished, for the bucket
	slots   chan struct{}
	wake    chan struct{}
	left    []string // unfinished files of a process that died

	mu      sync.Mutex
	pending []string // below waiting: to be uploaded, oldest first
}

// Open makes the folders, so that what is wrong is told before the first call. It does not talk to a bucket.
func Open(cfg Config) (*Store, error) {
	s := &Store{cfg: cfg.withDefaults(), wake: make(chan struct{}, 1)}
	s.log, s.slots = s.cfg.Logger, make(chan struct{}, s.cfg.Uploads)
	if strings.Contains(cfg.Store, "://") {
		var err error
		if s.bucket, err = bucket.Open(cfg.Store); err != nil {
			return nil, fmt.Errorf("recordings.store: %w", err)
		}
	} else if cfg.Store != "" {
		s.cfg.Folder = cfg.Store
	}
	own := filepath.Join(s.cfg.Folder, "."+clean(s.cfg.Node, "edge"))
	s.making, s.waiting = filepath.Join(own, "making"), filepath.Join(own, "waiting")
	for _, dir := range []string{s.making, s.waiting} {
		if err := os.MkdirAll(dir, 0o750); err != nil {
			return nil, fmt.Errorf("recordings: %w", err)
		}
	}
	s.left, s.pending = files(s.making), files(s.waiting)
	return s, nil
}

func (c Config) withDefaults() Config {
	if c.Uploads <= 0 {
		c.Uploads = 4
	}
	if c.Patience <= 0 {
		c.Patience = 10 * time.Second
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// files are the paths of all files below a folder, relative to it.
func files(dir string) (list []string) {
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error { // what cannot be read is left alone
		if rel, e := filepath.Rel(dir, path); err == nil && e == nil && d.Type().IsRegular() {
			list = append(list, rel)
		}
		return nil
	})
	return list
}

// String says where recordings go, without secrets.
func (s *Store) String() string {
	if s.bucket != nil {
		return s.bucket.Location("")
	}
	return s.cfg.Folder
}

// Collectors are the store's Prometheus collectors.
func (s *Store) Collectors() []prometheus.Collector {
	return []prometheus.Collector{prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "offhook", Name: "recordings_waiting",
		Help: "Recordings that the bucket has not taken yet."}, func() float64 { return float64(len(s.uploads())) })}
}

func (s *Store) uploads() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.pending)
}

// Run finishes what an earlier process left, and uploads what waits, until ctx ends.
func (s *Store) Run(ctx context.Context) error {
	for _, rel := range s.left {
		s.recover(ctx, rel)
	}
	wait := time.Second
	for ctx.Err() == nil {
		if s.uploadAll(ctx) {
			wait = time.Second
			select {
			case <-ctx.Done():
			case <-s.wake:
			}
		} else {
			wait = min(2*wait, time.Minute)
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
	return nil
}

func (s *Store) recover(ctx context.Context, rel string) {
	stored, err := s.finish(ctx, rel, func(f *os.File) error { return wav.Repair(f) })
	if err != nil {
		s.log.Error("a recording that was cut off is not stored", "file", filepath.Join(s.making, rel), "err", err)
		return
	}
	s.log.Warn("a recording that was cut off is stored", "location", stored.Location, "bytes", stored.Bytes)
}

// uploadAll tries what waits; false: the bucket does not take it now.
func (s *Store) uploadAll(ctx context.Context) bool {
	for _, rel := range s.uploads() {
		one, cancel := context.WithTimeout(ctx, 15*time.Minute)
		location, err := s.upload(one, rel)
		cancel()
		if err != nil {
			if ctx.Err() == nil {
				s.log.Warn("recording not uploaded; it is tried again", "file", filepath.Join(s.waiting, rel), "err", err)
			}
			return false
		}
		s.log.Info("recording uploaded", "location", location)
		s.mu.Lock()
		s.pending = slices.DeleteFunc(s.pending, func(p string) bool { return p == rel })
		s.mu.Unlock()
	}
	return true
}

// upload sends a waiting file and takes it away.
func (s *Store) upload(ctx context.Context, rel string) (location string, err error) {
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	path := filepath.Join(s.waiting, rel)
	key, err := put(ctx, s.bucket, path, filepath.ToSlash(rel))
	if err != nil {
		return "", err
	}
	return s.bucket.Location(key), os.Remove(path)
}

// later leaves a waiting file to Run.
func (s *Store) later(rel string) {
	s.mu.Lock()
	s.pending = append(s.pending, rel)
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Get opens a stored recording by the location that its event told: a file here, also one that waits for its upload, or
// an object of the bucket. fs.ErrNotExist: it is not here.
func (s *Store) Get(ctx context.Context, location string) (io.ReadCloser, int64, error) {
	rel := location
	if s.bucket != nil {
		var ok bool
		if rel, ok = strings.CutPrefix(location, s.bucket.Location("")); !ok {
			return nil, 0, fs.ErrNotExist
		}
	}
	rel = filepath.FromSlash(rel)
	if !filepath.IsLocal(rel) || filepath.Clean(rel) != rel || strings.HasPrefix(rel, ".") {
		return nil, 0, fs.ErrNotExist
	}
	dir := s.cfg.Folder
	if s.bucket != nil {
		dir = s.waiting
	}
	f, size, err := openIn(dir, rel)
	if err != nil && s.bucket != nil {
		return s.bucket.Get(ctx, filepath.ToSlash(rel))
	}
	return f, size, err
}

// openIn never leaves its folder, by links neither.
func openIn(dir, rel string) (io.ReadCloser, int64, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, 0, err
	}
	defer root.Close()
	f, err := root.Open(rel)
	if err != nil {
		return nil, 0, err
	}
	st, err := f.Stat()
	if err != nil || !st.Mode().IsRegular() {
		return nil, 0, fs.ErrNotExist
	}
	return f, st.Size(), nil
}
