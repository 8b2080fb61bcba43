package rule_test

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/offhook/offhook/schemas"
	"github.com/offhook/offhook/schemas/rule"
	"github.com/offhook/offhook/schemas/tree"
	"github.com/offhook/offhook/schemas/verb"
)

func TestEverySchemaFileIsInTheSubset(t *testing.T) {
	set := rule.NewSet(schemas.Files)
	n := 0
	err := fs.WalkDir(schemas.Files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if !strings.HasSuffix(path, ".json") {
			return nil
		}
		if strings.HasSuffix(path, "definitions.json") {
			return definitions(set, path)
		}
		n++
		r, err := set.Load(path)
		if err == nil && (r.Title() == "" || r.Description() == "" || r.Example() == nil) {
			t.Errorf("%s lacks title, description or example", path)
		}
		return err
	})
	if err != nil || n < 40 {
		t.Fatalf("%d files, %v", n, err)
	}
}

func definitions(set *rule.Set, path string) error {
	names, err := set.Definitions(path)
	for _, name := range names {
		if err == nil {
			_, err = set.Load(path + "#/$defs/" + name)
		}
	}
	return err
}

func TestWhatLeavesTheSubsetIsRefused(t *testing.T) {
	for schema, want := range map[string]string{
		`{"type": "string", "pattern": "a"}`: "pattern is not in the subset",
		`{"type": "object"}`:                 "additionalProperties must be given",
		`{"type": "array"}`:                  "a list needs items",
		`{"type": "thing"}`:                  "unknown type thing",
		`{"enum": [1]}`:                      "enum holds strings only",
		`{"oneOf": [{"type": "string"}, {"type": "string"}]}`:                              "two alternatives for a string",
		`{"type": "object", "additionalProperties": false, "anyOf": [{"type": "string"}]}`: "anyOf mixes required with something else",
		`{"allOf": [{"type": "string"}]}`:                                                  "allOf must hold one $ref",
		`{"$ref": "#/$defs/x"}`:                                                            "there is no $defs",
		`{"type": "object", "required": ["a"], "properties": {"b": {}}}`:                   "required names unlisted",
		`{"type": `: "expected a value",
		`7`:         "a schema is an object or true",
	} {
		_, err := rule.NewSet(fstest.MapFS{"x.json": {Data: []byte(schema)}}).Load("x.json")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", schema, err)
		}
	}
}

func TestVerbsAreToldApartByTag(t *testing.T) {
	r, err := rule.NewSet(schemas.Files).Load("verb/definitions.json#/$defs/verb")
	if err != nil {
		t.Fatal(err)
	}
	if r.Tag == nil || r.Tag.Property != "verb" || len(r.Tag.Cases) != len(verb.All) || r.Tag.Names[0] != "answer" {
		t.Fatalf("%+v", r.Tag)
	}
	dial := r.Tag.Cases["dial"].Resolve()
	to, _ := dial.Object.Find("to")
	if !to.Required || !to.Rule.Accepts(tree.Array) || !to.Rule.Accepts(tree.Object) || to.Rule.Accepts(tree.String) {
		t.Errorf("%+v", to.Rule)
	}
	if d, _ := dial.Object.Find("ring_for"); string(d.Rule.Default()) != `"30s"` || d.Rule.Title() != "duration" {
		t.Errorf("ring_for: %s %s", d.Rule.Default(), d.Rule.Title())
	}
}
