package schemas_test

import (
	"io/fs"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/offhook/offhook/schemas"
	"github.com/offhook/offhook/schemas/event"
	"github.com/offhook/offhook/schemas/format"
	"github.com/offhook/offhook/schemas/rule"
)

func api(t *testing.T, name string) map[string]any {
	t.Helper()
	raw, err := fs.ReadFile(schemas.Files, name)
	var out map[string]any
	if err == nil {
		err = yaml.Unmarshal(raw, &out)
	}
	if err != nil {
		t.Fatal(name, err)
	}
	return out
}

// references calls f with every $ref.
func references(v any, f func(string)) {
	switch v := v.(type) {
	case map[string]any:
		if ref, ok := v["$ref"].(string); ok {
			f(ref)
		}
		for _, x := range v {
			references(x, f)
		}
	case []any:
		for _, x := range v {
			references(x, f)
		}
	}
}

func resolves(doc map[string]any, set *rule.Set, ref string) bool {
	local, ok := strings.CutPrefix(ref, "#/")
	if !ok {
		_, err := set.Load(ref)
		return err == nil
	}
	var at any = doc
	for key := range strings.SplitSeq(local, "/") {
		m, _ := at.(map[string]any)
		if at, ok = m[key]; !ok {
			return false
		}
	}
	return true
}

func TestEveryReferenceOfTheAPIsResolves(t *testing.T) {
	set := rule.NewSet(schemas.Files)
	for _, name := range []string{"openapi.yaml", "asyncapi.yaml"} {
		doc, n := api(t, name), 0
		references(doc, func(ref string) {
			n++
			if !resolves(doc, set, ref) {
				t.Errorf("%s: %s leads nowhere", name, ref)
			}
		})
		if n < 20 {
			t.Errorf("%s has %d references", name, n)
		}
	}
}

func TestEveryEventTypeHasASchemaAndAMessage(t *testing.T) {
	messages := map[string]string{}
	for _, m := range api(t, "asyncapi.yaml")["components"].(map[string]any)["messages"].(map[string]any) {
		m := m.(map[string]any)
		messages[m["name"].(string)] = m["payload"].(map[string]any)["$ref"].(string)
	}
	types := append([]string{event.UserRegistered, event.UserUnregistered}, format.FullEvents...)
	for _, typ := range types {
		if _, err := fs.Stat(schemas.Files, "event/"+typ+".json"); err != nil {
			t.Error(err)
		}
		if messages[event.Prefix+typ] != "event/"+typ+".json" {
			t.Errorf("%s: %q", typ, messages[event.Prefix+typ])
		}
	}
	files, err := fs.Glob(schemas.Files, "event/*.*.json")
	if err != nil || len(files) != len(types) || len(messages) != len(types)+1 {
		t.Errorf("%d files, %d messages, %d types, %v", len(files), len(messages), len(types), err)
	}
}
