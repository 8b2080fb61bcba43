package sound

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
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

// Samples lists the sound files that lie in the tenant's folder or bucket itself, sorted by name.
func (l *Library) Samples(ctx context.Context, tenant string) ([]Sample, error) {
	shelf := l.shelf(tenant)
	if shelf == nil {
		return []Sample{}, nil
	}
	list, err := shelf.list(ctx)
	slices.SortFunc(list, func(a, b Sample) int { return strings.Compare(a.File, b.File) })
	return list, err
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
func (l *Library) Sample(ctx context.Context, tenant, name string) (Sample, io.ReadSeekCloser, error) {
	if _, ok := plainName(name); !ok {
		return Sample{}, nil, fmt.Errorf("%w: %q", ErrName, name)
	}
	shelf := l.shelf(tenant)
	if shelf == nil {
		return Sample{}, nil, fs.ErrNotExist
	}
	return shelf.open(ctx, name)
}

// Keep converts a file to what is played, NAME.wav of 16 bits, mono, and puts it into the tenant's folder or bucket. It has 16 kHz
// where the file has more than 8 and the sample stays within MaxUpload, which are 327 s, else 8 kHz.
// original is the name it was uploaded by, kind its content type. New calls of this edge hear it, those of others that share a
// bucket within a minute. Errors: ErrName, ErrAudio, ErrFull.
func (l *Library) Keep(ctx context.Context, tenant, name, original, kind string, content []byte) (Sample, error) {
	name, ok := plainName(name)
	shelf := l.shelf(tenant)
	if !ok || shelf == nil {
		return Sample{}, fmt.Errorf("%w: %q; a name has letters, digits, '.', '_' and '-', at most %d; give it one as name=hello", ErrName, name, maxSampleName)
	}
	sound, err := convert(content, file.Hint{Name: original, Type: kind})
	if err != nil {
		return Sample{}, fmt.Errorf("%w: %w", ErrAudio, err)
	}
	if 2*len(sound.Samples) > MaxUpload-1024 {
		sound = sound.At(wav.Rate)
	}
	kept, err := shelf.put(ctx, name+".wav", sound)
	if err != nil {
		return Sample{}, err
	}
	l.forget(shelf, name)
	kept.DurationMS = sound.Duration().Milliseconds()
	return kept, nil
}

// forget has a sample looked for again.
func (l *Library) forget(s shelf, name string) {
	l.store.forget(sampleKey(s, name))
	for _, ending := range file.Endings {
		l.store.forget(sampleKey(s, name+ending))
	}
}

// convert decodes. A panic over a hostile file is that file's fault.
func convert(content []byte, hint file.Hint) (sound wav.Sound, err error) {
	defer func() {
		if r := recover(); r != nil {
			sound, err = wav.Sound{}, errors.New("the file is broken")
		}
	}()
	return file.Read(bytes.NewReader(content), hint, maxSamples)
}

// Discard deletes a sample: NAME.wav and what else goes by the name. Errors: ErrName, fs.ErrNotExist.
func (l *Library) Discard(ctx context.Context, tenant, name string) error {
	plain, ok := plainName(name)
	if !ok {
		return fmt.Errorf("%w: %q", ErrName, name)
	}
	shelf := l.shelf(tenant)
	if shelf == nil {
		return fs.ErrNotExist
	}
	err := shelf.remove(ctx, plain)
	l.forget(shelf, plain)
	return err
}
