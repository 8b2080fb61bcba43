package sound

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/offhook/offhook/edge/sound/file"
	"github.com/offhook/offhook/edge/sound/wav"
)

// shelf is where a tenant's samples lie.
type shelf interface {
	String() string // where; two tenants may share it
	queue(s *store) chan *job
	load(ctx context.Context, name string, old *entry) (loaded, error) // fs.ErrNotExist: there is none
	list(ctx context.Context) ([]Sample, error)
	open(ctx context.Context, name string) (Sample, io.ReadSeekCloser, error)
	put(ctx context.Context, name string, s wav.Sound) (Sample, error)
	remove(ctx context.Context, plain string) error // with any ending
}

// shelf gives the tenant's; nil: it has none.
func (l *Library) shelf(tenant string) shelf {
	where := setting(l.cfg.Folder, tenant)
	switch {
	case where == "":
		return nil
	case strings.Contains(where, "://"):
		return l.bucket(where)
	}
	return directory(where)
}

// directory is a shelf on this machine.
type directory string

// String is its path.
func (f directory) String() string { return string(f) }

func (directory) queue(s *store) chan *job { return s.local }

func (f directory) list(context.Context) ([]Sample, error) {
	entries, err := os.ReadDir(string(f))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	list := []Sample{}
	for _, e := range entries {
		info, err := e.Info()
		if name, ok := plainName(e.Name()); ok && err == nil && info.Mode().IsRegular() && name != e.Name() {
			list = append(list, sampleOf(info))
		}
	}
	return list, nil
}

func (f directory) open(_ context.Context, name string) (Sample, io.ReadSeekCloser, error) {
	root, err := os.OpenRoot(string(f))
	if err != nil {
		return Sample{}, nil, err
	}
	defer root.Close()
	found, info, err := findSample(root, name)
	if err != nil {
		return Sample{}, nil, err
	}
	if !info.Mode().IsRegular() {
		return Sample{}, nil, fs.ErrNotExist
	}
	sound, err := root.Open(found)
	return sampleOf(info), sound, err
}

func (f directory) put(_ context.Context, name string, s wav.Sound) (Sample, error) {
	if err := os.MkdirAll(string(f), 0o750); err != nil {
		return Sample{}, err
	}
	root, err := os.OpenRoot(string(f))
	if err != nil {
		return Sample{}, err
	}
	defer root.Close()
	if err := room(root, name); err != nil {
		return Sample{}, err
	}
	if err := place(root, name, s); err != nil {
		return Sample{}, err
	}
	info, err := root.Stat(name)
	if err != nil {
		return Sample{}, err
	}
	return sampleOf(info), nil
}

// room is nil when a sample may be added or takes the place of one.
func room(root *os.Root, name string) error {
	if _, err := root.Stat(name); err == nil {
		return nil
	}
	entries, err := fs.ReadDir(root.FS(), ".")
	if err == nil && len(entries) >= maxSamplesKept {
		err = errFull
	}
	return err
}

var errFull = fmt.Errorf("%w: a tenant keeps at most %d; delete some", ErrFull, maxSamplesKept)

// place writes beside and renames, so that a call hears the old sample or the new one.
func place(root *os.Root, name string, s wav.Sound) error {
	draft := ".upload-" + rand.Text()
	f, err := root.OpenFile(draft, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	err = errors.Join(wav.Write(f, s.Rate, s.Samples), f.Sync(), f.Close())
	if err == nil {
		err = root.Rename(draft, name)
	}
	if err != nil {
		return errors.Join(err, root.Remove(draft))
	}
	return nil
}

func (f directory) remove(_ context.Context, plain string) error {
	root, err := os.OpenRoot(string(f))
	if err != nil {
		return err
	}
	defer root.Close()
	gone := fs.ErrNotExist
	for _, ending := range file.Endings {
		err := root.Remove(plain + ending)
		switch {
		case err == nil:
			gone = nil
		case !errors.Is(err, fs.ErrNotExist):
			return err
		}
	}
	return gone
}
