package fn

import (
	"errors"
	"io/fs"
	"os"
)

// PrivateFile makes a missing file for this user alone. SQLite would leave it to the umask, and gives its journals the same
// mode. A file that is there is not opened: to close it would drop the locks that this process has on it.
func PrivateFile(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return f.Close()
}
