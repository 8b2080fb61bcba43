package check

import (
	"cmp"
	"errors"
	"reflect"
	"slices"
	"strings"

	"github.com/offhook/offhook/schemas/ask"
	"github.com/offhook/offhook/schemas/template"
	"github.com/offhook/offhook/schemas/tree"
)

// Always are the variables that every call has; result.NAME is there too.
var Always = []string{"caller_number", "caller_name", "called_number", "agent_number", "agent_name", "call_id", "tenant", "digits",
	"queue_position", "queue_size", "queue_wait"}

// resultParts are the properties of a result.
var resultParts = properties(reflect.TypeFor[ask.Result]())

func properties(t reflect.Type) (names []string) {
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		names = append(names, name)
	}
	return names
}

func resultNames() (names []string) {
	for _, p := range resultParts {
		names = append(names, "result."+p)
	}
	return names
}

// part is the second word of a name such as result.sip.code.
func part(name string) string {
	_, rest, _ := strings.Cut(name, ".")
	first, _, _ := strings.Cut(rest, ".")
	return first
}

// braces judges the placeholders of a string that is filled when its verb runs.
func (c *checker) braces(v tree.Value) {
	if c.depth == 0 || !template.HasBraces(v.Text()) {
		return
	}
	c.at = v
	_, err := template.Expand(v.Text(), c.names, template.AsIs)
	var brace *template.BraceError
	if errors.As(err, &brace) {
		c.fault(v, "bad_brace", `a variable such as "{caller_number}"`, "write {{ and }} for braces that are meant as such")
	}
}

// variable notes an unknown name; what it gives is thrown away.
func (c *checker) variable(name string) (string, bool) {
	root, _, dotted := strings.Cut(name, ".")
	switch {
	case dotted && (root == "result" && slices.Contains(resultParts, part(name)) || root == "event" && c.inOn > 0):
		return "", true
	case slices.Contains(Always, name) || slices.Contains(c.known, root) || slices.Contains(c.known, name):
		return "", true
	}
	c.unknownVariable(name, root)
	return "", true
}

func (c *checker) unknownVariable(name, root string) {
	hint := nearest(name, append(append([]string{}, Always...), c.known...))
	switch {
	case name == "event":
		hint = "event has parts, such as {event.by}"
	case root == "event":
		hint = "{event.…} is there in the document of an on verb"
	case root == "result":
		hint = cmp.Or(nearest(name, resultNames()), "result has parts, such as {result.status}")
	case hint == "":
		hint = "set it before, or give it in vars"
	}
	c.add(c.at, "unknown_variable", "a variable that is there", "{"+name+"}", hint)
}

// learnFrom takes in what a set verb sets.
func (c *checker) learnFrom(v tree.Value) {
	if vars, ok := v.Get("vars"); ok {
		c.learn(vars)
	}
}

// learn takes in the names of an object. known belongs to the caller, so it is not written to.
func (c *checker) learn(vars tree.Value) {
	if vars.Kind() != tree.Object {
		return
	}
	c.known = slices.Clip(c.known)
	for ch := vars.First(); ch.In(vars); ch = ch.Next() {
		c.known = append(c.known, ch.Key())
	}
}
