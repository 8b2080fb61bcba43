package main

import (
	"fmt"
	"strings"

	"github.com/offhook/offhook/schemas/rule"
)

// encoders writes EncodeJSON for the structs of a package whose fields it knows how to write.
func encoders(set *rule.Set, pkg string, s source) ([]byte, error) {
	rules, err := s.rules(set)
	if err != nil {
		return nil, err
	}
	c := newCode(pkg, "github.com/offhook/offhook/schemas/encode")
	for _, r := range rules {
		if r.Object == nil || r.Go.Name == "" {
			continue
		}
		if err := encoder(c, pkg, r); err != nil {
			return nil, err
		}
	}
	return c.formatted()
}

func encoder(c *code, pkg string, r *rule.Rule) error {
	var lines []string
	for _, p := range inOrder(r) {
		t, err := goType(pkg, p.Rule)
		if err != nil {
			return err
		}
		name := "v." + fieldName(&p)
		write := writing(t, name)
		if write == "" && r.Go.Embed == nil {
			return nil // its fields need reflection, and nothing here is written so often
		}
		if write == "" {
			return fmt.Errorf("%s: no encoder for %s, and the embedded struct's would be taken", p.Rule.Path, t)
		}
		line := fmt.Sprintf("e.Key(`%q:`)\n%s", p.Name, write)
		if filled := notEmpty(t, name); filled != "" && !p.Required && !p.Rule.Go.Always {
			line = "if " + filled + " {\n" + line + "\n}"
		}
		lines = append(lines, line)
	}
	c.line("// EncodeJSON writes what json.Marshal gives.\nfunc (v *%s) EncodeJSON(e *encode.Encoder) {\ne.Open()\n%s\ne.Close()\n}\n", r.Go.Name, strings.Join(lines, "\n"))
	return nil
}

// inOrder are the fields as encoding/json writes them: those of the embedded struct first.
func inOrder(r *rule.Rule) []rule.Property {
	if r.Go.Embed == nil {
		return fields(r)
	}
	list := append([]rule.Property{}, fields(r.Go.Embed)...)
	for _, p := range fields(r) {
		if in, _ := r.Go.Embed.Object.Find(p.Name); in == nil {
			list = append(list, p)
		}
	}
	return list
}

var writers = map[string]string{
	"string": "e.String(%s)", "bool": "e.Bool(%s)", "int": "e.Int(int64(%s))", "int64": "e.Int(%s)", "uint64": "e.Uint(%s)",
	"float64": "e.Float(%s)", "time.Time": "e.Time(%s)", "any": "e.Any(%s)", "json.RawMessage": "e.Raw(%s)", "encode.Own": "e.Own(%s)",
	"[]string": "e.Strings(%s)", "map[string]string": "e.Texts(%s)", "map[string]any": "e.Vars(%s)",
}

// writing is the statement that writes a value of Go type t; empty: not known.
func writing(t, value string) string {
	if w := writers[t]; w != "" {
		return fmt.Sprintf(w, value)
	}
	if rest, ok := strings.CutPrefix(t, "*"); ok {
		return orNull(value, pointed(rest, value))
	}
	if rest, ok := strings.CutPrefix(t, "[]"); ok && isStruct(rest) {
		return fmt.Sprintf("encode.List(e, %s, func(x *%s) { x.EncodeJSON(e) })", value, rest)
	}
	if isStruct(t) {
		return value + ".EncodeJSON(e)"
	}
	return ""
}

func pointed(t, value string) string {
	if isStruct(t) {
		return value + ".EncodeJSON(e)"
	}
	return writing(t, "*"+value)
}

func orNull(value, write string) string {
	if write == "" {
		return ""
	}
	return "if " + value + " == nil {\ne.Null()\n} else {\n" + write + "\n}"
}

// isStruct: a generated struct of this package or of ask.
func isStruct(t string) bool {
	name := strings.TrimPrefix(t, "ask.")
	return name != "" && name[0] >= 'A' && name[0] <= 'Z' && !strings.Contains(name, ".")
}

// notEmpty is when omitempty writes a value; empty: always.
func notEmpty(t, value string) string {
	switch {
	case t == "string":
		return value + ` != ""`
	case t == "bool":
		return value
	case t == "int" || t == "int64" || t == "uint64" || t == "float64":
		return value + " != 0"
	case t == "any" || strings.HasPrefix(t, "*"):
		return value + " != nil"
	case t == "json.RawMessage" || t == "encode.Own" || strings.HasPrefix(t, "[]") || strings.HasPrefix(t, "map["):
		return "len(" + value + ") > 0"
	}
	return ""
}
