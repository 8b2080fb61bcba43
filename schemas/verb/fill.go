package verb

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/offhook/offhook/schemas/ssml"
	"github.com/offhook/offhook/schemas/template"
)

// Lookup gives a variable's value as it is put into a string; false: there is no such variable.
type Lookup = template.Lookup

// UnknownVariableError says that a placeholder names no variable.
type UnknownVariableError = template.UnknownError

// BraceError says that a brace opens no placeholder: a single brace is written twice.
type BraceError = template.BraceError

// Fill gives v with every {name} in its strings replaced by its value: URLs, map values and any-typed data too.
// In URLs values are percent-encoded, except where the placeholder is the URL's beginning; in HTML and SSML they are escaped. Nested documents are
// not filled, for they are filled when they run. What nothing changes in is shared with v, or is v itself: nobody changes a
// document. The error is the first *UnknownVariableError or *BraceError.
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
	lookup  Lookup
	err     error
	changed int // strings
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

// speech: values are text in SSML and nothing more, and no text becomes SSML by a value.
func (f *filler) speech(s string) string {
	if ssml.Is(s) {
		return f.expand(s, template.ForXML)
	}
	out := f.expand(s, template.AsIs)
	if ssml.Is(out) {
		out = plainMark + out
	}
	return out
}

// plainMark is a character without sound or width.
const plainMark = "\u200b"

func (f *filler) expand(s string, encode template.Encode) string {
	out, err := template.Expand(s, f.lookup, encode)
	if err != nil {
		f.fail(err)
	}
	if out != s {
		f.changed++
	}
	return out
}

// filledList gives in with each item filled, in itself when nothing changed.
func filledList[T any](f *filler, in []T, fill func(T) T) []T {
	out, own := in, false
	for i, item := range in {
		was := f.changed
		item = fill(item)
		if f.changed == was {
			continue
		}
		if !own {
			out, own = slices.Clone(in), true
		}
		out[i] = item
	}
	return out
}

// filledMap is filledList for values of a map.
func filledMap[T any](f *filler, in map[string]T, fill func(T) T) map[string]T {
	out, own := in, false
	for k, item := range in {
		was := f.changed
		item = fill(item)
		if f.changed == was {
			continue
		}
		if !own {
			out, own = maps.Clone(in), true
		}
		out[k] = item
	}
	return out
}

// filledPtr is filledList for one that may be nil.
func filledPtr[T any](f *filler, in *T, fill func(T) T) *T {
	if in == nil {
		return nil
	}
	was := f.changed
	item := fill(*in)
	if f.changed == was {
		return in
	}
	own := item
	return &own
}

func (f *filler) strs(in Strings) Strings { return filledList(f, in, f.str) }

func (f *filler) strMap(in map[string]string) map[string]string { return filledMap(f, in, f.str) }

func (f *filler) anyMap(in map[string]any) map[string]any { return filledMap(f, in, f.any) }

func (f *filler) any(v any) any {
	switch v := v.(type) {
	case string:
		return f.str(v)
	case map[string]any:
		return f.anyMap(v)
	case []any:
		return filledList(f, v, f.any)
	}
	return v
}

func (f *filler) do(d Do) Do { return Do{URL: f.url(d.URL), Document: d.Document} }

func (f *filler) doPtr(d *Do) *Do { return filledPtr(f, d, f.do) }

func (f *filler) doMap(in map[string]Do) map[string]Do { return filledMap(f, in, f.do) }

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

func (f *filler) audioPtr(a *Audio) *Audio { return filledPtr(f, a, f.audio) }

func (f *filler) audios(in Audios) Audios { return filledList(f, in, f.audio) }

func (f *filler) targets(in Targets) Targets {
	return filledList(f, in, func(t Target) Target { return t.fill(f) })
}
