package check_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"pgregory.net/rapid"

	"github.com/offhook/offhook/schemas"
	"github.com/offhook/offhook/schemas/check"
	"github.com/offhook/offhook/schemas/event"
	"github.com/offhook/offhook/schemas/examples"
	"github.com/offhook/offhook/schemas/format"
)

// embedded loads "schemas:///verb/dial.json" from the embedded files.
type embedded struct{}

func (embedded) Load(url string) (any, error) {
	raw, err := fs.ReadFile(schemas.Files, strings.TrimPrefix(url, "schemas:///"))
	if err != nil {
		return nil, err
	}
	return jsonschema.UnmarshalJSON(bytes.NewReader(raw))
}

// spans is x-minimum and x-maximum for the other validator.
type spans struct{ shortest, longest time.Duration }

func (s spans) Validate(ctx *jsonschema.ValidatorContext, v any) {
	text, ok := v.(string)
	if !ok {
		return
	}
	if d, err := time.ParseDuration(text); err == nil && (d < s.shortest || d > s.longest) {
		ctx.AddError(&kind.Format{Got: v, Want: "span", Err: errors.New("out of range")})
	}
}

func compileSpans(_ *jsonschema.CompilerContext, obj map[string]any) (jsonschema.SchemaExt, error) {
	low, ok := obj["x-minimum"].(string)
	if !ok {
		return nil, nil
	}
	shortest, err := time.ParseDuration(low)
	if err != nil {
		return nil, err
	}
	longest, err := time.ParseDuration(obj["x-maximum"].(string))
	return spans{shortest, longest}, err
}

// standard is another implementation of JSON Schema with our formats, reading the same files.
func standard(t testing.TB, path string) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.UseLoader(embedded{})
	c.AssertFormat()
	c.AssertVocabs()
	c.RegisterVocabulary(&jsonschema.Vocabulary{URL: "schemas:///spans", Compile: compileSpans})
	for _, name := range format.Names() {
		c.RegisterFormat(&jsonschema.Format{Name: name, Validate: func(v any) error {
			if s, ok := v.(string); ok && !format.Check(name, s).OK() {
				return errors.New("not " + name)
			}
			return nil
		}})
	}
	s, err := c.Compile("schemas:///" + path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// beyond are the faults that JSON Schema cannot find.
var beyond = map[string]bool{
	"unknown_variable": true, "bad_brace": true, "no_variables_here": true, "needs_property": true, "repeated_property": true,
	"unknown_user": true, "unknown_node": true, "unknown_extension": true, "forward_loop": true, "ambiguous_code": true,
	"unknown_gateway": true, "ambiguous_gateway": true, "unknown_tenant": true, "repeated": true, "bad_secret": true,
	"too_many_verbs": true, "too_deep": true, "unwanted_property": true,
}

func structural(faults []event.Fault) bool {
	for _, f := range faults {
		if !beyond[f.Code] && !(f.Code == "missing_property" && (strings.Contains(f.Expected, `or "username"`) || strings.HasPrefix(f.Expected, `"audio"`))) {
			return true
		}
	}
	return false
}

type fataler interface{ Fatalf(string, ...any) }

func agree(t fataler, s *jsonschema.Schema, raw []byte, faults []event.Fault) {
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	if err := s.Validate(v); (err == nil) == structural(faults) {
		t.Fatalf("%s\nthe standard says: %v\nwe say: %+v", raw, err, faults)
	}
}

func TestEveryEventAndAskExampleIsGoodByTheStandard(t *testing.T) {
	for _, folder := range []string{"event", "ask", "verb", "config"} {
		names, err := fs.Glob(schemas.Files, folder+"/*.json")
		if err != nil || len(names) == 0 {
			t.Fatal(names, err)
		}
		for _, name := range names {
			examplesAreGood(t, name)
		}
	}
}

func examplesAreGood(t *testing.T, name string) {
	raw, err := fs.ReadFile(schemas.Files, name)
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Examples []any }
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	s := standard(t, name)
	for _, e := range file.Examples {
		if err := s.Validate(e); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheCheckAgreesWithAStandardValidator(t *testing.T) {
	doc := standard(t, "verb/definitions.json#/$defs/document")
	seeds := map[string]any{}
	for _, pattern := range []string{"documents/*.json", "bad/*.json"} {
		names, err := fs.Glob(examples.Files, pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			raw, err := fs.ReadFile(examples.Files, name)
			var v any
			if err != nil || strings.HasSuffix(name, ".faults.json") || json.Unmarshal(raw, &v) != nil {
				continue
			}
			seeds[name] = v
			for verb, one := range each(v) {
				seeds[fmt.Sprint(name, verb)] = []any{one}
			}
		}
	}
	for name, v := range seeds {
		raw, err := json.Marshal(v)
		if err != nil {
			t.Fatal(name, err)
		}
		_, faults := check.Document(raw, nil)
		agree(t, doc, raw, faults)
	}
	if len(seeds) < 50 {
		t.Fatalf("%d seeds", len(seeds))
	}
	mutated(t, seeds, func(t fataler, raw []byte) {
		_, faults := check.Document(raw, nil)
		agree(t, doc, raw, faults)
	})
}

// each lists the verbs of a document, so that one fault does not stand before another.
func each(v any) []any {
	list, _ := v.([]any)
	return list
}

func TestTheCheckOfConfigurationsAgreesToo(t *testing.T) {
	schema := standard(t, "config/config.json")
	seeds := map[string]any{}
	for _, name := range []string{"demo", "full"} {
		raw, err := fs.ReadFile(examples.Files, "config/"+name+".yaml")
		if err != nil {
			t.Fatal(err)
		}
		c, faults := check.Config(raw, name+".yaml")
		encoded, err := json.Marshal(c)
		var v any
		if err == nil {
			err = json.Unmarshal(encoded, &v)
		}
		if err != nil || faults != nil {
			t.Fatal(err, faults)
		}
		dropEmpty(v)
		seeds[name] = v
	}
	mutated(t, seeds, func(t fataler, raw []byte) {
		_, faults := check.Config(raw, "x.json")
		agree(t, schema, raw, faults)
	})
}

// dropEmpty takes out what Go writes for empty structs and secrets, so that the seeds are good configurations.
func dropEmpty(v any) {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			dropEmpty(x)
			if m, ok := x.(map[string]any); x == "" || ok && len(m) == 0 {
				delete(v, k)
			}
		}
	case []any:
		for _, x := range v {
			dropEmpty(x)
		}
	}
}

// mutated changes seeds at random places and judges what comes out.
func mutated(t *testing.T, seeds map[string]any, judge func(fataler, []byte)) {
	var names []string
	for name := range seeds {
		names = append(names, name)
	}
	slices.Sort(names)
	rapid.Check(t, func(t *rapid.T) {
		for range rounds {
			mutant(t, names, seeds, judge)
		}
	})
}

// rounds is how many mutants are judged in each of rapid's checks.
const rounds = 20

func mutant(t *rapid.T, names []string, seeds map[string]any, judge func(fataler, []byte)) {
	raw, err := json.Marshal(seeds[rapid.SampledFrom(names).Draw(t, "seed")])
	var v any
	if err != nil || json.Unmarshal(raw, &v) != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	for range rapid.IntRange(1, 3).Draw(t, "changes") {
		v = mutate(t, v)
	}
	if raw, err = json.Marshal(v); err != nil {
		t.Fatalf("%v", err)
	}
	judge(t, raw)
}

var spare = []any{nil, true, 0.0, 1.0, -1.0, 1.5, 486.0, 1e6, "", "1", "x", "20s", "3h", "100ms", "9h", "a b", "{digits}", "{digits}/x", "sip:a@b", "https://a.test/b",
	"tone:beep", "../x", "a\r\nb", "held", "all", "fn:x", "boss@acme.test", strings.Repeat("ä", 70), strings.Repeat("x", 5000), []any{}, map[string]any{},
	[]any{map[string]any{"verb": "hangup"}}, map[string]any{"verb": "say", "text": "x"}, map[string]any{"say": "x"}, map[string]any{"user": "1"},
	map[string]any{"user": "1", "sip": "sip:x@y"}, map[string]any{"env": "A"}, []any{"10.0.0.0/8"}, []any{"x", "y"}}

// spareValue is a copy: what is put into one document must not be changed through another.
func spareValue(t *rapid.T, label string) (out any) {
	raw, err := json.Marshal(rapid.SampledFrom(spare).Draw(t, label))
	if err != nil || json.Unmarshal(raw, &out) != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	return out
}

var spareKeys = []string{"verb", "text", "to", "on", "do", "user", "number", "sip", "for", "say", "vars", "id", "x", "X-A", "Via", "1", "no_input", "busy", "", "password", "allow"}

// mutate changes one place of v.
func mutate(t *rapid.T, v any) any {
	switch v := v.(type) {
	case map[string]any:
		return mutateMap(t, v)
	case []any:
		if len(v) > 0 && rapid.IntRange(0, 5).Draw(t, "list") > 0 {
			i := rapid.IntRange(0, len(v)-1).Draw(t, "item")
			v[i] = mutate(t, v[i])
			return v
		}
		return append(v, spareValue(t, "more"))
	}
	return spareValue(t, "value")
}

func mutateMap(t *rapid.T, v map[string]any) any {
	keys := make([]string, 0, len(v))
	for k := range v {
		keys = append(keys, k)
	}
	what := rapid.IntRange(0, 9).Draw(t, "what")
	switch {
	case what == 0:
		return spareValue(t, "instead")
	case what == 1 || len(keys) == 0:
		v[rapid.SampledFrom(spareKeys).Draw(t, "new")] = spareValue(t, "value")
		return v
	}
	slices.Sort(keys)
	key := rapid.SampledFrom(keys).Draw(t, "key")
	if what == 2 {
		delete(v, key)
		return v
	}
	v[key] = mutate(t, v[key])
	return v
}

func BenchmarkStandardValidator(b *testing.B) {
	s := standard(b, "verb/definitions.json#/$defs/document")
	raw, err := fs.ReadFile(examples.Files, "documents/story.json")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
		if err != nil || s.Validate(v) != nil {
			b.Fatal(fmt.Sprint(err))
		}
	}
}
