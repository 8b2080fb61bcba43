package schemas_test

import (
	"encoding/json"
	"io/fs"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/offhook/offhook/schemas"
	"github.com/offhook/offhook/schemas/check"
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

// documents gives the documents among the examples of requests.
func documents(op map[string]any) map[string]any {
	docs := map[string]any{}
	content := op["requestBody"].(map[string]any)["content"].(map[string]any)["application/json"].(map[string]any)
	for name, e := range content["examples"].(map[string]any) {
		value := e.(map[string]any)["value"]
		if wrapped, ok := value.(map[string]any); ok {
			value = wrapped["verbs"]
		}
		docs[name] = value
	}
	return docs
}

func TestTheDocumentsOfTheAPIsExamplesAreGood(t *testing.T) {
	post := api(t, "openapi.yaml")["paths"].(map[string]any)["/v1/calls/{id}/verbs"].(map[string]any)["post"].(map[string]any)
	docs := documents(post)
	if len(docs) < 8 {
		t.Errorf("%d examples", len(docs))
	}
	for name, doc := range docs {
		raw, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		if _, faults := check.Document(raw, nil); len(faults) > 0 {
			t.Errorf("%s: %s: %+v", name, raw, faults)
		}
	}
}
