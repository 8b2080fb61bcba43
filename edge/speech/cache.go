package speech

import (
	"cmp"
	"container/list"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/offhook/offhook/edge/sound/wav"
)

// memory keeps what was spoken; the least recently used goes first.
type memory struct {
	mu     sync.Mutex
	max    int64
	used   int64
	recent *list.List // of *kept
	byKey  map[Request]*list.Element
}

type kept struct {
	key   Request
	sound wav.Sound
}

func (k *kept) size() int64 { return int64(2*len(k.sound.Samples) + len(k.key.Text) + 200) }

func newMemory(maxBytes int64) *memory {
	return &memory{max: maxBytes, recent: list.New(), byKey: map[Request]*list.Element{}}
}

func (m *memory) get(r Request) (s wav.Sound, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.byKey[r]
	if e == nil {
		return s, false
	}
	m.recent.MoveToFront(e)
	return e.Value.(*kept).sound, true
}

func (m *memory) put(r Request, s wav.Sound) {
	k := &kept{r, s}
	m.mu.Lock()
	defer m.mu.Unlock()
	if k.size() > m.max || m.byKey[r] != nil {
		return
	}
	m.byKey[r] = m.recent.PushFront(k)
	m.used += k.size()
	for m.used > m.max {
		last := m.recent.Remove(m.recent.Back()).(*kept)
		delete(m.byKey, last.key)
		m.used -= last.size()
	}
}

// disk keeps what was spoken as WAV files named by a hash of the request; the longest unused go first.
type disk struct {
	folder string
	max    int64
	mu     sync.Mutex // one cleans at a time
}

func (d *disk) path(r Request) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{r.Engine, r.Voice, r.Language, r.Text, "wide"}, "\x00"))) // what was kept before had 8 kHz
	return filepath.Join(d.folder, hex.EncodeToString(sum[:16])+".wav")
}

// get is not ok for what is not there or broken.
func (d *disk) get(r Request) (s wav.Sound, ok bool) {
	path := d.path(r)
	f, err := os.Open(path)
	if err != nil {
		return s, false
	}
	defer f.Close()
	s, err = wav.ReadSound(f, wav.Options{MaxSamples: maxSamples})
	if err != nil || len(s.Samples) == 0 {
		return s, false
	}
	now := time.Now()
	_ = os.Chtimes(path, now, now) // only makes it look older when it fails
	return s, true
}

// put writes beside and renames, so that a half-written file is never read.
func (d *disk) put(r Request, s wav.Sound) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := os.MkdirAll(d.folder, 0o750); err != nil {
		return err
	}
	f, err := os.CreateTemp(d.folder, "new-*")
	if err != nil {
		return err
	}
	err = errors.Join(wav.Write(f, s.Rate, s.Samples), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), d.path(r))
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return d.clean()
}

// clean removes the oldest files beyond the bound.
func (d *disk) clean() error {
	files, total, err := d.files()
	if err != nil {
		return err
	}
	slices.SortFunc(files, func(a, b fs.FileInfo) int { return cmp.Compare(a.ModTime().UnixNano(), b.ModTime().UnixNano()) })
	for _, f := range files {
		if total <= d.max {
			break
		}
		if err := os.Remove(filepath.Join(d.folder, f.Name())); err != nil {
			return err
		}
		total -= f.Size()
	}
	return nil
}

func (d *disk) files() (files []fs.FileInfo, total int64, err error) {
	entries, err := os.ReadDir(d.folder)
	if err != nil {
		return nil, 0, err
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			files = append(files, info)
			total += info.Size()
		}
	}
	return files, total, nil
}
