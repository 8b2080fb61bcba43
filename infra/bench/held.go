package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// heldScenario writes the scenario with its pause; sipp has no variable for one.
func (b *bench) heldScenario(hold time.Duration) (string, error) {
	raw, err := os.ReadFile(filepath.Join(b.Scenarios, "uac_held.xml"))
	if err != nil {
		return "", err
	}
	text := strings.Replace(string(raw), "HOLDMS", strconv.FormatInt(hold.Milliseconds(), 10), 1)
	return "uac_held.xml", os.WriteFile(filepath.Join(b.Dir, "uac_held.xml"), []byte(text), 0o644)
}
