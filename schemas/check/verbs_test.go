package check_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/offhook/offhook/schemas"
	"github.com/offhook/offhook/schemas/check"
	"github.com/offhook/offhook/schemas/event"
	"github.com/offhook/offhook/schemas/rule"
	"github.com/offhook/offhook/schemas/verb"
)

const badVerbs = "testdata/verbs.txt"

// TestWhatAVerbSaysOfWrongInput holds the table of wrong verbs and the messages that they give, word by word.
func TestWhatAVerbSaysOfWrongInput(t *testing.T) {
	want, err := os.ReadFile(badVerbs)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for line := range strings.Lines(string(want)) {
		if strings.HasPrefix(line, "    ") {
			continue
		}
		b.WriteString(line)
		if !strings.HasPrefix(line, "{") {
			continue
		}
		_, faults := check.Document([]byte("["+line+"]"), nil)
		if len(faults) == 0 {
			t.Errorf("nothing is wrong with %s", line)
		}
		for _, f := range faults {
			b.WriteString("    " + told(f) + "\n")
		}
	}
	switch got := b.String(); {
	case *rewrite:
		if err := os.WriteFile(badVerbs, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	case got != string(want):
		t.Errorf("%s; -rewrite accepts it", firstOther(got, string(want)))
	}
}

func told(f event.Fault) string {
	text := fmt.Sprintf("%s %s: expected %s, found %s", f.Code, f.Pointer, f.Expected, f.Found)
	if f.Hint != "" {
		text += " (" + f.Hint + ")"
	}
	return text
}

func firstOther(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return fmt.Sprintf("line %d:\n got %s\nwant %s", i+1, g[i], w[i])
		}
	}
	return "one has more lines"
}

// TestEveryPropertyIsWrongOnce wants a message of the table for each property of each verb.
func TestEveryPropertyIsWrongOnce(t *testing.T) {
	table, err := os.ReadFile(badVerbs)
	if err != nil {
		t.Fatal(err)
	}
	of := map[string]string{}
	for _, section := range strings.Split(string(table), "\n## ")[1:] {
		name, rest, _ := strings.Cut(section, "\n")
		of[name] = rest
	}
	set := rule.NewSet(schemas.Files)
	for _, name := range verb.All {
		r, err := set.Load("verb/" + name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range r.Object.Properties {
			if at := " /0/" + p.Name; p.Name != "verb" && !strings.Contains(of[name], at+":") && !strings.Contains(of[name], at+"/") {
				t.Errorf("%s: nothing is said of a wrong %s", name, p.Name)
			}
		}
	}
}
