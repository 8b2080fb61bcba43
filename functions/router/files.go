package router

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/offhook/offhook/functions/fn"
	"github.com/offhook/offhook/schemas/ask"
	"github.com/offhook/offhook/schemas/check"
)

const fileLimit = 1 << 20

// files are answers beside the configuration, as a webhook would give them: a document, or an object with verbs, vars and
// state. They are read again when they change.
type files struct {
	folder string

	mu     sync.Mutex
	loaded map[string]loaded
}

type loaded struct {
	size    int64
	changed time.Time
	answer  ask.Answer
	err     error
}

func newFiles(folder string) *files {
	return &files{folder: folder, loaded: make(map[string]loaded)}
}

// isFile tells a file's name from a URL.
func isFile(to string) bool {
	return strings.HasSuffix(to, ".json") && !strings.Contains(to, "://") && !strings.HasPrefix(to, "fn:")
}

// load gives a file's answer. The error is a problem that names file, line and fault, for the author to see in the
// event of the ask.
func (f *files) load(name string) (ask.Answer, error) {
	path := name
	if !filepath.IsAbs(path) {
		path = filepath.Join(f.folder, name)
	}
	info, err := os.Stat(path)
	if err != nil {
		return ask.Answer{}, broken(name, reason(err))
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	have, ok := f.loaded[path]
	if !ok || have.size != info.Size() || !have.changed.Equal(info.ModTime()) {
		have = loaded{size: info.Size(), changed: info.ModTime()}
		have.answer, have.err = read(path, name, info.Size())
		f.loaded[path] = have
	}
	return have.answer, have.err
}

func read(path, name string, size int64) (ask.Answer, error) {
	if size > fileLimit {
		return ask.Answer{}, broken(name, fmt.Sprintf("longer than %d bytes", fileLimit))
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return ask.Answer{}, broken(name, reason(err))
	}
	answer, faults := check.Answer(raw, nil)
	if len(faults) == 0 {
		return answer, nil
	}
	first := faults[0]
	return ask.Answer{}, broken(name, fmt.Sprintf("line %d, %s: expected %s, found %s (%d fault(s); offhook check %s)",
		first.Line, first.Pointer, first.Expected, first.Found, len(faults), name))
}

func broken(name, what string) error {
	return fn.Problem(http.StatusInternalServerError, "bad_file", name+": "+what)
}

// reason is an error of the file system without the path, which is the machine's own affair.
func reason(err error) string {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err.Error()
	}
	return err.Error()
}
