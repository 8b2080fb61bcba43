package sound

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/offhook/offhook/edge/sound/file"
	"github.com/offhook/offhook/edge/sound/wav"
)

// sampleKept is how long a file is trusted to be unchanged: a newly uploaded one is heard at the next call.
const sampleKept = time.Second

// openSample opens a file of the tenant's folder, else the built-in sound of that name. A name without an ending is looked for
// with each that is played.
func (l *Library) openSample(tenant, name string) (playable, error) {
	if !fs.ValidPath(name) || !sampleName(name) {
		return nil, fmt.Errorf("%w: %q; a sample is named by letters, digits, '.', '_', '-' and folders between '/'", ErrName, name)
	}
	shelf := l.shelf(tenant)
	if shelf == nil {
		return l.openBuiltIn(strings.TrimSuffix(name, ".wav")), nil
	}
	return l.store.get(sampleKey(shelf, name), shelf.queue(l.store), func(ctx context.Context, old *entry) (loaded, error) {
		got, err := shelf.load(ctx, name, old)
		if errors.Is(err, fs.ErrNotExist) {
			keep := max(got.keep, sampleKept) // the tenant may still upload its own
			got, err = l.makeBuiltIn(ctx, strings.TrimSuffix(name, ".wav"))
			got.keep = keep
		}
		return got, err
	}), nil
}

func sampleKey(s shelf, name string) key { return key{"sample", s.String(), name} }

func sampleName(name string) bool {
	if len(name) > maxSampleName || name[0] == '.' || strings.Contains(name, "/.") {
		return false
	}
	return !strings.ContainsFunc(name, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("._-/", r)
	})
}

// load reads a file below the folder. os.Root keeps symbolic links from leading out of it.
func (f directory) load(_ context.Context, name string, old *entry) (loaded, error) {
	root, err := os.OpenRoot(string(f))
	if err != nil {
		return loaded{}, err
	}
	defer root.Close()
	name, info, err := findSample(root, name)
	if err != nil {
		return loaded{}, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxFile {
		return loaded{}, fmt.Errorf("%w: sample %q is no file of up to %d MiB", ErrUnknown, name, maxFile>>20)
	}
	stamp := fmt.Sprint(name, " ", info.ModTime().UnixNano(), " ", info.Size())
	if old != nil && old.outcome.clip != nil && old.stamp == stamp {
		return loaded{clip: old.outcome.clip, stamp: stamp, keep: sampleKept}, nil
	}
	return readSample(root, name, stamp)
}

// findSample looks for the name with each ending.
func findSample(root *os.Root, name string) (string, fs.FileInfo, error) {
	if slices.Contains(file.Endings, strings.ToLower(path.Ext(name))) {
		info, err := root.Stat(name)
		return name, info, err
	}
	for _, ending := range file.Endings {
		info, err := root.Stat(name + ending)
		if !errors.Is(err, fs.ErrNotExist) {
			return name + ending, info, err
		}
	}
	return name, nil, fs.ErrNotExist
}

func readSample(root *os.Root, name, stamp string) (loaded, error) {
	f, err := root.Open(name)
	if err != nil {
		return loaded{}, err
	}
	defer f.Close()
	s, err := file.Read(io.LimitReader(f, maxFile), file.Hint{Name: name}, maxSamples)
	if err != nil {
		return loaded{}, fmt.Errorf("sample %q: %w", name, err)
	}
	return loaded{clip: newClip(s), stamp: stamp, keep: sampleKept}, nil
}

const maxSamples = int(maxLength / time.Second * wav.Rate)

// openBuiltIn opens a sound that the project brings itself.
func (l *Library) openBuiltIn(name string) playable {
	return l.store.get(key{kind: "built in", name: name}, l.store.local, func(ctx context.Context, _ *entry) (loaded, error) {
		return l.makeBuiltIn(ctx, name)
	})
}

// makeBuiltIn computes or speaks a built-in sound.
func (l *Library) makeBuiltIn(ctx context.Context, name string) (loaded, error) {
	if name == musicName {
		return loaded{clip: newClip(wav.Sound{Samples: music(), Rate: wav.Rate}), keep: forever}, nil
	}
	text, ok := builtIn[name]
	if !ok {
		return loaded{}, fmt.Errorf("%w: sample %q; built in are %s", ErrUnknown, name, strings.Join(BuiltIn(), ", "))
	}
	return l.speak(ctx, requestOf(text))
}

// BuiltIn names the samples that are there without any file, sorted.
func BuiltIn() []string {
	names := []string{musicName}
	for name := range builtIn {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
