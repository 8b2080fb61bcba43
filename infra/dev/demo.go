package dev

import (
	"crypto/rand"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

//go:embed demo.yaml
var demoConfig string

//go:embed demo.json
var demoDocument []byte

// writeDemo puts the demo tenant into an empty data folder; what is there already stays.
func writeDemo(data, config string) error {
	if err := os.MkdirAll(data, 0o700); err != nil { // callers' numbers and recordings are nobody else's
		return fmt.Errorf("--data %s cannot be used: %w; give another with --data", data, err)
	}
	key := make([]byte, 16)
	_, _ = rand.Read(key) // never fails since Go 1.24
	yaml := strings.ReplaceAll(demoConfig, "API_KEY", "dev_"+hex.EncodeToString(key))
	if err := writeNew(config, []byte(yaml), 0o600); err != nil {
		return err
	}
	return writeNew(filepath.Join(filepath.Dir(config), "demo.json"), demoDocument, 0o600)
}

func writeNew(path string, content []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	return errors.Join(err, f.Close())
}
