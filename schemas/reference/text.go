package reference

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/offhook/offhook/schemas"
	"github.com/offhook/offhook/schemas/rule"
	"github.com/offhook/offhook/schemas/tree"
)

// width is the length of lines.
const width = 100

// printer collects a page.
type printer struct{ bytes.Buffer }

func (p *printer) line(format string, args ...any) {
	text := strings.TrimRight(fmt.Sprintf(format, args...), " ")
	p.WriteString(text + "\n")
}

func overview(w io.Writer, list []Verb) error {
	var p printer
	p.line("VERBS   a document is a JSON list of them, run one after another\n")
	listed(&p, list)
	p.line("All about one: offhook verbs NAME. Any verb may carry \"id\"; {name} in a string is filled from the call's")
	p.line("variables when the verb runs, {{ and }} are braces. * is required.\n")
	if err := shared(&p); err != nil {
		return err
	}
	_, err := w.Write(p.Bytes())
	return err
}

// listed prints the verbs by their groups.
func listed(p *printer, list []Verb) {
	wide, title := 0, 0
	for _, v := range list {
		wide, title = max(wide, len(v.Verb)), max(title, len(v.Title))
	}
	room := width - wide - title - 6
	for i, v := range list {
		if i == 0 || v.Group != list[i-1].Group {
			p.line("%s", strings.ToUpper(v.Group))
		}
		lines := split(names(v), room)
		p.line("  %-*s  %-*s  %s", wide, v.Verb, title, v.Title, at(lines, 0))
		for _, more := range lines[min(1, len(lines)):] {
			p.line("  %-*s  %-*s  %s", wide, "", title, "", more)
		}
		if i+1 == len(list) || v.Group != list[i+1].Group {
			p.line("")
		}
	}
}

func names(v Verb) string {
	var out []string
	for _, prop := range v.Properties {
		switch {
		case prop.Name == "id":
		case prop.Required:
			out = append(out, prop.Name+"*")
		default:
			out = append(out, prop.Name)
		}
	}
	return strings.Join(out, " ")
}

// shared explains the types that several verbs take.
func shared(p *printer) error {
	set := rule.NewSet(schemas.Files)
	for _, name := range []string{"do", "audio", "target", "duration", "event_name", "headers"} {
		r, err := set.Load("verb/definitions.json#/$defs/" + name)
		if err != nil {
			return err
		}
		p.line("%s", strings.ToUpper(r.Title()))
		wrap(p, "  ", r.Description())
		for _, e := range r.Doc.Examples {
			p.line("    %s", compact(e))
		}
	}
	return nil
}

func page(w io.Writer, v Verb) error {
	var p printer
	p.line("%s   %s\n", strings.ToUpper(v.Verb), v.Title)
	wrap(&p, "  ", v.Description)
	p.line("")
	table(&p, v.Properties)
	for _, prop := range v.Properties {
		if strings.HasPrefix(prop.Type, "target") {
			if err := targets(&p); err != nil {
				return err
			}
		}
	}
	p.line("EXAMPLES")
	for _, e := range v.Examples {
		p.line("%s", indented(e))
	}
	_, err := w.Write(p.Bytes())
	return err
}

func targets(p *printer) error {
	r, err := rule.NewSet(schemas.Files).Load("verb/definitions.json#/$defs/target")
	if err != nil {
		return err
	}
	p.line("TARGET   %s\n", r.Description())
	table(p, properties(r))
	return nil
}

// columns are the widths of name, type and default.
type columns struct{ name, kind, def int }

// widestType keeps one long type from pushing the descriptions off the page.
const widestType = 26

func table(p *printer, list []Property) {
	c := columns{len("property"), len("type"), len("default")}
	for _, prop := range list {
		c.name = max(c.name, len(prop.Name)+1)
		c.kind = max(c.kind, min(len(prop.Type), widestType))
		c.def = max(c.def, len(compact(prop.Default)))
	}
	p.line("  %-*s  %-*s  %-*s  %s", c.name, "property", c.kind, "type", c.def, "default", "")
	for _, prop := range list {
		c.row(p, prop)
	}
	p.line("")
}

func (c columns) row(p *printer, prop Property) {
	name := prop.Name
	if prop.Required {
		name += "*"
	}
	room := width - c.name - c.kind - c.def - 8
	kinds, texts := split(prop.Type, c.kind), split(prop.Description, room)
	for i := range max(len(kinds), len(texts)) {
		def := ""
		if i == 0 {
			def = compact(prop.Default)
		}
		p.line("  %-*s  %-*s  %-*s  %s", c.name, name, c.kind, at(kinds, i), c.def, def, at(texts, i))
		name = ""
	}
}

func at(list []string, i int) string {
	if i < len(list) {
		return list[i]
	}
	return ""
}

func wrap(p *printer, indent, text string) {
	for _, line := range split(text, width-len(indent)) {
		p.line("%s%s", indent, line)
	}
}

// split breaks a text into lines of at most room characters, between words.
func split(text string, room int) (out []string) {
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > room {
			out = append(out, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	if line != "" {
		out = append(out, line)
	}
	return out
}

func compact(raw json.RawMessage) string {
	var b bytes.Buffer
	if raw == nil || json.Compact(&b, raw) != nil {
		return ""
	}
	return b.String()
}

// indented prints an example with what fits on a line kept together.
func indented(raw json.RawMessage) string {
	var t tree.Tree
	if t.Parse(string(raw)) != nil {
		return "  " + string(raw)
	}
	return "  " + fitted(t.Root(), "  ", 0)
}

// fitted writes v behind `before` characters of its line, broken into lines where it is too long for one.
func fitted(v tree.Value, indent string, before int) string {
	one := compact(json.RawMessage(v.JSON()))
	if len(indent)+before+len(one) <= width || v.Kind() != tree.Array && v.Kind() != tree.Object {
		return spaced(one)
	}
	brackets := "[]"
	if v.Kind() == tree.Object {
		brackets = "{}"
	}
	var lines []string
	for c := v.First(); c.In(v); c = c.Next() {
		name := ""
		if v.Kind() == tree.Object {
			name = tree.Quote(c.Key()) + ": "
		}
		lines = append(lines, indent+"  "+name+fitted(c, indent+"  ", len(name)))
	}
	return brackets[:1] + "\n" + strings.Join(lines, ",\n") + "\n" + indent + brackets[1:]
}

// spaced puts a space behind commas and colons outside of strings.
func spaced(compact string) string {
	var b strings.Builder
	quoted := false
	for i := range len(compact) {
		c := compact[i]
		b.WriteByte(c)
		if c == '"' && (i == 0 || compact[i-1] != '\\') {
			quoted = !quoted
		}
		if !quoted && (c == ',' || c == ':') {
			b.WriteByte(' ')
		}
	}
	return b.String()
}
