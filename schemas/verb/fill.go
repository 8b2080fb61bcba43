package verb

import (
	"fmt"
	"strings"

	"github.com/offhook/offhook/schemas/template"
)

// Lookup gives a variable's value as it is put into a string; false: there is no such variable.
type Lookup = template.Lookup

// UnknownVariableError says that a placeholder names no variable.
type UnknownVariableError = template.UnknownError

// BraceError says that a brace opens no placeholder: a single brace is written twice.
type BraceError = template.BraceError

// Fill gives a copy of v with every {name} in its strings replaced by its value: URLs, map values and any-typed data too.
// In URLs values are percent-encoded, except where the placeholder is the URL's beginning; in HTML they are escaped. Nested documents are shared
// with v and not filled, for they are filled when they run; nobody changes a document. The error is the first
// *UnknownVariableError or *BraceError.
func Fill(v Verb, lookup Lookup) (Verb, error) {
	f := filler{lookup: lookup}
	c := f.verb(v)
	return c, f.err
}

// FillString replaces every {name} in s; "{{" and "}}" are braces. Errors as Fill.
func FillString(s string, lookup Lookup) (string, error) {
	f := filler{lookup: lookup}
	return f.str(s), f.err
}

// Names lists the placeholders of v in the order met, each once; those of nested documents are not v's.
func Names(v Verb) []string {
	var n nameList
	f := filler{lookup: n.add}
	f.verb(v)
	return n
}

// StringNames lists the placeholders of s, each once. The error is a *BraceError.
func StringNames(s string) ([]string, error) {
	var n nameList
	f := filler{lookup: n.add}
	f.str(s)
	return n, f.err
}

type nameList []string

func (n *nameList) add(name string) (string, bool) {
	for _, have := range *n {
		if have == name {
			return "", true
		}
	}
	*n = append(*n, name)
	return "", true
}

// filler carries the lookup and the first error through a verb.
type filler struct {
	lookup Lookup
	err    error
}

// fillable is what every verb of this package is.
type fillable interface{ fill(f *filler) Verb }

func (f *filler) verb(v Verb) Verb {
	if known, ok := v.(fillable); ok {
		return known.fill(f)
	}
	f.fail(fmt.Errorf("%T is no verb of a document", v))
	return v
}

func (f *filler) fail(err error) {
	if f.err == nil {
		f.err = err
	}
}

func (f *filler) str(s string) string { return f.expand(s, template.AsIs) }

func (f *filler) url(s string) string { return f.expand(s, template.ForURL) }

func (f *filler) html(s string) string { return f.expand(s, template.ForHTML) }

func (f *filler) expand(s string, encode template.Encode) string {
	out, err := template.Expand(s, f.lookup, encode)
	if err != nil {
		f.fail(err)
	}
	return out
}

func (f *filler) strs(in Strings) Strings {
	if in == nil {
		return nil
	}
	out := make(Strings, len(in))
	for i, s := range in {
		out[i] = f.str(s)
	}
	return out
}

func (f *filler) strMap(in map[string]string) map[string]string {
	if in == nil {
		return nil
	}
	out := make(map[string]string, len(in))
	for k, s := range in {
		out[k] = f.str(s)
	}
	return out
}

func (f *filler) anyMap(in map[string]any) map[string]any {
	if in == nil {
		return nil
	}
	out := make(map[string]any, len(in))
	for k, v := range in {
		out[k] = f.any(v)
	}
	return out
}

func (f *filler) any(v any) any {
	switch v := v.(type) {
	case string:
		return f.str(v)
	case map[string]any:
		return f.anyMap(v)
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = f.any(item)
		}
		return out
	}
	return v
}

func (f *filler) do(d Do) Do { return Do{URL: f.url(d.URL), Document: d.Document} }

func (f *filler) doPtr(d *Do) *Do {
	if d == nil {
		return nil
	}
	c := f.do(*d)
	return &c
}

func (f *filler) doMap(in map[string]Do) map[string]Do {
	if in == nil {
		return nil
	}
	out := make(map[string]Do, len(in))
	for k, d := range in {
		out[k] = f.do(d)
	}
	return out
}

func (f *filler) audio(a Audio) Audio {
	if a.Say != nil {
		say := a.Say.fill(f).(*Say)
		return Audio{Say: say}
	}
	if strings.HasPrefix(a.Name, "http") {
		return Audio{Name: f.url(a.Name)}
	}
	return Audio{Name: f.str(a.Name)}
}

func (f *filler) audioPtr(a *Audio) *Audio {
	if a == nil {
		return nil
	}
	c := f.audio(*a)
	return &c
}

func (f *filler) audios(in Audios) Audios {
	if in == nil {
		return nil
	}
	out := make(Audios, len(in))
	for i, a := range in {
		out[i] = f.audio(a)
	}
	return out
}

func (f *filler) targets(in Targets) Targets {
	if in == nil {
		return nil
	}
	out := make(Targets, len(in))
	for i := range in {
		out[i] = in[i].fill(f)
	}
	return out
}
