package verbs_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/offhook/offhook/edge/verbs"
	"github.com/offhook/offhook/schemas/verb"
)

// TestEveryVerbHasItsFileItsLineAndItsTranscripts keeps the recipe for a new verb true.
func TestEveryVerbHasItsFileItsLineAndItsTranscripts(t *testing.T) {
	files := map[string]string{"say": "play"} // one more way to play
	for _, name := range verb.All {
		if _, ok := verbs.Registry[name]; !ok {
			t.Errorf("%s is not in the table", name)
		}
		file := files[name]
		if file == "" {
			file = name
		}
		if _, err := os.Stat(file + ".go"); err != nil {
			t.Error(err)
		}
		if found, err := filepath.Glob("testdata/" + file + "/*.t*"); err != nil || len(found) == 0 {
			t.Errorf("%s has no transcripts: %v", name, err)
		}
	}
}
