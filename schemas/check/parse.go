package check

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/offhook/offhook/schemas/event"
	"github.com/offhook/offhook/schemas/tree"
)

// parse reads raw into t; false when it is too large or no JSON.
func (c *checker) parse(t *tree.Tree, raw []byte) bool {
	if len(raw) > MaxBytes {
		c.faults = append(c.faults, event.Fault{Code: "too_large", Line: 1, Expected: fmt.Sprintf("at most %d bytes", MaxBytes), Found: fmt.Sprintf("%d bytes", len(raw))})
		return false
	}
	if err := t.Parse(string(raw)); err != nil {
		c.syntax(err, raw)
		return false
	}
	c.repeated(t)
	return true
}

func (c *checker) syntax(err error, raw []byte) {
	var at *tree.SyntaxError
	if !errors.As(err, &at) {
		at = &tree.SyntaxError{Line: 1, Expected: "JSON", Found: err.Error()}
	}
	code := "bad_json"
	if at.TooDeep {
		code = "too_deep"
	}
	c.faults = append(c.faults, event.Fault{Code: code, Pointer: at.Pointer, Line: at.Line, Expected: at.Expected, Found: at.Found, Hint: syntaxHint(raw, at)})
}

// syntaxHint knows what is usually sent instead of JSON.
func syntaxHint(raw []byte, at *tree.SyntaxError) string {
	start := strings.TrimSpace(string(raw[:min(len(raw), 64)]))
	switch {
	case start == "":
		return "the text is empty"
	case start[0] == '<':
		return "this is HTML or XML; a document is a JSON list of verbs"
	case strings.HasPrefix(start, "\ufeff"):
		return "save the text without a byte order mark"
	case strings.HasPrefix(at.Found, "'"):
		return "JSON has double quotes"
	case (at.Found == "]" || at.Found == "}") && (at.Expected == "a value" || strings.HasPrefix(at.Expected, "a property")):
		return "no comma behind the last entry"
	case strings.HasPrefix(at.Found, "//") || strings.HasPrefix(at.Found, "/*") || strings.HasPrefix(at.Found, "#"):
		return "JSON has no comments"
	}
	return ""
}

func (c *checker) repeated(t *tree.Tree) {
	for _, v := range t.Repeated() {
		c.add(v, "repeated_property", "each property once", strconv.Quote(clip(v.Key()))+" again", "take one of them out")
	}
}
