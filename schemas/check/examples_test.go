package check_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"io/fs"
	"os"
	"path"
	"reflect"
	"strings"
	"testing"

	"github.com/offhook/offhook/schemas"
	"github.com/offhook/offhook/schemas/ask"
	"github.com/offhook/offhook/schemas/check"
	"github.com/offhook/offhook/schemas/event"
	"github.com/offhook/offhook/schemas/examples"
	"github.com/offhook/offhook/schemas/rule"
	"github.com/offhook/offhook/schemas/verb"
)

var rewrite = flag.Bool("rewrite", false, "write the faults of the bad examples anew")

// files calls f with every example whose path matches, and wants some.
func files(t *testing.T, pattern string, f func(t *testing.T, name string, raw []byte)) {
	t.Helper()
	names, err := fs.Glob(examples.Files, pattern)
	if err != nil || len(names) == 0 {
		t.Fatalf("%s: %d files, %v", pattern, len(names), err)
	}
	for _, name := range names {
		raw, err := fs.ReadFile(examples.Files, name)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(path.Base(name), func(t *testing.T) { f(t, name, raw) })
	}
}

func TestGoodDocumentsDecodeAndEncodeBackEqual(t *testing.T) {
	files(t, "documents/*.json", func(t *testing.T, _ string, raw []byte) { sameBack(t, raw) })
}

// sameBack wants raw to be good, to mean the same to the plain codec, and to come back equal after encoding.
func sameBack(t *testing.T, raw []byte) {
	t.Helper()
	doc, faults := check.Document(raw, nil)
	if faults != nil {
		t.Fatalf("%+v", faults)
	}
	var plain, again verb.Document
	if err := json.Unmarshal(raw, &plain); err != nil || !reflect.DeepEqual(doc, plain) {
		t.Errorf("check and codec differ: %v", err)
	}
	encoded, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	if again, faults = check.Document(encoded, nil); !reflect.DeepEqual(doc, again) {
		t.Errorf("%s\n%+v", encoded, faults)
	}
}

// TestTheExamplesUseEveryProperty wants all that a verb or target may have in some document.
func TestTheExamplesUseEveryProperty(t *testing.T) {
	used := map[string]bool{}
	files(t, "documents/*.json", func(t *testing.T, _ string, raw []byte) {
		var doc any
		if err := json.Unmarshal(raw, &doc); err != nil {
			t.Fatal(err)
		}
		uses(doc, used)
	})
	set := rule.NewSet(schemas.Files)
	for _, name := range verb.All {
		wantUsed(t, set, "verb/"+name+".json", name, used)
	}
	wantUsed(t, set, "verb/definitions.json#/$defs/target", "", used)
}

// uses notes "verb.property"; what is no verb has no name before the dot.
func uses(v any, used map[string]bool) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			uses(e, used)
		}
	case map[string]any:
		name, _ := v["verb"].(string)
		for k, e := range v {
			used[name+"."+k] = true
			uses(e, used)
		}
	}
}

func wantUsed(t *testing.T, set *rule.Set, schema, name string, used map[string]bool) {
	r, err := set.Load(schema)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range r.Object.Properties {
		if p.Name != "id" && !used[name+"."+p.Name] {
			t.Errorf("%s: %s stands in no example", schema, p.Name)
		}
	}
}

func TestEveryExampleOfAVerbIsGood(t *testing.T) {
	set := rule.NewSet(schemas.Files)
	for _, name := range verb.All {
		r, err := set.Load("verb/" + name + ".json")
		if err != nil || len(r.Doc.Examples) == 0 {
			t.Fatalf("%s: %v", name, err)
		}
		for _, e := range r.Doc.Examples {
			doc := append(append([]byte("["), e...), ']')
			if _, faults := check.Document(doc, []string{"position"}); faults != nil {
				t.Errorf("%s: %+v", e, faults)
			}
		}
	}
}

func TestGoodAnswersAreRead(t *testing.T) {
	files(t, "answers/*.json", func(t *testing.T, name string, raw []byte) {
		a, faults := check.Answer(raw, nil)
		if faults != nil {
			t.Fatalf("%+v", faults)
		}
		var want ask.Answer
		if path.Base(name) == "list.json" {
			raw = append(append([]byte(`{"verbs":`), raw...), '}')
		}
		if err := json.Unmarshal(raw, &want); err != nil || !reflect.DeepEqual(a, want) {
			t.Errorf("%+v, want %+v, %v", a, want, err)
		}
	})
}

func TestGoodConfigurationsAreRead(t *testing.T) {
	files(t, "config/*.yaml", func(t *testing.T, name string, raw []byte) {
		c, faults := check.Config(raw, name)
		if faults != nil {
			t.Fatalf("%+v", faults)
		}
		encoded, err := json.Marshal(c)
		if err != nil || strings.Contains(string(encoded), "demo-105") {
			t.Errorf("%s, %v", encoded, err)
		}
	})
}

func TestBadExamplesHaveExactlyTheseFaults(t *testing.T) {
	n := 0
	golden := func(judge func(raw []byte, name string) []event.Fault) func(*testing.T, string, []byte) {
		return func(t *testing.T, name string, raw []byte) {
			if strings.HasSuffix(name, ".faults.json") {
				return
			}
			n++
			compare(t, strings.TrimSuffix(name, path.Ext(name))+".faults.json", judge(raw, name))
		}
	}
	files(t, "bad/*.json", golden(func(raw []byte, _ string) []event.Fault {
		_, faults := check.Answer(raw, nil)
		return faults
	}))
	files(t, "bad/*.yaml", golden(func(raw []byte, name string) []event.Fault {
		_, faults := check.Config(raw, name)
		return faults
	}))
	if n < 10 {
		t.Errorf("%d bad examples", n)
	}
}

func compare(t *testing.T, file string, faults []event.Fault) {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(faults); err != nil {
		t.Fatal(err)
	}
	if *rewrite {
		if err := os.WriteFile("../examples/"+file, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := fs.ReadFile(examples.Files, file)
	if err != nil || len(faults) == 0 || !bytes.Equal(b.Bytes(), want) {
		t.Errorf("%v\n%s", err, b.Bytes())
	}
}
