// Package reference prints the catalogue of verbs from the schemas. It knows nothing that the schemas do not say.
package reference

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/offhook/offhook/schemas"
	"github.com/offhook/offhook/schemas/format"
	"github.com/offhook/offhook/schemas/rule"
	"github.com/offhook/offhook/schemas/words"
)

// Verb is one verb of the catalogue.
type Verb struct {
	Verb        string            `json:"verb"`
	Title       string            `json:"title"`
	Group       string            `json:"group"`
	Description string            `json:"description"`
	Properties  []Property        `json:"properties"`
	Examples    []json.RawMessage `json:"examples"`
}

// Property is one property of a verb, or of an object that its properties hold.
type Property struct {
	Name        string          `json:"name"`
	Type        string          `json:"type"`
	Required    bool            `json:"required"`
	Default     json.RawMessage `json:"default,omitempty"`
	Description string          `json:"description"`
}

// List gives the catalogue in the order of the schemas.
func List() ([]Verb, error) {
	all, err := rule.NewSet(schemas.Files).Load("verb/definitions.json#/$defs/verb")
	if err != nil {
		return nil, err
	}
	var out []Verb
	for _, name := range all.Tag.Names {
		r := all.Tag.Cases[name].Resolve()
		out = append(out, Verb{name, r.Title(), r.Doc.Group, r.Description(), properties(r), r.Doc.Examples})
	}
	return out, nil
}

func properties(r *rule.Rule) []Property {
	var out []Property
	for _, p := range r.Object.Properties {
		if len(p.Rule.Enum) != 1 {
			out = append(out, Property{p.Name, TypeOf(p.Rule), p.Required, p.Rule.Default(), p.Rule.Description()})
		}
	}
	return out
}

// TypeOf says in a few words what a rule takes.
func TypeOf(r *rule.Rule) string {
	end := r.Resolve()
	switch {
	case end.Enum != nil:
		return strings.Join(end.Enum, ", ")
	case end.Number != nil && end.Number.Integer:
		return "whole number" + bounds(end.Number)
	case end.Number != nil:
		return "number" + bounds(end.Number)
	case end.Bool:
		return "true, false"
	case end.Object != nil && end.Object.Values != nil && r.Title() == "":
		return "object"
	case end.List != nil && r.Title() == "":
		return "list of " + TypeOf(end.List.Items) + "s"
	case r.Title() != "":
		return r.Title()
	case end.Text != nil && strings.HasPrefix(format.Expected(end.Text.Format), "text"):
		return "text"
	}
	return "string"
}

func bounds(n *rule.Number) string {
	if n.Min == nil || n.Max == nil {
		return ""
	}
	return fmt.Sprintf(" %g-%g", *n.Min, *n.Max)
}

// Verbs prints the catalogue: the list of verbs, or all about the one that is named. An unknown name is an error that
// names the nearest one.
func Verbs(w io.Writer, name string, asJSON bool) error {
	list, err := List()
	if err != nil {
		return err
	}
	if name != "" {
		return one(w, list, name, asJSON)
	}
	if asJSON {
		return printJSON(w, list)
	}
	return overview(w, list)
}

func one(w io.Writer, list []Verb, name string, asJSON bool) error {
	var names []string
	for _, v := range list {
		if v.Verb != name {
			names = append(names, v.Verb)
			continue
		}
		if asJSON {
			return printJSON(w, v)
		}
		return page(w, v)
	}
	if near := words.DidYouMean(name, names); near != "" {
		return fmt.Errorf("there is no verb %q: %s", name, near)
	}
	return fmt.Errorf("there is no verb %q; verbs are %s", name, strings.Join(names, ", "))
}

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
