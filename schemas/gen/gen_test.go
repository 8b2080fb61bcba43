package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"testing/fstest"
)

func TestGeneratedCodeIsUpToDate(t *testing.T) {
	files, err := generate(os.DirFS(".."))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 8 {
		t.Errorf("%d files", len(files))
	}
	for name, want := range files {
		have, err := os.ReadFile("../" + name)
		if err != nil || !bytes.Equal(have, want) {
			t.Errorf("%s is stale: run go generate ./schemas/... (%v)", name, err)
		}
	}
}

func TestRunWritesWhatItGenerates(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("..")); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(dir + "/verb/types_gen.go"); err != nil {
		t.Fatal(err)
	}
	if err := run(dir); err != nil {
		t.Fatal(err)
	}
	have, err := os.ReadFile(dir + "/verb/types_gen.go")
	want, _ := os.ReadFile("../verb/types_gen.go")
	if err != nil || !bytes.Equal(have, want) {
		t.Fatalf("written otherwise: %v", err)
	}
}

func TestASchemaWithoutGoFormIsAnError(t *testing.T) {
	files := fstest.MapFS{
		"verb/definitions.json": {Data: []byte(`{"$defs": {"verb": {"oneOf": [{"$ref": "a.json"}]}, "target": {"type": "object", "x-go-name": "Target", "properties": {}, "additionalProperties": false}}}`)},
		"verb/a.json":           {Data: []byte(`{"x-go-name": "A", "type": "object", "properties": {"verb": {"const": "a"}, "n": {"type": "number"}}, "additionalProperties": false}`)},
	}
	if _, err := generate(files); err == nil || !strings.Contains(err.Error(), "cannot read float64") {
		t.Fatal(err)
	}
}
