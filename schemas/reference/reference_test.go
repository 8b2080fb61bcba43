package reference_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/offhook/offhook/schemas/reference"
	"github.com/offhook/offhook/schemas/verb"
)

func verbs(t *testing.T, name string, asJSON bool) string {
	t.Helper()
	var b bytes.Buffer
	if err := reference.Verbs(&b, name, asJSON); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestTheCatalogueNamesEveryVerb(t *testing.T) {
	text := verbs(t, "", false)
	for _, name := range verb.All {
		if !strings.Contains(text, "\n  "+name+" ") {
			t.Errorf("%s is missing", name)
		}
	}
	if !strings.Contains(text, "tone:beep") || !strings.Contains(text, "to* ring") {
		t.Errorf("shared types or properties are missing:\n%s", text)
	}
}

func TestAVerbsPageTellsPropertiesDefaultsAndExamples(t *testing.T) {
	for _, name := range verb.All {
		text := verbs(t, name, false)
		for line := range strings.Lines(text) {
			if utf8.RuneCountInString(line) > 131 || strings.HasSuffix(line, " \n") {
				t.Errorf("%s: %d characters: %s", name, len(line), line)
			}
		}
		if !strings.Contains(text, `"verb"`) {
			t.Errorf("%s has no example", name)
		}
	}
	dial := verbs(t, "dial", false)
	for _, want := range []string{"DIAL   Call somebody", "  to*  ", `"30s"`, "all, in_order", "TARGET", "gateway", "EXAMPLES\n"} {
		if !strings.Contains(dial, want) {
			t.Errorf("no %q in\n%s", want, dial)
		}
	}
}

func TestTheCatalogueIsThereForPrograms(t *testing.T) {
	var list []reference.Verb
	if err := json.Unmarshal([]byte(verbs(t, "", true)), &list); err != nil || len(list) != len(verb.All) {
		t.Fatalf("%d verbs, %v", len(list), err)
	}
	var one reference.Verb
	if err := json.Unmarshal([]byte(verbs(t, "reject", true)), &one); err != nil {
		t.Fatal(err)
	}
	status := one.Properties[1]
	if status.Name != "status" || string(status.Default) != "486" || status.Type != "whole number 400-699" || status.Required {
		t.Errorf("%+v", status)
	}
}

func TestAnUnknownVerbNamesTheNearest(t *testing.T) {
	for name, want := range map[string]string{"dail": "did you mean dial?", "dance": "verbs are answer, reject"} {
		err := reference.Verbs(&bytes.Buffer{}, name, false)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheVerbsStandInGroups(t *testing.T) {
	list, err := reference.List()
	if err != nil {
		t.Fatal(err)
	}
	left := map[string]bool{}
	for i, v := range list {
		switch {
		case v.Group == "":
			t.Errorf("%s stands in no group", v.Verb)
		case i > 0 && v.Group != list[i-1].Group:
			left[list[i-1].Group] = true
		}
		if left[v.Group] {
			t.Errorf("%s stands apart from its group, %s", v.Verb, v.Group)
		}
	}
	if text := verbs(t, "", false); !strings.Contains(text, "\nIN A CONVERSATION\n  hold ") {
		t.Errorf("no heading in\n%s", text)
	}
}
