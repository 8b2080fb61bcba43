package arch_test

import (
	"io/fs"
	"os"
	"path"
	"strings"
	"testing"

	"github.com/offhook/offhook/schemas"
)

func TestTheREADMENamesEveryVerbAndEvent(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"verb", "event"} {
		files, err := fs.Glob(schemas.Files, kind+"/*.json")
		if err != nil || len(files) < 20 {
			t.Fatalf("%d schemas of a %s, %v", len(files), kind, err)
		}
		for _, file := range files {
			name := strings.TrimSuffix(path.Base(file), ".json")
			if name == "definitions" || name == "custom" {
				continue
			}
			if !strings.Contains(string(readme), "`"+name+"`") {
				t.Errorf("README.md does not name the %s %s", kind, name)
			}
		}
	}
}
