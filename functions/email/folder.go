package email

import (
	"context"
	"errors"
	"os"
	"path/filepath"
)

// folder writes mails as files, for want of a server. A file's name comes from the event, so that twice is once.
type folder struct{ path, name string }

func (f *folder) deliver(_ context.Context, _ string, _ []string, raw []byte, _ func() error) delivery {
	return delivery{err: f.write(raw)}
}

// write makes the file appear whole or not at all.
func (f *folder) write(raw []byte) error {
	if err := os.MkdirAll(f.path, 0o750); err != nil {
		return err
	}
	temp, err := os.CreateTemp(f.path, ".new-*")
	if err != nil {
		return err
	}
	_, err = temp.Write(raw)
	if err == nil {
		err = temp.Sync()
	}
	if err = errors.Join(err, temp.Close()); err == nil {
		err = os.Rename(temp.Name(), filepath.Join(f.path, f.name))
	}
	if err != nil {
		return errors.Join(err, os.Remove(temp.Name()))
	}
	return syncFolder(f.path)
}

func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
