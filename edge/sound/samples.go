package sound

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/offhook/offhook/edge/sound/file"
	"github.com/offhook/offhook/edge/sound/wav"
)

// Errors of keeping samples.
var (
	// ErrFull is a folder with as many samples as one tenant may have.
	ErrFull = errors.New("too many samples")
	// ErrAudio is an upload that cannot be played; it says why.
	ErrAudio = errors.New("cannot be played")
)

// MaxUpload is the most bytes of a file that is uploaded or fetched.
const MaxUpload = maxFetch

const maxSamplesKept = 1000

// Sample is a file of a tenant's folder.
type Sample struct {
	Name       string    `json:"name"` // as verbs name it
	File       string    `json:"file"`
	Bytes      int64     `json:"bytes"`
	DurationMS int64     `json:"duration_ms,omitempty"` // known of uploaded ones
	ModifiedAt time.Time `json:"modified_at"`
}

// Samples lists the sound files that lie in the tenant's folder itself, sorted by name.
func (l *Library) Samples(tenant string) ([]Sample, error) {
	entries, err := os.ReadDir(setting(l.cfg.Folder, tenant))
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
	slices.SortFunc(list, func(a, b Sample) int { return strings.Compare(a.File, b.File) })
	return list, nil
}

func sampleOf(info fs.FileInfo) Sample {
	name, _ := plainName(info.Name())
	return Sample{Name: name, File: info.Name(), Bytes: info.Size(), ModifiedAt: info.ModTime().UTC()}
}

// plainName takes an ending off, and tells whether the rest can be the name of an uploaded sample.
func plainName(name string) (string, bool) {
	if ending := path.Ext(name); slices.Contains(file.Endings, strings.ToLower(ending)) {
		name = strings.TrimSuffix(name, ending)
	}
	return name, name != "" && !strings.Contains(name, "/") && sampleName(name)
}

// Sample opens the file that a name stands for. Errors: ErrName, fs.ErrNotExist.
func (l *Library) Sample(tenant, name string) (Sample, io.ReadSeekCloser, error) {
	if _, ok := plainName(name); !ok {
		return Sample{}, nil, fmt.Errorf("%w: %q", ErrName, name)
	}
	root, err := os.OpenRoot(setting(l.cfg.Folder, tenant))
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
	f, err := root.Open(found)
	return sampleOf(info), f, err
}

// Keep converts a file to what is played, NAME.wav of 8 kHz, 16 bits, mono, and puts it into the tenant's folder. original is the
// name it was uploaded by, kind its content type. Calls hear it within a second. Errors: ErrName, ErrAudio, ErrFull.
func (l *Library) Keep(tenant, name, original, kind string, content []byte) (Sample, error) {
	name, ok := plainName(name)
	folder := setting(l.cfg.Folder, tenant)
	if !ok || folder == "" {
		return Sample{}, fmt.Errorf("%w: %q; a name has letters, digits, '.', '_' and '-', at most %d; give it one as name=hello", ErrName, name, maxSampleName)
	}
	samples, err := convert(content, file.Hint{Name: original, Type: kind})
	if err != nil {
		return Sample{}, fmt.Errorf("%w: %w", ErrAudio, err)
	}
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return Sample{}, err
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return Sample{}, err
	}
	defer root.Close()
	if err := room(root, name+".wav"); err != nil {
		return Sample{}, err
	}
	if err := place(root, name+".wav", samples); err != nil {
		return Sample{}, err
	}
	info, err := root.Stat(name + ".wav")
	if err != nil {
		return Sample{}, err
	}
	kept := sampleOf(info)
	kept.DurationMS = int64(len(samples)) * 1000 / wav.Rate
	return kept, nil
}

// convert decodes. A panic over a hostile file is that file's fault.
func convert(content []byte, hint file.Hint) (samples []int16, err error) {
	defer func() {
		if r := recover(); r != nil {
			samples, err = nil, errors.New("the file is broken")
		}
	}()
	return file.Read(bytes.NewReader(content), hint, maxSamples)
}

// room is nil when a sample may be added or takes the place of one.
func room(root *os.Root, name string) error {
	if _, err := root.Stat(name); err == nil {
		return nil
	}
	entries, err := fs.ReadDir(root.FS(), ".")
	if err == nil && len(entries) >= maxSamplesKept {
		err = fmt.Errorf("%w: a tenant keeps at most %d; delete some", ErrFull, maxSamplesKept)
	}
	return err
}

// place writes beside and renames, so that a call hears the old sample or the new one.
func place(root *os.Root, name string, samples []int16) error {
	draft := ".upload-" + rand.Text()
	f, err := root.OpenFile(draft, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	err = errors.Join(wav.Write(f, wav.Rate, samples), f.Sync(), f.Close())
	if err == nil {
		err = root.Rename(draft, name)
	}
	if err != nil {
		return errors.Join(err, root.Remove(draft))
	}
	return nil
}

// Discard deletes a sample: NAME.wav and what else goes by the name. Errors: ErrName, fs.ErrNotExist.
func (l *Library) Discard(tenant, name string) error {
	plain, ok := plainName(name)
	if !ok {
		return fmt.Errorf("%w: %q", ErrName, name)
	}
	root, err := os.OpenRoot(setting(l.cfg.Folder, tenant))
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
