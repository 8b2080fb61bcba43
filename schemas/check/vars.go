package check

import (
	"errors"
	"slices"
	"strings"

	"github.com/offhook/offhook/schemas/template"
	"github.com/offhook/offhook/schemas/tree"
)

// Always are the variables that every call has; result.NAME is there too.
var Always = []string{"caller_number", "caller_name", "called_number", "agent_number", "agent_name", "call_id", "tenant", "digits",
	"queue_position", "queue_size", "queue_wait"}

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
	case dotted && (root == "result" || root == "event" && c.inOn > 0):
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
		hint = "result has parts, such as {result.status}"
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
