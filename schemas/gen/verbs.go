package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/offhook/offhook/schemas/rule"
)

// methods writes what every verb needs beside its struct: names, JSON, reading from a tree, and filling.
func methods(set *rule.Set, verbs *rule.Tag) ([]byte, error) {
	target, err := set.Load("verb/definitions.json#/$defs/target")
	if err != nil {
		return nil, err
	}
	c := newCode("verb", "encoding/json", "github.com/offhook/offhook/schemas/tree")
	byName(c, verbs)
	for _, name := range verbs.Names {
		r := verbs.Cases[name].Resolve()
		verbMethods(c, name, r.Go.Name)
		if err := helpers(c, r, "*"+r.Go.Name, "Verb", "&"); err != nil {
			return nil, err
		}
	}
	if err := helpers(c, target, "Target", "Target", ""); err != nil {
		return nil, err
	}
	return c.formatted()
}

func byName(c *code, verbs *rule.Tag) {
	c.line("// New gives an empty verb by its name, nil for an unknown one.\nfunc New(name string) Verb {\n\tswitch name {")
	for _, name := range verbs.Names {
		c.line("\tcase %q:\n\t\treturn new(%s)", name, verbs.Cases[name].Resolve().Go.Name)
	}
	c.line("\t}\n\treturn nil\n}\n")
	c.line("func (d *decoder) verbNamed(name string, v tree.Value) Verb {\n\tswitch name {")
	for _, name := range verbs.Names {
		c.line("\tcase %q:\n\t\treturn d.verb%s(v)", name, verbs.Cases[name].Resolve().Go.Name)
	}
	c.line("\t}\n\treturn nil\n}\n")
	c.line("// All are the names of the verbs, in the order of the reference.\nvar All = []string{")
	for _, name := range verbs.Names {
		c.line("\t%q,", name)
	}
	c.line("}\n")
}

func verbMethods(c *code, name, t string) {
	c.line("// VerbName is %q.\nfunc (v *%s) VerbName() string { return %q }\n", name, t, name)
	c.line("// VerbID is the author's id.\nfunc (v *%s) VerbID() string { return v.ID }\n", t)
	c.line("// MarshalJSON puts \"verb\" first.\nfunc (v *%s) MarshalJSON() ([]byte, error) {\n\ttype plain %s\n\treturn json.Marshal(struct {\n\t\tVerb string `json:\"verb\"`\n\t\t*plain\n\t}{%q, (*plain)(v)})\n}\n", t, t, name)
}

// helpers writes how a struct is read from a tree and filled.
func helpers(c *code, r *rule.Rule, decoded, filled, address string) error {
	var reads, fills []string
	for _, p := range fields(r) {
		t, err := goType("verb", p.Rule)
		if err != nil {
			return err
		}
		m, ok := helperNames[t]
		if !ok {
			return fmt.Errorf("%s: the codec cannot read %s", p.Rule.Path, t)
		}
		field := fieldName(&p)
		reads = append(reads, fmt.Sprintf("\t\tcase %q:\n\t\t\tx.%s = d.%s(c)", p.Name, field, m.read))
		if fill := fillName(&p, m.fill); fill != "" {
			fills = append(fills, fmt.Sprintf("\tc.%s = f.%s(v.%s)", field, fill, field))
		}
	}
	name := r.Go.Name
	c.line("func (d *decoder) verb%s(v tree.Value) %s {\n\tvar x %s\n\tfor c := d.first(v); c.In(v); c = c.Next() {\n\t\tswitch c.Key() {", name, decoded, name)
	for _, line := range reads {
		c.line("%s", line)
	}
	c.line("\t\t}\n\t}\n\treturn %sx\n}\n", address)
	c.line("func (v *%s) fill(f *filler) %s {", name, filled)
	if shares := address != ""; shares && len(fills) == 0 {
		c.line("\treturn v\n}\n")
	} else if shares {
		c.line("\twas, c := f.changed, *v\n%s\n\tif f.changed == was {\n\t\treturn v\n\t}\n\tfilled := c\n\treturn &filled\n}\n", strings.Join(fills, "\n"))
	} else {
		c.line("\tc := *v\n%s\n\treturn c\n}\n", strings.Join(fills, "\n"))
	}
	return nil
}

// helper names the hand-written methods of decoder and filler for a Go type.
type helper struct{ read, fill string }

var helperNames = map[string]helper{
	"string":            {"str", "str"},
	"int":               {"int", ""},
	"bool":              {"bool", ""},
	"*bool":             {"boolPtr", ""},
	"Duration":          {"duration", ""},
	"Document":          {"document", ""},
	"[]Document":        {"documents", ""},
	"Do":                {"do", "do"},
	"*Do":               {"doPtr", "doPtr"},
	"map[string]Do":     {"doMap", "doMap"},
	"Audios":            {"audios", "audios"},
	"*Audio":            {"audioPtr", "audioPtr"},
	"Targets":           {"targets", "targets"},
	"Strings":           {"strs", "strs"},
	"map[string]string": {"strMap", "strMap"},
	"map[string]any":    {"anyMap", "anyMap"},
}

func fillName(p *rule.Property, name string) string {
	text := p.Rule.Resolve().Text
	switch {
	case name != "str":
		return name
	case !p.Rule.Filled():
		return ""
	case text.Format == "script" || text.Format == "ws_url":
		return "url"
	case text.Format == "html":
		return "html"
	case text.Format == "speech":
		return "speech"
	}
	return name
}

// defaults writes the defaults of numbers, strings and durations as constants.
func defaults(verbs *rule.Tag) ([]byte, error) {
	c := newCode("verb", "time")
	c.line("// Defaults of properties, from the schemas.\nconst (")
	for _, name := range verbs.Names {
		r := verbs.Cases[name].Resolve()
		for _, p := range fields(r) {
			value, err := constant(p.Rule)
			if err != nil {
				return nil, err
			}
			if value != "" {
				c.line("\tDefault%s%s = %s", r.Go.Name, fieldName(&p), value)
			}
		}
	}
	c.line(")")
	return c.formatted()
}

func constant(r *rule.Rule) (string, error) {
	raw := r.Default()
	if raw == nil || r.Resolve().Bool {
		return "", nil
	}
	if t, err := goType("verb", r); err != nil || t != "Duration" {
		return string(raw), err
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return "", fmt.Errorf("%s: default: %w", r.Path, err)
	}
	d, err := time.ParseDuration(text)
	return fmt.Sprintf("Duration(%d * time.Millisecond) // %s", d.Milliseconds(), d), err
}
