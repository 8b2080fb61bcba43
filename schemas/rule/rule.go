// Package rule reads the schema files into rules that are cheap to apply: a strict subset of JSON Schema in which
// alternatives differ by JSON type or by one tag property. It judges no document; schemas/check does.
package rule

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/offhook/offhook/schemas/format"
	"github.com/offhook/offhook/schemas/tree"
)

// Rule is one schema.
type Rule struct {
	Path   string // "verb/dial.json", "verb/definitions.json#/$defs/audio"
	Doc    Doc
	Go     Go
	Ref    *Rule    // set: only Path, Doc and Go are this rule's own, the rest is Ref's
	Any    bool     // every value is good
	Enum   []string // set: only these strings
	Text   *Text
	Number *Number
	Bool   bool
	Null   bool // null is good too
	Object *Object
	List   *List
	Union  []*Rule // alternatives of different JSON types
	Tag    *Tag
}

// Doc is what a schema tells people.
type Doc struct {
	Title, Description string
	Group              string // x-group: what it stands among in a list
	Default            json.RawMessage
	Examples           []json.RawMessage
}

// Go is how a schema becomes Go: the x-go keywords.
type Go struct {
	Name    string // of the struct or field
	Type    string // instead of one derived
	Pointer bool   // a pointer to the type
	Always  bool   // written even when empty
	Embed   *Rule  // embedded struct whose properties these include
}

// Text is a rule for strings.
type Text struct {
	Format            string
	MinLen, MaxLen    int           // in characters; MaxLen 0: no bound
	Shortest, Longest time.Duration // format duration; both 0: no bound
}

// Number is a rule for numbers.
type Number struct {
	Integer  bool
	Min, Max *float64
}

// Object is a rule for objects.
type Object struct {
	Properties []Property
	Values     *Rule    // of properties not listed; nil: no others
	Names      *Rule    // of property names not listed
	OneOf      []string // exactly one of these must be there
	AnyOf      []string // at least one of these must be there
	MaxCount   int      // 0: no bound
	index      map[string]int
}

// Property is one property of an object.
type Property struct {
	Name     string
	Required bool
	Rule     *Rule
}

// List is a rule for arrays.
type List struct {
	Items    *Rule
	Min, Max int // Max 0: no bound
}

// Tag tells objects apart by the string in one property.
type Tag struct {
	Property string
	Names    []string // in the order of the schema
	Cases    map[string]*Rule
}

// Find gives the rule of a listed property.
func (o *Object) Find(name string) (*Property, int) {
	if i, ok := o.index[name]; ok {
		return &o.Properties[i], i
	}
	return nil, -1
}

// Resolve follows Ref to the rule that holds the constraints.
func (r *Rule) Resolve() *Rule {
	for r.Ref != nil {
		r = r.Ref
	}
	return r
}

// Title is the nearest title on the way along Ref.
func (r *Rule) Title() string { return r.nearest(func(d *Doc) string { return d.Title }) }

// Description is the nearest description on the way along Ref.
func (r *Rule) Description() string { return r.nearest(func(d *Doc) string { return d.Description }) }

func (r *Rule) nearest(get func(*Doc) string) string {
	for ; r != nil; r = r.Ref {
		if s := get(&r.Doc); s != "" {
			return s
		}
	}
	return ""
}

// Default is the default's JSON; nil when there is none.
func (r *Rule) Default() json.RawMessage {
	for ; r != nil; r = r.Ref {
		if r.Doc.Default != nil {
			return r.Doc.Default
		}
	}
	return nil
}

// Example is the first example, or the default; nil when there is neither.
func (r *Rule) Example() json.RawMessage {
	for at := r; at != nil; at = at.Ref {
		if len(at.Doc.Examples) > 0 {
			return at.Doc.Examples[0]
		}
	}
	return r.Default()
}

// Accepts is true when some value of this JSON type may be good.
func (r *Rule) Accepts(kind tree.Kind) bool {
	r = r.Resolve()
	for _, u := range r.Union {
		if u.Accepts(kind) {
			return true
		}
	}
	switch kind {
	case tree.Null:
		return r.Any || r.Null
	case tree.Bool:
		return r.Any || r.Bool
	case tree.Number:
		return r.Any || r.Number != nil
	case tree.String:
		return r.Any || r.Text != nil || r.Enum != nil
	case tree.Array:
		return r.Any || r.List != nil
	}
	return r.Any || r.Object != nil || r.Tag != nil
}

// Name is the last part of Path: "dial", "audio".
func (r *Rule) Name() string {
	name := r.Path[strings.LastIndexByte(r.Path, '/')+1:]
	return strings.TrimSuffix(name, ".json")
}

// Filled is true for strings in which {name} is replaced when the verb runs.
func (r *Rule) Filled() bool {
	r = r.Resolve()
	return r.Text != nil && r.Enum == nil && !format.Fixed(r.Text.Format)
}
