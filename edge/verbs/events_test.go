package verbs_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/edge/call/calltest"
	"github.com/offhook/offhook/schemas"
)

// schemaFiles loads schemas from the project's own files, for a validator that we did not write.
type schemaFiles struct{}

func (schemaFiles) Load(url string) (any, error) {
	at := strings.LastIndexByte(url[:strings.LastIndexByte(url, '/')], '/')
	raw, err := schemas.Files.ReadFile(url[at+1:]) // event/call.held.json
	if err != nil {
		return nil, err
	}
	return jsonschema.UnmarshalJSON(bytes.NewReader(raw))
}

// TestEventsOfCallsThatMeetFitTheirSchemas also has every output go through JSON.
func TestEventsOfCallsThatMeetFitTheirSchemas(t *testing.T) {
	compiler, seen := jsonschema.NewCompiler(), map[string]bool{}
	compiler.UseLoader(schemaFiles{})
	for seed := range uint64(300) {
		tw := town(t, meetings[seed%uint64(len(meetings))])
		for step := range 50 {
			next := tw.Next()
			if len(next) == 0 {
				break
			}
			must(t, tw, tw.Do(next[calltest.Pick(seed, step, len(next))]))
			for _, out := range tw.Outs() {
				fits(t, compiler, seen, out.Output)
			}
		}
	}
	for _, typ := range []string{"call.parked", "call.unparked", "call.supervised", "queue.joined", "queue.left", "conference.joined", "conference.left"} {
		if !seen[typ] {
			t.Errorf("%s never came", typ)
		}
	}
}

func fits(t *testing.T, compiler *jsonschema.Compiler, seen map[string]bool, out call.Output) {
	raw, err := call.MarshalOutput(out)
	if err == nil {
		_, err = call.UnmarshalOutput(raw)
	}
	if err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	p, ok := out.(call.Publish)
	if !ok {
		return
	}
	seen[p.Type] = true
	raw, err = json.Marshal(p.Data)
	if err != nil {
		t.Fatal(err)
	}
	file := p.Type
	if strings.HasPrefix(file, "custom.") {
		file = "custom"
	}
	schema, err := compiler.Compile("event/" + file + ".json")
	if err != nil {
		t.Fatal(err)
	}
	data, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err == nil {
		err = schema.Validate(data)
	}
	if err != nil {
		t.Fatalf("%s: %v\n%s", p.Type, err, raw)
	}
}
