package api_test

import (
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/offhook/offhook/edge/api"
	"github.com/offhook/offhook/edge/sound"
	"github.com/offhook/offhook/schemas"
	"github.com/offhook/offhook/schemas/config"
)

func TestAParameterThatIsNotUnderstoodIsNamed(t *testing.T) {
	h := withAudio(t)
	for line, want := range map[string]string{
		"GET /v1/events/recent?limit=x":         `bad_limit: limit is a number from 1 to 500, not "x"`,
		"GET /v1/events/recent?limit=-1":        `bad_limit: limit is a number from 1 to 500, not "-1"`,
		"GET /v1/events/recent?limit=501":       "bad_limit",
		"GET /v1/events/recent?limt=5":          `unknown_parameter: /v1/events/recent takes no parameter "limt"; did you mean limit?`,
		"GET /v1/events/recent?since=notatime":  `unknown_parameter: /v1/events/recent takes no parameter "since"; there are call, limit, type`,
		"GET /v1/events/recent?limit=1&limit=2": "repeated_parameter: limit is given more than once",
		"GET /v1/events?type=a&typ=b":           `did you mean type?`,
		"GET /v1/calls?limit=5":                 `unknown_parameter: /v1/calls takes no parameter "limit", nor any other`,
		"GET /v1/calls?%zz":                     "bad_query",
		"GET /v1/audio?tenants=acme":            "did you mean tenant?",
	} {
		got := ask(h, line, "all", "")
		var p struct{ Code, Detail string }
		got.json(t, &p)
		if said := p.Code + ": " + p.Detail; got.code != http.StatusBadRequest || got.problem(t) == "" || !strings.Contains(said, want) {
			t.Errorf("%s: %d %s, want %s", line, got.code, said, want)
		}
	}
	if got := ask(h, "GET /v1/calls?limit=5", "", ""); got.code != http.StatusUnauthorized {
		t.Errorf("without a key: %d %s", got.code, got.body)
	}
}

func TestLimitGivesTheNewest(t *testing.T) {
	w := newWorld()
	for i := range 5 {
		_ = w.feed.Take(ev("call_a", i+1, "call.held", "acme"))
	}
	got := ask(w.handler(false), "GET /v1/events/recent?limit=2", "acme", "")
	if strings.Contains(got.body, "call_a-3") || !strings.Contains(got.body, "call_a-4") || !strings.Contains(got.body, "call_a-5") {
		t.Error(got.body)
	}
}

func withAudio(t *testing.T) http.Handler {
	w := newWorld()
	sounds := sound.New(sound.Config{Folder: func(string) string { return t.TempDir() }})
	return api.New(api.Config{Calls: w, Log: w, Recent: w.feed.Recent, Tenants: func() *config.Config { return w.config }, Audio: sounds})
}

// operation is a method of a path, as the description of the interface has it.
type operation struct {
	line       string
	parameters []string
}

func TestTheDescriptionHasEachParameterOfAQuery(t *testing.T) {
	h := withAudio(t)
	for _, op := range operations(t) {
		want := "nor any other"
		if slices.Sort(op.parameters); len(op.parameters) > 0 {
			want = "there are " + strings.Join(op.parameters, ", ")
		}
		if got := ask(h, op.line+"?no_such_parameter=x", "all", ""); !strings.Contains(got.body, want) {
			t.Errorf("%s is described with %v: %s", op.line, op.parameters, got.body)
		}
	}
}

// operations are those of the edge that ask for a key.
func operations(t *testing.T) (all []operation) {
	raw, err := fs.ReadFile(schemas.Files, "openapi.yaml")
	var doc struct {
		Paths map[string]map[string]any
	}
	if err == nil {
		err = yaml.Unmarshal(raw, &doc)
	}
	if err != nil {
		t.Fatal(err)
	}
	for path, item := range doc.Paths {
		for _, method := range []string{"get", "post", "put", "delete"} {
			op, ok := item[method].(map[string]any)
			if ok && strings.HasPrefix(path, "/v1/") && !strings.HasPrefix(path, "/v1/schemas/") {
				own, _ := op["parameters"].([]any)
				shared, _ := item["parameters"].([]any)
				all = append(all, operation{strings.ToUpper(method) + " " + strings.ReplaceAll(path, "{", ""), queried(slices.Concat(own, shared))})
			}
		}
	}
	if len(all) < 15 {
		t.Fatalf("%d operations", len(all))
	}
	for i := range all {
		all[i].line = strings.ReplaceAll(all[i].line, "}", "")
	}
	return all
}

func queried(parameters []any) (names []string) {
	for _, p := range parameters {
		switch text := fmt.Sprint(p); {
		case strings.Contains(text, "in:query"):
			names = append(names, p.(map[string]any)["name"].(string))
		case strings.Contains(text, "#/components/parameters/tenant"):
			names = append(names, "tenant")
		}
	}
	return names
}
