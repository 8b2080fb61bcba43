// Command gen writes the Go types beside the schemas: run it in schemas/ (go generate ./schemas/...).
// It knows only the subset that schemas/rule reads, and judges no document.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if err := run("."); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run(folder string) error {
	files, err := generate(os.DirFS(folder))
	if err != nil {
		return err
	}
	for name, code := range files {
		if err := os.WriteFile(filepath.Join(folder, name), code, 0o644); err != nil {
			return err
		}
	}
	return nil
}
