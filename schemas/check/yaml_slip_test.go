package check_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/offhook/offhook/schemas/check"
)

func TestSlipsInYAMLAreToldInPlainWords(t *testing.T) {
	for _, tt := range []struct{ name, below, want string }{ // below: what stands under tenants and demo
		{"tab", "\tanswer: x", `3 bad_yaml: spaces at the beginning of a line, not a tab`},
		{"no colon", "    answer hunter2\n    users: {}", `3 bad_yaml: a name, a colon and a space, such as "name: value", not "answer" without a colon`},
		{"no colon behind a quoted name", "    users:\n      \"101\" {password: hunter2}", `4 bad_yaml: a name, a colon and a space, such as "name: value", not "101" without a colon`},
		{"no space behind the colon", "    answer:hunter2\n    users: {}", `3 bad_yaml: a name, a colon and a space, such as "name: value", not "answer" and a colon without a space behind it`},
		{"too deep", "    answer: hunter2\n      users: {}", `4 bad_yaml: the indentation of a line above: 0 or 2 or 4 spaces, not "users" behind 6`},
		{"between", "    answer: hunter2\n   users: {}", `4 bad_yaml: the indentation of a line above: 0 or 2 or 4 spaces, not "users" behind 3`},
		{"beside the dash", "    fallback:\n      - verb: say\n      text: x", `5 bad_yaml: the indentation of a line above: 0 or 2 or 4 or 8 spaces, not "text" behind 6`},
		{"twice", "    answer: a\n    # and\n    answer: b", `5 repeated_property: each property once, not "answer" again (it is already in line 3`},
		{"twice in a line", "    users: {}\n    asks: {secret: hunter2, secret: b}", `4 repeated_property: each property once, not "secret" again (it is already in line 4`},
		{"double quote open", "    answer: \"hunter2\n    users: {}", `3 bad_yaml: a closing ", not none to the end of the text`},
		{"single quote open", "    answer: 'hunter2\n    users: {}", `3 bad_yaml: a closing ', not none to the end of the text`},
		{"brace open", "    users: {\"101\": {password: hunter2}\n    answer: x", `4 bad_yaml: "," or a closing "}", not neither`},
		{"bracket open", "    codecs: [pcma\n    answer: x", `4 bad_yaml: "," or a closing "]", not neither`},
		{"two colons", "    answer: hunter2: b", `3 bad_yaml: one value behind the colon, not a second colon (a value with ": " in it stands in quotes)`},
		{"star", "    codes: {pickup: *8}", `3 bad_yaml: the name of an anchor above, not *8 (a value that begins with * stands in quotes)`},
		{"at", "    answer: @hunter2", `3 bad_yaml: a value, not @ (a value that begins with @ stands in quotes)`},
		{"escape", "    answer: \"a\\d\"", `3 bad_yaml: an escape such as \n or \"`},
		{"dash", "    users:\n      \"101\": {password: x}\n    answer: x\n  - x", `6 bad_yaml: a property, as the lines above, not an entry of a list (-)`},
		{"behind a quote", "    answer: \"a\" hunter2", `3 bad_yaml: nothing behind a value, not something more`},
	} {
		for _, end := range []string{"\n", "\r\n"} {
			_, faults := check.Config([]byte(strings.ReplaceAll("tenants:\n  demo:\n"+tt.below+"\n", "\n", end)), "x.yaml")
			if len(faults) != 1 {
				t.Fatalf("%s: %+v", tt.name, faults)
			}
			f := faults[0]
			if got := fmt.Sprintf("%d %s: %s, not %s (%s)", f.Line, f.Code, f.Expected, f.Found, f.Hint); !strings.HasPrefix(got, tt.want) {
				t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
			} else if strings.Contains(got, "hunter2") {
				t.Errorf("%s shows a value: %s", tt.name, got)
			}
		}
	}
}

// Whatever the text, a fault has a line of it, and nothing panics.
func FuzzConfigurationText(f *testing.F) {
	for _, text := range []string{"a: b\n c: d", "\"", "- - a\n  b", "a: {", "\t", "x\n\n\n  y: z: w", "a:b\n\n#\nc: d"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		_, faults := check.Config([]byte(text), "x.yaml")
		for _, fault := range faults {
			if fault.Line < 1 || fault.Expected == "" || fault.Code == "" {
				t.Errorf("%+v", fault)
			}
		}
	})
}
