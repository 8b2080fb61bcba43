package main

import (
	"fmt"
	"strings"

	"github.com/offhook/offhook/schemas/rule"
)

// types writes a package's structs.
func types(set *rule.Set, pkg string, s source) ([]byte, error) {
	rules, err := s.rules(set)
	if err != nil {
		return nil, err
	}
	c := newCode(pkg, s.imports...)
	for _, r := range rules {
		if r.Object == nil || r.Go.Name == "" {
			continue
		}
		if err := structType(c, pkg, r); err != nil {
			return nil, err
		}
	}
	return c.formatted()
}

func structType(c *code, pkg string, r *rule.Rule) error {
	comment(c, "", structDoc(pkg, r))
	c.line("type %s struct {", r.Go.Name)
	embedded := r.Go.Embed
	if embedded != nil {
		c.line("\t%s", embedded.Go.Name)
	}
	for _, p := range fields(r) {
		if embedded != nil {
			if in, _ := embedded.Object.Find(p.Name); in != nil {
				continue
			}
		}
		t, err := goType(pkg, p.Rule)
		if err != nil {
			return err
		}
		tag := p.Name
		if !p.Required && !p.Rule.Go.Always {
			tag += ",omitempty"
		}
		comment(c, "\t", fieldDoc(&p))
		c.line("\t%s %s `json:%q`", fieldName(&p), t, tag)
	}
	c.line("}\n")
	return nil
}

// fields are the properties that become fields: a verb's tag does not.
func fields(r *rule.Rule) []rule.Property {
	list := r.Object.Properties
	if len(list) > 0 && list[0].Name == "verb" && len(list[0].Rule.Enum) == 1 {
		return list[1:]
	}
	return list
}

func structDoc(pkg string, r *rule.Rule) string {
	if pkg == "verb" && !strings.Contains(r.Path, "#") {
		return fmt.Sprintf("%s is the verb %q: %s", r.Go.Name, r.Name(), r.Description())
	}
	return fmt.Sprintf("%s is the JSON object %q: %s", r.Go.Name, r.Title(), r.Description())
}

func fieldDoc(p *rule.Property) string {
	doc := p.Rule.Description()
	if d := p.Rule.Default(); d != nil && string(d) != "false" {
		doc += fmt.Sprintf(" Default %s.", d)
	}
	return doc
}

const commentWidth = 110

func comment(c *code, indent, text string) {
	line := indent + "//"
	for _, word := range strings.Fields(text) {
		if len(line)+1+len(word) > commentWidth {
			c.line("%s", line)
			line = indent + "//"
		}
		line += " " + word
	}
	c.line("%s", line)
}

var initialisms = map[string]string{"id": "ID", "ms": "MS", "url": "URL", "api": "API"}

// fieldName is x-go-name or the property's words put together: ring_for is RingFor.
func fieldName(p *rule.Property) string {
	if p.Rule.Go.Name != "" {
		return p.Rule.Go.Name
	}
	var b strings.Builder
	for _, word := range strings.Split(p.Name, "_") {
		if short, ok := initialisms[word]; ok {
			b.WriteString(short)
			continue
		}
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return b.String()
}

// goType is the type of a field of package pkg that holds what r describes.
func goType(pkg string, r *rule.Rule) (string, error) {
	t, err := plainType(pkg, r)
	if r.Go.Pointer {
		t = "*" + t
	}
	return t, err
}

func plainType(pkg string, r *rule.Rule) (string, error) {
	for at := r; at != nil; at = at.Ref {
		if at.Go.Type != "" {
			return qualified(pkg, at, at.Go.Type), nil
		}
	}
	end := r.Resolve()
	if end.Object != nil && end.Go.Name != "" && end != r {
		return qualified(pkg, end, end.Go.Name), nil
	}
	return builtinType(pkg, end)
}

// qualified puts the package before a type that another folder's schema names.
func qualified(pkg string, r *rule.Rule, name string) string {
	folder, _, _ := strings.Cut(r.Path, "/")
	if folder == pkg || strings.Contains(name, ".") || name[0] < 'A' || name[0] > 'Z' {
		return name
	}
	return folder + "." + name
}

func builtinType(pkg string, r *rule.Rule) (string, error) {
	switch {
	case r.Text != nil && r.Text.Format == "date-time":
		return "time.Time", nil
	case r.Text != nil || r.Enum != nil:
		return "string", nil
	case r.Number != nil && r.Number.Integer:
		return "int", nil
	case r.Number != nil:
		return "float64", nil
	case r.Bool:
		return "bool", nil
	case r.Any:
		return "any", nil
	case r.List != nil:
		t, err := goType(pkg, r.List.Items)
		return "[]" + t, err
	case r.Object != nil && r.Object.Values != nil:
		t, err := goType(pkg, r.Object.Values)
		return "map[string]" + t, err
	}
	return "", fmt.Errorf("%s: no Go type for this, give x-go-type", r.Path)
}
