package recordings

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/offhook/offhook/edge/bucket"
	"github.com/offhook/offhook/edge/sound/wav"
)

// flushEvery is how many seconds may be missing in the header of a file that is being made.
const flushEvery = 10

// New is what a recording is made as.
type New struct {
	Tenant   string
	Name     string // of the file, without .wav; never a path
	ID       string // the name if that has nothing usable
	At       time.Time
	Rate     int
	Channels int
}

// Stored is where a recording is and what it is.
type Stored struct {
	Location string // a path below the store's folder, or s3://BUCKET/KEY
	SHA256   string // in hex
	Bytes    int64
}

// File is a recording that is being made. It is for one goroutine.
type File struct {
	store   *Store
	rel     string
	f       *os.File
	w       *wav.Writer
	each    int // samples between two flushes
	flushed int
}

// Create begins a recording.
func (s *Store) Create(n New) (*File, error) {
	rel := filepath.Join(clean(n.Tenant, "tenant"), n.At.UTC().Format(time.DateOnly), clean(n.Name, clean(n.ID, "recording"))+".wav")
	rel, f, err := reserve(s.making, rel)
	if err != nil {
		return nil, err
	}
	w, err := wav.NewWriter(f, n.Rate, n.Channels)
	if err != nil {
		return nil, errors.Join(err, f.Close(), os.Remove(f.Name()))
	}
	return &File{store: s, rel: rel, f: f, w: w, each: flushEvery * n.Rate * n.Channels}, nil
}

// Write appends samples, those of all channels in turn.
func (f *File) Write(pcm []int16) error {
	if err := f.w.Write(pcm); err != nil {
		return err
	}
	if f.flushed += len(pcm); f.flushed < f.each {
		return nil
	}
	f.flushed = 0
	return f.w.Flush()
}

// Store ends the recording and puts it where it belongs. With a bucket it waits Config.Patience for the upload: an error
// with a Location says that the file is kept here, and will be there.
func (f *File) Store(ctx context.Context) (Stored, error) {
	if err := errors.Join(f.w.Close(), f.f.Close()); err != nil {
		return Stored{}, err
	}
	return f.store.finish(ctx, f.rel, nil)
}

// finish takes a made file: repaired if need be, on the disk for good, counted, moved.
func (s *Store) finish(ctx context.Context, rel string, repair func(*os.File) error) (Stored, error) {
	path := filepath.Join(s.making, rel)
	stored, err := settle(path, repair)
	if err != nil {
		return Stored{}, err
	}
	to := s.cfg.Folder
	if s.bucket != nil {
		to = s.waiting
	}
	rel, f, err := reserve(to, rel)
	if err != nil {
		return Stored{}, err
	}
	if err := errors.Join(f.Close(), os.Rename(path, f.Name())); err != nil {
		return Stored{}, errors.Join(err, os.Remove(f.Name()))
	}
	s.tidy(path)
	if stored.Location = filepath.ToSlash(rel); s.bucket == nil {
		return stored, nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Patience)
	defer cancel()
	location, err := s.upload(ctx, rel)
	if err != nil {
		s.later(rel)
		stored.Location = s.bucket.Location(stored.Location)
		s.log.Warn("recording not uploaded; it is tried again", "file", filepath.Join(s.waiting, rel), "err", err)
		return stored, fmt.Errorf("not uploaded yet, kept at the edge and tried again: %s", bucket.Briefly(err))
	}
	stored.Location = location
	return stored, nil
}

// tidy removes the folders of a file that were only its own.
func (s *Store) tidy(path string) {
	for dir := filepath.Dir(path); dir != s.making && os.Remove(dir) == nil; {
		dir = filepath.Dir(dir)
	}
}

// settle brings a file to the disk and computes what is told of it.
func settle(path string, repair func(*os.File) error) (Stored, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return Stored{}, err
	}
	defer f.Close()
	if repair != nil {
		if err := repair(f); err != nil {
			return Stored{}, err
		}
	}
	if err := f.Sync(); err != nil {
		return Stored{}, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return Stored{}, err
	}
	sum := sha256.New()
	n, err := io.Copy(sum, f)
	return Stored{Bytes: n, SHA256: hex.EncodeToString(sum.Sum(nil))}, err
}

// reserve makes an empty file of a name that is free: of NAME.wav, NAME-2.wav ...
func reserve(dir, rel string) (string, *os.File, error) {
	for n := 1; n < 10_000; n++ {
		name := numbered(rel, n)
		f, err := createIn(filepath.Join(dir, name))
		if !errors.Is(err, fs.ErrExist) {
			return name, f, err
		}
	}
	return "", nil, fmt.Errorf("%s: too many recordings of this name", rel)
}

// createIn makes a file that is not there, and its folders. Another recording that is done may tidy these away meanwhile.
func createIn(path string) (*os.File, error) {
	var made error
	for range 100 {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o640)
		if !errors.Is(err, fs.ErrNotExist) {
			return f, err
		}
		made = os.MkdirAll(filepath.Dir(path), 0o750)
	}
	return nil, fmt.Errorf("%s has no folder: %w", path, made)
}

// numbered is the n-th name: a.wav, a-2.wav ...
func numbered(rel string, n int) string {
	if n == 1 {
		return rel
	}
	return strings.TrimSuffix(rel, ".wav") + "-" + strconv.Itoa(n) + ".wav"
}

// clean makes a file name of any text: no separators, no leading dots, nothing that a shell, URL or other system minds.
func clean(name, otherwise string) string {
	name = strings.ToValidUTF8(name, "")
	if n := len(name); n > 4 && strings.EqualFold(name[n-4:], ".wav") {
		name = name[:n-4]
	}
	name = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7F || strings.ContainsRune(`/\:*?"<>|%#&$;`+"`'", r) || !unicode.IsPrint(r) {
			return '-'
		}
		return r
	}, name)
	name = strings.TrimRight(strings.TrimLeft(name, ". "), ". ")
	for len(name) > 120 {
		name = strings.ToValidUTF8(name[:120], "")
	}
	if strings.Trim(name, "-") == "" {
		return otherwise
	}
	return name
}
