package sim

import (
	"bytes"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/schemas"
)

// overheard is a core whose events are noted.
type overheard struct {
	call.Stepper
	note func(kind string, data any)
}

func (o overheard) Step(now time.Time, in call.Input) []call.Output {
	outs := o.Stepper.Step(now, in)
	for _, out := range outs {
		if p, ok := out.(call.Publish); ok {
			o.note(p.Type, p.Data)
		}
	}
	return outs
}

// eventSchemas compiles the schema of each type of event at its first use, by a validator that we did not write.
type eventSchemas struct {
	compiler *jsonschema.Compiler
	known    map[string]*jsonschema.Schema
}

func (s *eventSchemas) of(t *testing.T, kind string) *jsonschema.Schema {
	t.Helper()
	if strings.HasPrefix(kind, "custom.") {
		kind = "custom"
	}
	if s.known[kind] == nil {
		compiled, err := s.compiler.Compile("event/" + kind + ".json")
		if err != nil {
			t.Fatal(err)
		}
		s.known[kind] = compiled
	}
	return s.known[kind]
}

// inBinary loads schemas from the project's own files.
type inBinary struct{}

func (inBinary) Load(url string) (any, error) {
	at := strings.LastIndexByte(url[:strings.LastIndexByte(url, '/')], '/')
	raw, err := schemas.Files.ReadFile(url[at+1:]) // event/call.held.json
	if err != nil {
		return nil, err
	}
	return jsonschema.UnmarshalJSON(bytes.NewReader(raw))
}

func TestEveryEventFitsItsSchema(t *testing.T) {
	var mu sync.Mutex
	events := map[string][][]byte{}
	run(t, Options{Seed: 3, Calls: 150, Faults: Rough, Core: func(c call.Stepper) call.Stepper {
		return overheard{c, func(kind string, data any) {
			raw, err := json.Marshal(data)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			events[kind] = append(events[kind], raw)
		}}
	}})
	s := &eventSchemas{compiler: jsonschema.NewCompiler(), known: map[string]*jsonschema.Schema{}}
	s.compiler.UseLoader(inBinary{})
	for kind, list := range events {
		for _, raw := range list {
			v, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
			if err == nil {
				err = s.of(t, kind).Validate(v)
			}
			if err != nil {
				t.Fatalf("%s: %v\n%s", kind, err, raw)
			}
		}
	}
	if len(events) < 18 {
		t.Errorf("only %d types of event came up", len(events))
	}
}
