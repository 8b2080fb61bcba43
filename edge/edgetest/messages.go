package edgetest

import (
	"os"
	"path/filepath"
	"testing"
)

// Messages seeds a fuzz test with the SIP messages in the folders of one, such as those of RFC 4475.
func Messages(f *testing.F, folder string) {
	f.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*", "*.dat"))
	if err != nil || len(files) == 0 {
		f.Fatal(len(files), err)
	}
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
}
