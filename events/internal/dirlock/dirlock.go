// Package dirlock lets one process at a time own a directory. The lock goes with the process, however it ends.
// It does not protect the directory against programs that do not ask for the lock.
package dirlock

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// ErrHeld says that another process, or another owner in this one, has the directory.
var ErrHeld = errors.New("directory is in use by another process")

// Lock is a held lock.
type Lock struct{ f *os.File }

// Acquire makes dir if it is missing and locks it. The error wraps ErrHeld when someone else has it.
func Acquire(dir string) (*Lock, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := lockFile(f); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", dir, err), f.Close())
	}
	return &Lock{f: f}, nil
}

// Release gives the directory back. The file stays: removing it would let two owners hold two files of one name.
func (l *Lock) Release() error { return l.f.Close() }
